"""`empatheia bench reasoning`: the embedded reasoner by itself, and beside other engines on the same weights.

Everything runs in this process. What is compared is measured by turns in the same run, so that a busy machine
is busy for all.
"""

import asyncio
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from empatheia.common.v1 import dialogue_pb2
from empatheia.reasoning.v1 import reasoning_pb2

from agents.step import UtteranceData
from benchmarks.chains import Chain, Sample, chain, samples
from benchmarks.reasoning_engines import Engine, OpenVino, Speed, Transformers, products
from runtime.clients.in_process import InProcessTransport
from runtime.clients.transport import CallKey
from runtime.errors import Internal
from runtime.rpc import GENERATE
from runtime.settings import Settings
from services.perception.service import PerceptionService
from services.reasoning import smollm2
from services.reasoning.service import ReasoningService

_WRITTEN = 48
_AT_ONCE = 4
_ROUNDS = 3
_STORIES = (
    "My grandmother taught me to bake, and today I found her recipe book in a box under the stairs.",
    "I was passed over for the job I had trained two years for, and they told me in front of everyone.",
    "My son took his first steps this morning while my wife was away, and I caught it on film.",
    "Somebody broke into our cellar again; they took my bike, the one I paid for with my first wages.",
    "I have to give a speech at my sister's wedding on Saturday, and my hands shake when I think of it.",
    "The doctor rang: the lump is harmless. I sat down on the kitchen floor and cried.",
    "My best friend has moved to another country, and I eat my lunch alone now.",
    "My neighbour plays drums until midnight, and he laughs when I ask him to stop.",
    "We adopted an old dog from the shelter. She slept with her head on my shoe all evening.",
)
"""Dialogues of one utterance where no data are given: one to warm up, four one by one, four at once."""


@dataclass(frozen=True)
class _Told:
    """One answer of the service as its caller saw it."""

    total_s: float
    result: reasoning_pb2.GenerateResult


class _Service(Engine):
    """Our own engine, through its contract."""

    name = "empatheia"

    def __init__(self, transport: InProcessTransport) -> None:
        self._transport = transport
        self.prompt_tokens = 0
        """Of the newest round's first prompt."""

    async def speed(self, contexts: Sequence[reasoning_pb2.ReasoningContext]) -> Speed:
        """See `Engine.speed`."""
        fresh = await self._ask(contexts[0], 1)
        self.prompt_tokens = fresh.result.usage.prompt_tokens
        read = self.prompt_tokens - fresh.result.usage.cached_tokens
        first = await self._ask(contexts[0], 1)
        cpu = time.process_time()
        one = await self._ask(contexts[0], _WRITTEN)
        cpu = time.process_time() - cpu
        for context in contexts:
            await self._ask(context, 1)
        began = time.perf_counter()
        several = await asyncio.gather(*(self._ask(context, _WRITTEN) for context in contexts))
        took = time.perf_counter() - began
        return Speed(
            read=read / fresh.total_s,
            first_ms=first.total_s * 1000,
            write=(one.result.usage.completion_tokens - 1) / (one.total_s - first.total_s),
            write_cpu=one.result.usage.completion_tokens / cpu,
            write_several=sum(told.result.usage.completion_tokens for told in several) / took,
        )

    async def _ask(self, context: reasoning_pb2.ReasoningContext, tokens: int) -> _Told:
        options = reasoning_pb2.GenerationOptions(max_tokens=tokens, stop=["\x00"])
        request = reasoning_pb2.GenerateRequest(context=context, options=options)
        began = time.perf_counter()
        result = None
        key = CallKey(f"{context.system[:7]}: {context.dialogue[0].text[:24]}", "bench")
        async for response in self._transport.stream(GENERATE, request, key):
            if response.HasField("result"):
                result = response.result
        if result is None:
            raise Internal("an answer ended without a result", reason="NO_RESULT")
        return _Told(time.perf_counter() - began, result)


async def run(
    settings: Settings, data: Path | None, others: bool, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Measures the service, the chain, and other engines that are installed.

    Args:
        settings: The reasoner's options, and the home that holds its model.
        data: Dialogues, as `corpus.load` reads them; also measures what each kind of product loses on the
            first twelve.
        others: Whether to measure other engines, too.
        progress: Told what is being done.

    Returns:
        Tokens a second; milliseconds; medians with smallest and largest.
    """
    progress("starting")
    services = {"perception": PerceptionService(settings), "reasoning": ReasoningService(settings)}
    await services["perception"].start()
    smollm2.ensure(settings.home)
    began = time.perf_counter()
    await services["reasoning"].start()
    start_s = time.perf_counter() - began
    transport = InProcessTransport(services)
    threads = int(settings.service("reasoning").options.get("threads", 1))
    result: dict[str, Any] = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "date": datetime.now(UTC).date().isoformat(),
        "load_average": round(os.getloadavg()[0], 1),
        "threads": threads,
        "start_s": round(start_s, 2),
    }
    try:
        drawn = samples(data, 3 * _AT_ONCE + 1, 7) if data else list(map(_sample, _STORIES))
        result |= await _chains(transport, drawn, progress)
        ours = _Service(transport)
        engines: list[Engine] = [ours]
        if others:
            kinds: list[type[OpenVino] | type[Transformers]] = [OpenVino, Transformers]
            for kind in kinds:
                progress(f"loading {kind.name}")
                if (engine := kind.load(settings.home, threads, _WRITTEN)) is not None:
                    engines.append(engine)
        result["engines"] = await _engines(engines, progress)
        result["engines"]["prompt_tokens"] = ours.prompt_tokens
        result["engines"]["written"] = _WRITTEN
    finally:
        for service in services.values():
            await service.stop()
    if data:
        progress("products")
        result["products"] = products(settings.home, data, threads)
    return result


async def _engines(engines: Sequence[Engine], progress: Callable[[str], None]) -> dict[str, Any]:
    found: dict[str, list[Speed]] = {engine.name: [] for engine in engines}
    for number in range(_ROUNDS):
        contexts = [_context(number, story) for story in _STORIES[:_AT_ONCE]]
        for engine in engines:
            progress(f"{engine.name}, round {number + 1} of {_ROUNDS}")
            found[engine.name].append(await engine.speed(contexts))
    table: dict[str, Any] = {}
    for name, speeds in found.items():
        table[name] = {
            field: _spread([value for speed in speeds if (value := getattr(speed, field)) is not None])
            for field in Speed.__dataclass_fields__
            if any(getattr(speed, field) is not None for speed in speeds)
        }
    ours = table[engines[0].name]
    for name in found:
        if name != engines[0].name:
            table[name]["ours_is_faster_by"] = {
                field: round(ours[field]["median"] / table[name][field]["median"], 2)
                for field in ("read", "write", "write_cpu", "write_several")
                if field in table[name]
            }
    ours["gain_of_four"] = round(ours["write_several"]["median"] / ours["write"]["median"], 2)
    return table


async def _chains(
    transport: InProcessTransport, drawn: Sequence[Sample], progress: Callable[[str], None]
) -> dict[str, Any]:
    """Chains one by one, then four at once; the first only warms up."""
    progress("chains one by one")
    await chain(transport, drawn[0], "warm", 1)
    cpu = time.process_time()
    middle = 1 + (len(drawn) - 1) // (2 * _AT_ONCE) * _AT_ONCE
    alone = [
        await chain(transport, sample, f"one-{index}", 1) for index, sample in enumerate(drawn[1:middle])
    ]
    own = [time.process_time() - cpu]
    together: list[Chain] = []
    cpu = time.process_time()
    for start in range(middle, len(drawn) - _AT_ONCE + 1, _AT_ONCE):
        progress("four chains at once")
        group = drawn[start : start + _AT_ONCE]
        together += await asyncio.gather(
            *(chain(transport, sample, f"four-{start + i}", 1) for i, sample in enumerate(group))
        )
    own.append(time.process_time() - cpu)
    one, four = (
        _times(chains) | {"cpu_ms_perception_included": round(cpu / len(chains) * 1000)}
        for chains, cpu in zip((alone, together), own, strict=True)
    )
    return {"chain": one, "four_chains_at_once": four}


def _times(chains: Sequence[Chain]) -> dict[str, Any]:
    steps: dict[str, Any] = {}
    for place, step in enumerate(chains[0].steps):
        own = [chain.steps[place] for chain in chains]
        asked = sum(one.usage.get("prompt_tokens", 0) for one in own)
        cached = sum(one.usage.get("cached_tokens", 0) for one in own)
        steps[step.name] = {
            "ms": _spread([one.ms for one in own]),
            "tokens_of_prompts": round(asked / len(own)),
            "of_these_cached": round(cached / len(own)),
            "tokens_read": round((asked - cached) / len(own)),
        }
    return {
        "chains": len(chains),
        "first_word_ms": _spread([chain.first_word_s * 1000 for chain in chains]),
        "last_word_ms": _spread([chain.total_s * 1000 for chain in chains]),
        "steps": steps,
    }


def _sample(story: str) -> Sample:
    return Sample("", [UtteranceData(role="speaker", text=story)])


def _context(number: int, story: str) -> reasoning_pb2.ReasoningContext:
    """A context of some 250 tokens that no other round has."""
    return reasoning_pb2.ReasoningContext(
        system=f"Talk {number}. A friend listens, and tells at length what they think of it. " * 6,
        dialogue=[dialogue_pb2.Utterance(role=dialogue_pb2.ROLE_SPEAKER, text=" ".join([story] * 6))],
        instruction="Friend:",
    )


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 1),
        "min": round(min(values), 1),
        "max": round(max(values), 1),
    }
