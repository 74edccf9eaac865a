"""How fast talking faces are made: on one core, and live for several viewers at once."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import aclosing
from multiprocessing import get_context
from threading import Event
from typing import Any

from empatheia.avatar.v1 import avatar_pb2
from empatheia.common.v1 import style_pb2

from benchmarks.spoken_reply import Reply
from runtime.clients.in_process import InProcessTransport
from runtime.clients.transport import CallKey
from runtime.rpc import RENDER
from runtime.settings import Settings
from services.avatar.backends import VideoForm
from services.avatar.backends.drawn import DrawnBackend
from services.avatar.service import AvatarService

_KEY = CallKey("bench", "render")


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


def live(settings: Settings, reply: Reply, sessions: int, size: int) -> dict[str, Any]:
    """Feeds voices at the pace of speech to videos side by side, and measures how soon videos start and stop.

    A picture is late if its fragment comes after its own time, when the viewer starts playing at the first
    fragment plus 0.3 s of buffer. `first_fragment_ms` is taken with a voice that comes as fast as it is read,
    as a synthesizer gives it: from the first chunk of voice to the first fragment.

    Args:
        settings: For the service; its replicas are processes, as `empatheia up` starts them.
        reply: What is said.
        sessions: Videos at the same time, shared out among the replicas.
        size: Of the pictures.
    """
    replicas = min(sessions, settings.service("avatar").replicas)
    shares = [range(first, sessions, replicas) for first in range(replicas)]
    with ProcessPoolExecutor(replicas, mp_context=get_context("spawn")) as pool:
        counts = list(
            pool.map(_replica, *zip(*((settings, reply, seeds, size) for seeds in shares), strict=True))
        )
    return {
        "sessions": sessions,
        "replicas": replicas,
        "fragments": sum(total for total, _ in counts),
        "late_fragments": sum(late for _, late in counts),
        **asyncio.run(_starts_and_stops(settings, reply, size)),
    }


def _replica(settings: Settings, reply: Reply, seeds: range, size: int) -> tuple[int, int]:
    """Serves some sessions in this process: fragments, and how many of them were late."""

    async def all_of_them() -> tuple[int, int]:
        transport = InProcessTransport({"avatar": AvatarService(settings)})
        await transport.start()
        counts = await asyncio.gather(*(_session(transport, reply, seed, size) for seed in seeds))
        await transport.stop()
        return sum(total for total, _ in counts), sum(late for _, late in counts)

    return asyncio.run(all_of_them())


async def _session(transport: InProcessTransport, reply: Reply, seed: int, size: int) -> tuple[int, int]:
    arrived: list[tuple[float, float]] = []
    requests = reply.requests(paced=True, size=size, seed=seed)
    async for response in transport.stream(RENDER, requests, _KEY):
        if response.WhichOneof("part") == "chunk":
            arrived.append((response.chunk.pts_s, time.perf_counter()))
    origin = arrived[0][1] + 0.3
    return len(arrived), sum(at > origin + pts_s for pts_s, at in arrived)


async def _starts_and_stops(settings: Settings, reply: Reply, size: int) -> dict[str, Any]:
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
    stop: list[float] = []
    for seed in range(5):
        got = transport.stream(RENDER, reply.requests(size=size, seed=seed), _KEY)
        await anext(got)
        await anext(got)
        asked = time.perf_counter()
        await got.aclose()  # type: ignore[attr-defined]
        stop.append(1000 * (time.perf_counter() - asked))
    await transport.stop()
    return {"first_fragment_ms": spread(first), "cancel_ms": spread(stop)}


def spread(values: Iterable[float]) -> dict[str, float]:
    """Median and range."""
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered), 1),
        "min": round(ordered[0], 1),
        "max": round(ordered[-1], 1),
    }
