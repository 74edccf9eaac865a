"""A turn that begins while its person still speaks."""

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

from opentelemetry.trace import Span

from agents.listening import Listening
from runtime.telemetry.schema import Attributes, Spans
from runtime.telemetry.tracing import span, within


@dataclass
class LiveTurn:
    """Perception that listens, under the span of the turn that will take its answer."""

    listening: Listening
    root: Span
    spans: ExitStack
    """Ends the span."""

    @classmethod
    def begin(cls, listen: Callable[[], Listening]) -> "LiveTurn":
        """Begins a turn.

        Args:
            listen: Opens the call.
        """
        spans = ExitStack()
        root = _root(spans)
        with within(root):
            return cls(listen(), root, spans)

    async def close(self) -> None:
        """Ends the call, and the span; may be called twice."""
        await self.listening.close()
        self.spans.close()


@asynccontextmanager
async def begun(live: LiveTurn | None) -> AsyncIterator[Span]:
    """Runs a block as a turn: one that has begun already, or a new one.

    Args:
        live: The turn that has begun.
    """
    with live.spans if live else ExitStack() as spans:
        try:
            yield live.root if live else _root(spans)
        finally:
            if live:
                await live.listening.close()


def _root(spans: ExitStack) -> Span:
    return spans.enter_context(span(Spans.TURN, {Attributes.KIND: "AGENT"}, current=False))
