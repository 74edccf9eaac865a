"""Interruptions: requests are read while a segment is spoken, and what was heard is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from types import TracebackType

from empatheia.common.v1 import content_pb2
from empatheia.speech.v1 import speech_pb2

from runtime.errors import InvalidInput
from services.speech.checks import checked_time

_AHEAD = 64
"""Segments that are read before they are spoken; an interruption behind more of them is seen late."""


class Requests:
    """The parts of a call behind its start: segments in order, and perhaps an interruption among them."""

    def __init__(self, incoming: AsyncIterator[speech_pb2.SynthesizeRequest]) -> None:
        """Takes what comes in; use it in `async with`."""
        self._incoming = incoming
        self._segments: asyncio.Queue[content_pb2.ContentSegment | Exception | None] = asyncio.Queue(_AHEAD)
        self.interrupted: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        """How far the reply was played when the listener spoke over it, in seconds."""

    async def __aenter__(self) -> "Requests":
        """Begins to read."""
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends reading."""
        self._reader.cancel()
        with suppress(asyncio.CancelledError):
            await self._reader
        self.interrupted.cancel()

    async def segment(self) -> content_pb2.ContentSegment | None:
        """The next segment; None at the end.

        Raises:
            InvalidInput: Something else came.
        """
        found = await self._segments.get()
        if isinstance(found, Exception):
            raise found
        return found

    async def _read(self) -> None:
        try:
            async for request in self._incoming:
                part = request.WhichOneof("part")
                if part == "interrupt":
                    self.interrupted.set_result(
                        checked_time("interrupt.played_s", request.interrupt.played_s)
                    )
                    return
                if part != "segment":
                    raise InvalidInput.of("part", "only segments and interrupt may follow the start")
                await self._segments.put(request.segment)
            await self._segments.put(None)
        except Exception as error:
            # It is raised where segments are awaited.
            await self._segments.put(error)


def position(spoken: list[content_pb2.ContentSegment], played_s: float) -> speech_pb2.PlaybackPosition:
    """How far a listener got.

    Args:
        spoken: The segments of the call so far, on the speech clock.
        played_s: What was played, in seconds of that clock.
    """
    begun = [segment for segment in spoken if segment.start_s <= played_s]
    heard = [[word.text for word in segment.words if word.end_s <= played_s] for segment in begun]
    return speech_pb2.PlaybackPosition(
        played_s=played_s,
        segment=begun[-1].index if begun else -1,
        words=len(heard[-1]) if heard else 0,
        text=" ".join(word for words in heard for word in words),
    )
