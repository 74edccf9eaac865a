"""How soon speech ends when the listener speaks over it, or leaves."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
from empatheia.speech.v1 import speech_pb2

from runtime.clients.in_process import InProcessTransport
from runtime.clients.transport import CallKey
from runtime.rpc import SYNTHESIZE
from runtime.settings import load_settings
from services.speech.service import SpeechService
from services.synchronizer.backends.espeak import EspeakBackend

_KEY = CallKey("bench", "stop")
_LONG = "When you told me about your father I thought of how quiet the house must be now. "
_OWN, _OTHERS = 4, 45
"""How often it is said: the other sessions outlast what is timed."""
_WORKER = "iterate_in_thread"
_SESSIONS = (1, 4)
_SPREAD_CHUNKS = 40
_MOST_S = 30.0


def stops(repeats: int = 12) -> dict[str, dict[str, float]]:
    """Times ends at random moments of a long reply, in milliseconds, by the number of sessions at once.

    Returns:
        For each number of sessions, median and worst of `interrupt_ms`, from the listener's message to the
        summary with what was heard; of `cancel_ms`, how long a call takes to close; and of `work_ms`, until
        its thread has ended, which may finish a block of sound first.
    """
    return asyncio.run(_stops(repeats))


async def _stops(repeats: int) -> dict[str, dict[str, float]]:
    service = SpeechService(load_settings())
    await service.start()
    transport = InProcessTransport({"speech": service})
    rng = np.random.default_rng(0)
    found: dict[str, dict[str, float]] = {}
    for sessions in _SESSIONS:
        times: dict[str, list[float]] = {name: [] for name in ("interrupt_ms", "cancel_ms", "work_ms")}
        for _ in range(repeats):
            others = [asyncio.create_task(_listen(transport)) for _ in range(sessions - 1)]
            after = int(rng.integers(1, _SPREAD_CHUNKS))
            times["interrupt_ms"].append(1000 * await _interrupted(transport, after))
            for name, took in zip(("cancel_ms", "work_ms"), await _cancelled(transport, after), strict=True):
                times[name].append(1000 * took)
            for other in others:
                other.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        found[str(sessions)] = {
            f"{name}_{kind}": float(of(values))
            for name, values in times.items()
            for kind, of in (("median", np.median), ("worst", np.max))
        }
    return found


async def _requests(
    parts: Sequence[speech_pb2.SynthesizeRequest],
) -> AsyncIterator[speech_pb2.SynthesizeRequest]:
    for part in parts:
        yield part


def _long_reply(times: int = _OWN) -> list[speech_pb2.SynthesizeRequest]:
    segment = EspeakBackend({}).plan(0, _LONG * times, "en-us")
    start = speech_pb2.SynthesizeRequest(start=speech_pb2.SynthesizeStart())
    return [start, speech_pb2.SynthesizeRequest(segment=segment)]


async def _listen(transport: InProcessTransport) -> None:
    """Another session."""
    async for _ in transport.stream(SYNTHESIZE, _requests(_long_reply(_OTHERS)), _KEY):
        pass


async def _interrupted(transport: InProcessTransport, after: int) -> float:
    """Seconds from an interruption, behind so many chunks, to the summary."""
    spoken_over = asyncio.Event()

    async def requests() -> AsyncIterator[speech_pb2.SynthesizeRequest]:
        for part in _long_reply():
            yield part
        await spoken_over.wait()
        yield speech_pb2.SynthesizeRequest(interrupt=speech_pb2.Interrupt(played_s=0.04 * after))

    chunks, began = 0, 0.0
    async for response in transport.stream(SYNTHESIZE, requests(), _KEY):
        chunks += response.WhichOneof("part") == "audio"
        if chunks == after and not began:
            spoken_over.set()
            began = time.monotonic()
    if not response.summary.HasField("heard"):
        raise RuntimeError("the reply was not interrupted")
    return time.monotonic() - began


async def _cancelled(transport: InProcessTransport, after: int) -> tuple[float, float]:
    """Seconds that it takes to close a call, behind so many chunks, and until its thread has ended."""
    parts, before = _long_reply(), set(threading.enumerate())
    stream: Any = transport.stream(SYNTHESIZE, _requests(parts), _KEY)
    chunks = 0
    async for response in stream:
        chunks += response.WhichOneof("part") == "audio"
        if chunks == after:
            break
    (worker,) = [t for t in threading.enumerate() if t.name == _WORKER and t not in before]
    began = time.monotonic()
    await stream.aclose()
    closed = time.monotonic() - began
    await asyncio.to_thread(worker.join, _MOST_S)
    return closed, time.monotonic() - began
