"""The benchmark of the reasoner: its figures follow from what was seen."""

import pytest

from agents.step import StepContext, StepResult
from benchmarks import reasoning
from benchmarks.chains import Chain
from runtime.clients.in_process import InProcessTransport
from tests.reasoning.test_embedded import no_leaked_tasks

__all__ = ["no_leaked_tasks"]
pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_service_is_timed_through_its_contract(
    reasoner: InProcessTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reasoning, "_ROUNDS", 1)
    monkeypatch.setattr(reasoning, "_WRITTEN", 4)
    own = reasoning._Service(reasoner)
    table = (await reasoning._engines([own], lambda text: None))["empatheia"]
    assert own.prompt_tokens > 200
    assert {"read", "first_ms", "write", "write_several", "gain_of_four"} <= table.keys()
    assert all(table[name]["median"] > 0 for name in ("read", "first_ms", "write", "write_several"))
    # A prompt that was read before is not read again.
    assert table["first_ms"]["median"] < own.prompt_tokens / table["read"]["median"] * 1000


async def test_steps_say_what_they_read() -> None:
    def chain(cached: float, ms: float) -> Chain:
        usage = {"prompt_tokens": 100.0, "cached_tokens": cached}
        step = StepResult.model_construct(name="event_scenario", ms=ms, usage=usage)
        context = StepContext(InProcessTransport({}), "t", 1, [])
        return Chain([step], ms / 1000, 1.0, 2.0, context)

    times = reasoning._times([chain(80.0, 100.0), chain(90.0, 300.0)])
    assert times["first_word_ms"] == {"median": 200.0, "min": 100.0, "max": 300.0}
    step = times["steps"]["event_scenario"]
    assert (step["tokens_of_prompts"], step["of_these_cached"], step["tokens_read"]) == (100, 85, 15)
