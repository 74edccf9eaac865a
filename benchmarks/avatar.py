"""`empatheia bench avatar`: what the finished videos show, and how fast they are made.

Sound, times and picture are measured in the finished MP4, not in what was asked of it. The voice is the
embedded one, planned and spoken in this process.
"""

import asyncio
import io
import os
import platform
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import numpy as np
from empatheia.avatar.v1 import avatar_pb2
from empatheia.common.v1 import content_pb2, style_pb2
from empatheia.speech.v1 import speech_pb2
from empatheia.synchronizer.v1 import synchronizer_pb2
from numpy.typing import NDArray

from benchmarks.av_offset import Film, Floats, lip_opening, offset, read
from runtime.clients.in_process import InProcessTransport
from runtime.clients.transport import CallKey
from runtime.rpc import RENDER, SYNCHRONIZE, SYNTHESIZE
from runtime.settings import Settings
from services.avatar.backends import VideoForm
from services.avatar.backends.drawn import DrawnBackend
from services.avatar.service import AvatarService
from services.speech.service import SpeechService
from services.synchronizer.service import SynchronizerService

TEXT = (
    "I am so sorry about your dog. Twelve years is a big part of a life, and the house must feel empty now.",
    "Maybe it helps to remember a happy moment, a walk by the river or a lazy morning in bed.",
    "People often blame themselves, but from what you tell me, you gave him a warm and playful home.",
    "Please be patient with yourself. Grief comes in waves, and both, the big and the small, pass by.",
    "Would you like to tell me about the best day that you two spent together?",
)

_KEY = CallKey("bench", "render")
_CHUNK_S = 0.04
_WINDOW_S = 20.0
_STILL = 2
"""Pictures in a row that look alike count as frozen from here on."""


@dataclass(frozen=True)
class Reply:
    """A spoken reply."""

    segments: list[content_pb2.ContentSegment]
    """Times on the speech clock."""
    samples: NDArray[np.int16]
    rate: int

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.samples) / self.rate

    def repeated(self, seconds: float) -> "Reply":
        """The same words again and again, for at least so long; times go on."""
        segments = []
        times = max(1, round(np.ceil(seconds / self.seconds)))
        for turn in range(times):
            for segment in self.segments:
                copy = content_pb2.ContentSegment()
                copy.CopyFrom(segment)
                for items in (copy.visemes, copy.phonemes, copy.words):
                    for item in items:
                        item.start_s += turn * self.seconds
                        item.end_s += turn * self.seconds
                segments.append(copy)
        return Reply(segments, np.tile(self.samples, times), self.rate)

    async def requests(self, paced: bool = False, **start: Any) -> AsyncIterator[avatar_pb2.RenderRequest]:
        """The whole stream of a call.

        Args:
            paced: Send each chunk when its time has come, as a live voice would.
            start: Fields of `RenderStart`.
        """
        yield avatar_pb2.RenderRequest(start=avatar_pb2.RenderStart(sample_rate=self.rate, **start))
        began, waiting = time.perf_counter(), list(self.segments)
        step = round(_CHUNK_S * self.rate)
        for first in range(0, len(self.samples), step):
            at = first / self.rate
            while waiting and (
                not waiting[0].visemes or waiting[0].visemes[0].start_s <= at + _CHUNK_S + 0.3
            ):
                yield avatar_pb2.RenderRequest(spoken=waiting.pop(0))
            if paced:
                await asyncio.sleep(max(0.0, began + at - time.perf_counter()))
            data = self.samples[first : first + step].astype("<i2").tobytes()
            yield avatar_pb2.RenderRequest(audio=avatar_pb2.VoiceChunk(data=data, pts_s=at))


async def speak(settings: Settings, sentences: Iterable[str] = TEXT) -> Reply:
    """Plans and speaks sentences with the services of the settings, in this process."""
    transport = InProcessTransport(
        {"synchronizer": SynchronizerService(settings), "speech": SpeechService(settings)}
    )
    await transport.start()

    async def plan() -> AsyncIterator[synchronizer_pb2.SynchronizeRequest]:
        yield synchronizer_pb2.SynchronizeRequest(start=synchronizer_pb2.SynchronizeStart())
        for index, text in enumerate(sentences):
            yield synchronizer_pb2.SynchronizeRequest(
                sentence=synchronizer_pb2.Sentence(index=index, text=text)
            )

    async def planned() -> AsyncIterator[speech_pb2.SynthesizeRequest]:
        yield speech_pb2.SynthesizeRequest(start=speech_pb2.SynthesizeStart())
        async for response in transport.stream(SYNCHRONIZE, plan(), _KEY):
            yield speech_pb2.SynthesizeRequest(segment=response.segment)

    segments, parts, rate = [], [], 0
    async for response in transport.stream(SYNTHESIZE, planned(), _KEY):
        kind = response.WhichOneof("part")
        if kind == "header":
            rate = response.header.sample_rate
        elif kind == "spoken":
            segments.append(response.spoken)
        elif kind == "audio":
            parts.append(np.frombuffer(response.audio.data, "<i2").astype(np.int16))
    await transport.stop()
    return Reply(segments, np.concatenate(parts), rate)


def run(
    settings: Settings, minutes: float, sessions: int, size: int, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Measures videos and speed.

    Args:
        settings: Backends of synchronizer and speech.
        minutes: Length of the long reply.
        sessions: Live videos at the same time.
        size: Of the pictures whose speed is measured.
        progress: Told what is being done.

    Returns:
        Offsets in milliseconds (positive: sound early), shares from 0 to 1, pictures a second.
    """
    progress("speaking")
    reply = asyncio.run(speak(settings))
    backend = DrawnBackend({})
    backend.load()
    result: dict[str, Any] = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "date": datetime.now(UTC).date().isoformat(),
        "load": round(os.getloadavg()[0], 1),
    }
    progress("speed of one core")
    result["speed"] = {key.id: speed(backend, reply, key.id, size) for key in backend.avatars()}
    progress(f"{sessions} live videos")
    result["live"] = asyncio.run(live(settings, reply, sessions, size))
    progress(f"{minutes:g} minutes of speech")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "long.mp4"
        asyncio.run(film(settings, reply.repeated(60 * minutes), path, size=256, seed=1))
        result["sync"] = sync(read(path), reply.repeated(60 * minutes))
    return result


def speed(backend: DrawnBackend, reply: Reply, avatar: str, size: int) -> dict[str, Any]:
    """Draws and encodes the start of a reply with one thread; pictures a second over each quarter second."""
    form = VideoForm(avatar, style_pb2.Style(), 1, reply.rate, size, 25.0)
    video = backend.open(form)
    for segment in reply.segments:
        video.follow(segment)
    never, wall, cpu = Event(), [], []
    step = reply.rate // 4
    for first in range(0, 12 * reply.rate, step):
        before, began, work = video.frames, time.perf_counter(), time.process_time()
        for _ in video.speak(reply.samples[first : first + step], never):
            pass
        drawn = video.frames - before
        if first > reply.rate and drawn:
            wall.append(drawn / (time.perf_counter() - began))
            cpu.append(drawn / (time.process_time() - work))
    video.close()
    return {"wall": spread(wall), "cpu": spread(cpu)}


async def live(settings: Settings, reply: Reply, sessions: int, size: int) -> dict[str, Any]:
    """Feeds voices at the pace of speech to videos side by side.

    A picture is late if its fragment comes after its own time, when the viewer starts playing at the first
    fragment plus 0.3 s of buffer. `first_fragment_ms` is taken with a voice that comes as fast as it is read,
    as a synthesizer gives it: from the first chunk of voice to the first fragment.
    """
    transport = InProcessTransport({"avatar": AvatarService(settings)})
    await transport.start()
    first: list[float] = []
    for seed in range(12):
        began = 0.0

        async def stream(seed: int = seed) -> AsyncIterator[avatar_pb2.RenderRequest]:
            nonlocal began
            async for request in reply.requests(size=size, seed=seed):
                if request.WhichOneof("part") == "audio" and not began:
                    began = time.perf_counter()
                yield request

        async with aclosing(transport.stream(RENDER, stream(), _KEY)) as responses:  # type: ignore[type-var]
            async for response in responses:
                if response.WhichOneof("part") == "chunk":
                    first.append(1000 * (time.perf_counter() - began))
                    break
    late = total = 0

    async def one(seed: int) -> None:
        nonlocal late, total
        starts: list[tuple[float, float]] = []
        async for response in transport.stream(
            RENDER, reply.requests(paced=True, size=size, seed=seed), _KEY
        ):
            if response.WhichOneof("part") == "chunk":
                starts.append((response.chunk.pts_s, time.perf_counter()))
        origin = starts[0][1] + 0.3
        total += len(starts)
        late += sum(arrived > origin + pts_s for pts_s, arrived in starts)

    await asyncio.gather(*(one(seed) for seed in range(sessions)))
    stop: list[float] = []
    for seed in range(5):
        got = transport.stream(RENDER, reply.requests(size=size, seed=seed), _KEY)
        await anext(got)
        await anext(got)
        asked = time.perf_counter()
        await got.aclose()  # type: ignore[attr-defined]
        stop.append(1000 * (time.perf_counter() - asked))
    await transport.stop()
    return {
        "sessions": sessions,
        "fragments": total,
        "late_fragments": late,
        "first_fragment_ms": spread(first),
        "cancel_ms": spread(stop),
    }


async def film(settings: Settings, reply: Reply, path: Path, **start: Any) -> None:
    """Renders a reply into a file."""
    transport = InProcessTransport({"avatar": AvatarService(settings)})
    await transport.start()
    data = io.BytesIO()
    async for response in transport.stream(RENDER, reply.requests(**start), _KEY):
        if response.WhichOneof("part") == "chunk":
            data.write(response.chunk.data)
    await transport.stop()
    await asyncio.to_thread(path.write_bytes, data.getvalue())


def sync(film: Film, reply: Reply) -> dict[str, Any]:
    """Measures whether picture, sound and the known times of the sounds belong together.

    Returns:
        Offsets over windows of 20 s, their drift, lips on bilabials, frame times.
    """
    opening = lip_opening(film.pictures)
    gaps = np.diff(film.times)
    step = float(np.median(gaps))
    alike = [np.array_equal(a, b) for a, b in pairwise(film.pictures)]
    result: dict[str, Any] = {
        "minutes": round(float(film.times[-1] + step) / 60, 2),
        "pictures": len(film.times),
        "dropped": int(np.sum(np.abs(gaps - step) > 0.001)),
        "frozen": sum(all(alike[i : i + _STILL]) for i in range(len(alike) - _STILL + 1)),
    }
    if opening is None:
        return result | {"face": "none was found"}
    middles, found, fits = [], [], []
    for start in np.arange(0, film.times[-1] - _WINDOW_S / 2, _WINDOW_S):
        inside = (film.times >= start) & (film.times < start + _WINDOW_S)
        here = offset(film.times[inside], opening[inside], film.sound, film.rate)
        if here:
            middles.append(start + _WINDOW_S / 2)
            found.append(here.ms)
            fits.append(here.correlation)
    if found:
        result["offset_ms"] = {
            "median": round(statistics.median(found), 1),
            "p1": round(float(np.percentile(found, 1)), 1),
            "p99": round(float(np.percentile(found, 99)), 1),
            "windows": len(found),
            "correlation": round(statistics.median(fits), 2),
        }
    if len(found) > 2:
        result["drift_ms_per_minute"] = round(60 * float(np.polyfit(middles, found, 1)[0]), 2)
    return result | closures(film.times, opening, reply)


def closures(times: Floats, opening: Floats, reply: Reply) -> dict[str, Any]:
    """Looks for a picture with closed lips in every p, b and m.

    Closed is what is at most a tenth of the way from the mouth at rest (the 5th percentile) to a wide one
    (the 95th). A sound shorter than the time between two pictures is looked for in the picture next to it.
    """
    low, high = np.percentile(opening, (5, 95))
    closed = low + 0.1 * (high - low)
    half_picture = float(np.median(np.diff(times))) / 2
    total = shut = 0
    for viseme in _named(reply, "PP"):
        inside = (times >= viseme.start_s - half_picture) & (times <= viseme.end_s + half_picture)
        if inside.any():
            total += 1
            shut += bool(opening[inside].min() <= closed)
    return {"bilabials": total, "bilabials_closed": round(shut / total, 4) if total else None}


def _named(reply: Reply, name: str) -> Iterator[content_pb2.Viseme]:
    for segment in reply.segments:
        yield from (viseme for viseme in segment.visemes if viseme.name == name)


def spread(values: Iterable[float]) -> dict[str, float]:
    """Median and range."""
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered), 1),
        "min": round(ordered[0], 1),
        "max": round(ordered[-1], 1),
    }
