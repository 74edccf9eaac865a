"""Several calls of the embedded model at the same time."""

import asyncio

import numpy as np
import pytest
from empatheia.reasoning.v1 import reasoning_pb2

from runtime import tensors
from runtime.clients.in_process import InProcessTransport
from runtime.clients.transport import CallKey
from runtime.rpc import CHOOSE, GENERATE
from tests.reasoning.test_embedded import SAID, ask, context, no_leaked_tasks, request

__all__ = ["no_leaked_tasks"]
pytestmark = pytest.mark.asyncio(loop_scope="session")

SYSTEM = "A kind friend listens to someone, and says in one sentence what happened and how it must feel. " * 6
SAMPLED = {"temperature": 0.9, "top_p": 0.95}


def candidate(seed: int, said: str = SAID) -> reasoning_pb2.GenerateRequest:
    return request(said, system=SYSTEM, options={**SAMPLED, "seed": seed, "max_tokens": 10})


async def test_an_answer_does_not_depend_on_what_else_runs(reasoner: InProcessTransport) -> None:
    wanted = [(seed, said) for seed in (1, 2) for said in (SAID, "I won the race, and my mum saw it!")]
    alone = [(await ask(reasoner, candidate(*which), ""))[1] for which in wanted]
    ballot = reasoning_pb2.ChooseRequest(
        context=context("It rains. " * 40, instruction="How do they feel?"),
        choices=[reasoning_pb2.Choice(label=label) for label in ("sad", "glad and proud", "bored")],
        evidence_weight=1.0,
    )
    chosen = await reasoner.unary(CHOOSE, ballot, CallKey("", "s"))
    *together, again = await asyncio.gather(
        *(ask(reasoner, candidate(*which), "") for which in wanted),
        reasoner.unary(CHOOSE, ballot, CallKey("", "s")),
    )
    for one, (_, other) in zip(alone, together, strict=True):
        assert one.text == other.text
        assert one.mean_logprob == other.mean_logprob
    assert chosen.distribution == again.distribution


async def test_candidates_of_a_context_read_it_once(reasoner: InProcessTransport) -> None:
    said = "My neighbour moved away, and I miss our talks over the fence."
    results = await asyncio.gather(*(ask(reasoner, candidate(seed, said), "cands") for seed in range(4)))
    read = [result.usage.prompt_tokens - result.usage.cached_tokens for _, result in results]
    assert sorted(read)[:3] == [0, 0, 0]
    assert max(read) > 0
    assert len({result.text for _, result in results}) > 1


async def test_four_dialogues_keep_their_readings(reasoner: InProcessTransport) -> None:
    async def dialogue(number: int) -> list[int]:
        asked = context(f"Story {number}: " + "we walked along the sea. " * 20, system=SYSTEM)
        read = []
        for step in range(3):
            asked.instruction = f"Question {step}?"
            options = reasoning_pb2.GenerationOptions(max_tokens=4)
            call = reasoning_pb2.GenerateRequest(context=asked, options=options)
            _, result = await ask(reasoner, call, f"dialogue {number}")
            read.append(result.usage.prompt_tokens - result.usage.cached_tokens)
            asked.steps.add(name=str(step), instruction=asked.instruction, text="They walked by the sea.")
        return read

    for read in await asyncio.gather(*map(dialogue, range(4))):
        assert read[0] > 100
        assert max(read[1:]) < 20


async def test_one_cancelled_call_leaves_the_others_alone(reasoner: InProcessTransport) -> None:
    expected = (await ask(reasoner, candidate(3), ""))[1].text
    endless = request(SAID, system=SYSTEM, options={**SAMPLED, "max_tokens": 512, "stop": ["\x00"]})
    doomed = reasoner.stream(GENERATE, endless, CallKey("", "step"))
    await anext(doomed)
    others = [asyncio.create_task(ask(reasoner, candidate(3), "")) for _ in range(2)]
    await asyncio.sleep(0.05)
    await doomed.aclose()  # type: ignore[attr-defined]
    async with asyncio.timeout(60):
        assert [(await other)[1].text for other in others] == [expected, expected]


async def test_signals_are_the_same_beside_other_calls(reasoner: InProcessTransport) -> None:
    async def signals(said: str, seed: int) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
        call = candidate(seed, said)
        call.want_signals = True
        _, result = await ask(reasoner, call, "")
        found = {tensor.name: tensors.to_array(tensor) for tensor in result.signals}
        assert {name: array.shape[1] for name, array in found.items()} == {"r_t": 576, "r_s": 576, "r_v": 576}
        assert len(found["r_t"]) >= result.usage.completion_tokens - 1
        return found

    alone = await signals(SAID, 1)
    beside, other_answer, other_words = await asyncio.gather(
        signals(SAID, 1), signals(SAID, 2), signals("I won the race!", 1)
    )
    for name, array in alone.items():
        assert np.array_equal(array, beside[name])
    for other in (other_answer, other_words):
        assert not np.allclose(alone["r_s"], other["r_s"])
        assert not np.allclose(alone["r_v"], other["r_v"])
    assert not np.allclose(alone["r_s"], alone["r_v"])
