"""Writes the trace of a turn beside its reply."""

from pathlib import Path

from cli.console import err
from cli.runfile import write_json
from runtime.errors import UnknownName
from runtime.settings import Settings

WAIT_S = 3.0
"""Longest that spans may take to arrive after the reply."""


def write_trace(settings: Settings, trace_id: str, target: Path) -> bool:
    """Exports a trace from the local store as OTLP JSON.

    Returns:
        Whether it was there; if not, an old file of that name is removed and the person is told.
    """
    from runtime.telemetry.setup import trace_store

    if not settings.telemetry.local_store:
        target.unlink(missing_ok=True)
        err.print(f"[yellow]no {target.name}: telemetry.local_store is off[/]")
        return False
    store = trace_store(settings)
    complete = store.complete(trace_id, WAIT_S)
    try:
        document = store.export(trace_id)
    except UnknownName:
        target.unlink(missing_ok=True)
        err.print(
            f"[yellow]no {target.name}: trace {trace_id} is not in this machine's store"
            " (does the gateway run elsewhere?)[/]"
        )
        return False
    if not complete:
        err.print(f"[yellow]{target.name}: some spans of the trace have not arrived[/]")
    write_json(target, document)
    return True
