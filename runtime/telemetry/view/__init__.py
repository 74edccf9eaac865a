"""Traces drawn for a person: the chain, and the waterfall of calls under it."""

from rich.console import Group, RenderableType

from runtime.telemetry.recorded import Trace
from runtime.telemetry.view.chain import chain
from runtime.telemetry.view.header import header
from runtime.telemetry.view.safe import Safe
from runtime.telemetry.view.waterfall import waterfall

__all__ = ["show"]


def show(trace: Trace) -> RenderableType:
    """Draws a trace; wants 80 columns, better 100."""
    parts = (
        [header(trace), chain(trace), waterfall(trace)]
        if trace.is_turn
        else [header(trace), waterfall(trace)]
    )
    return Safe(Group(*parts))
