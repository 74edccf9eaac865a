"""`empatheia bench converse`: how soon after the person's last word they are understood, and answered.

The same recording goes in twice: sent when it is complete, as `Respond` and earlier versions of `Converse`
take it, and spoken: in parts, as fast as it was recorded, while perception listens.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from empatheia.common.v1 import media_pb2
from empatheia.dialogue.v1 import dialogue_pb2

from benchmarks.perception_stream import repacked
from runtime.clients.grpc_transport import GrpcTransport
from runtime.clients.transport import CallKey, Transport
from runtime.errors import InvalidInput
from runtime.rpc import CONVERSE, RESPOND
from runtime.settings import Settings

_PART_S = 0.25
Recording = tuple[bytes, float, media_pb2.MediaKind]
"""Its bytes, its length in seconds, and whether it has pictures."""


@dataclass
class _Times:
    """Milliseconds from the last part of the recording to what came of it."""

    kind: media_pb2.MediaKind
    ended: float = 0.0
    seen: dict[str, float] = field(default_factory=dict)
    partials: int = 0
    """Transcripts that came before the last part was sent."""

    def note(self, event: dialogue_pb2.TurnEvent) -> bool:
        """Takes the next event; whether it is the last one wanted."""
        kind = event.WhichOneof("event")
        self.partials += kind == "transcript" and not self.ended
        if kind in ("perceived", "audio"):
            self.seen.setdefault(kind, (time.perf_counter() - self.ended) * 1000)
        return kind in ("audio", "reply")


def run(
    settings: Settings, recordings: Mapping[str, Recording], repeats: int, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Measures recordings on the running system.

    Args:
        settings: Where the system is.
        recordings: With words, sound or video, by name.
        repeats: How often each is sent in each way, after once to warm up.
        progress: Told what is being done.

    Returns:
        By name: `length_s`, `partials` that came while it was spoken, and for `whole` and `spoken`
        `perceived_ms` and `first_audio_ms` after the last part.
    """

    async def measured() -> dict[str, Any]:
        async with GrpcTransport(settings) as transport:
            return await measure(transport, recordings, repeats, progress)

    return asyncio.run(measured())


async def measure(
    transport: Transport, recordings: Mapping[str, Recording], repeats: int, progress: Callable[[str], None]
) -> dict[str, Any]:
    """See `run`."""
    result: dict[str, Any] = {}
    for name, (data, length, kind) in recordings.items():
        whole = [_Times(kind) for _ in range(repeats + 1)]
        spoken = [_Times(kind) for _ in range(repeats + 1)]
        for repeat in range(repeats + 1):
            progress(f"{name}, {repeat} of {repeats}" if repeat else f"{name}, warming up")
            await _whole(transport, data, whole[repeat])
            await _spoken(transport, data, length, spoken[repeat])
        result[name] = {
            "length_s": round(length, 2),
            "partials": spoken[-1].partials,
            "whole": _summed_up(whole[1:]),
            "spoken": _summed_up(spoken[1:]),
        }
    return result


def recording(file: Path, seconds: float) -> Recording:
    """Reads what is kept of a file.

    Raises:
        InvalidInput: It can't be read as sound or video.
    """
    try:
        data, length = repacked(file, seconds)
    except (OSError, ValueError) as error:  # PyAV's errors are one or the other
        raise InvalidInput.of("FILE", f"{file} can't be read: {error}", reason="UNREADABLE_MEDIA") from error
    video = b"V_" in data[:4096]  # Matroska's names of codecs for pictures begin so.
    return data, length, media_pb2.MEDIA_KIND_VIDEO if video else media_pb2.MEDIA_KIND_AUDIO


async def _whole(transport: Transport, data: bytes, times: _Times) -> None:
    request = dialogue_pb2.RespondRequest()
    request.media.add(header=media_pb2.MediaHeader(kind=times.kind, file_name="spoken.mkv"), data=data)
    times.ended = time.perf_counter()
    async with aclosing(transport.stream(RESPOND, request, CallKey("", "bench"))) as events:  # type: ignore[type-var]
        async for response in events:
            if times.note(response.event):
                return


async def _spoken(transport: Transport, data: bytes, length_s: float, times: _Times) -> None:
    enough = asyncio.Event()

    async def requests() -> AsyncIterator[dialogue_pb2.ConverseRequest]:
        yield dialogue_pb2.ConverseRequest(start=dialogue_pb2.TurnStart())
        yield _media(header=media_pb2.MediaHeader(kind=times.kind, file_name="spoken.mkv"))
        began = time.perf_counter()
        count = max(1, round(length_s / _PART_S))
        edges = [round(len(data) * index / count) for index in range(count + 1)]
        for index in range(count):
            await asyncio.sleep(max(0.0, began + (index + 1) * length_s / count - time.perf_counter()))
            piece = data[edges[index] : edges[index + 1]]
            yield _media(chunk=media_pb2.MediaChunk(data=piece, sequence=index))
        times.ended = time.perf_counter()
        yield _media(trailer=media_pb2.MediaTrailer(total_bytes=len(data)))
        yield dialogue_pb2.ConverseRequest(end=dialogue_pb2.EndOfTurn())
        await enough.wait()
        yield dialogue_pb2.ConverseRequest(interrupt=dialogue_pb2.Interrupt())

    async for response in transport.stream(CONVERSE, requests(), CallKey("", "bench")):
        if times.note(response.event):
            enough.set()


def _media(**part: Any) -> dialogue_pb2.ConverseRequest:
    return dialogue_pb2.ConverseRequest(media=media_pb2.MediaPart(**part))


def _summed_up(times: list[_Times]) -> dict[str, Any]:
    summary = {}
    for name, event in (("perceived_ms", "perceived"), ("first_audio_ms", "audio")):
        seen = sorted(one.seen[event] for one in times if event in one.seen)
        if seen:
            ordered = {"median": statistics.median(seen), "min": seen[0], "max": seen[-1]}
            summary[name] = {which: round(value) for which, value in ordered.items()}
    return summary
