"""`empatheia bench turn`: whole turns on the running system, as a person would send them."""

import asyncio
import os
import platform
import statistics
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from empatheia.dialogue.v1 import dialogue_pb2

from benchmarks.memory import PeakMemory
from runtime.clients.grpc_transport import GrpcTransport
from runtime.clients.transport import CallKey
from runtime.errors import Internal
from runtime.rpc import RESPOND
from runtime.settings import Settings
from runtime.telemetry.recorded import Trace
from runtime.telemetry.setup import trace_store

_TRACE_TIMEOUT_S = 5.0


def run(
    settings: Settings,
    request: dialogue_pb2.RespondRequest,
    pid: int,
    repeats: int,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Answers the same turn again and again, with a new seed each time, and sums up what was seen.

    Args:
        settings: Where the running system is.
        request: The turn.
        pid: Process of the running system, whose memory is watched.
        repeats: How many turns, after one that only warms up.
        progress: Told what is being done.

    Returns:
        Medians and ranges in milliseconds; memory in MiB; as shares of the turn, `outside_models`: the time
        during which no model of any service worked, and `orchestration`: the time during which not even the
        person's media were decoded.
    """
    with PeakMemory(pid) as peak:
        replies, traces = asyncio.run(_turns(settings, request, repeats, progress))
    names = replies[0].timings_ms.keys()
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "date": datetime.now(UTC).date().isoformat(),
        "preset": settings.preset,
        "repeats": repeats,
        "timings_ms": {name: _spread(reply.timings_ms[name] for reply in replies) for name in sorted(names)},
        "speech_s": _spread(reply.speech.duration_s for reply in replies),
        "outside_models": _spread(_outside(trace, media=False) for trace in traces),
        "orchestration": _spread(_outside(trace, media=True) for trace in traces),
        "peak_memory_mib": round(peak.bytes / 2**20),
    }


async def _turns(
    settings: Settings,
    request: dialogue_pb2.RespondRequest,
    repeats: int,
    progress: Callable[[str], None],
) -> tuple[list[dialogue_pb2.Reply], list[Trace]]:
    replies, traces = [], []
    store = trace_store(settings)
    async with GrpcTransport(settings) as transport:
        for index in range(repeats + 1):
            progress(f"turn {index} of {repeats}" if index else "warming up")
            request.options.seed = index
            reply = await _turn(transport, request)
            if index == 0:
                continue
            if reply.degraded:
                lost = ", ".join(f"{part.part}: {part.reason}" for part in reply.degraded)
                raise Internal(f"a turn lost a part ({lost}); its times say nothing", reason="DEGRADED")
            store.complete(reply.trace_id, _TRACE_TIMEOUT_S)
            replies.append(reply)
            traces.append(store.load(reply.trace_id))
    return replies, traces


async def _turn(transport: GrpcTransport, request: dialogue_pb2.RespondRequest) -> dialogue_pb2.Reply:
    reply: dialogue_pb2.Reply | None = None
    async for response in transport.stream(RESPOND, request, CallKey("", "bench")):
        if response.event.HasField("reply"):
            reply = response.event.reply
    if reply is None:
        raise Internal("a turn ended without a reply", reason="NO_RESULT")
    return reply


def _outside(trace: Trace, *, media: bool) -> float:
    if trace.turn is None:
        raise Internal("the trace of a turn was not recorded", reason="NO_TRACE")
    return 1 - trace.model_ms(media=media) / trace.turn.ms


def _spread(values: Iterable[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered), 3),
        "min": round(ordered[0], 3),
        "max": round(ordered[-1], 3),
    }
