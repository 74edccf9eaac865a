"""The embedded model itself."""

import numpy as np
import pytest
from empatheia.reasoning.v1 import reasoning_pb2

from runtime import tensors
from runtime.clients.in_process import InProcessTransport
from runtime.clients.transport import CallKey
from runtime.rpc import CHOOSE
from tests.reasoning.asking import SAID, ask, context, request

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(autouse=True)
def no_leaked_tasks() -> None:
    """Replaces the check of all tests, which needs a loop of the test's own."""


async def test_same_seed_same_text_whatever_is_cached(reasoner: InProcessTransport) -> None:
    warm = request(SAID, options={"temperature": 0.9, "top_p": 0.95, "seed": 5})
    _, first = await ask(reasoner, warm, "a")
    _, again = await ask(reasoner, warm, "a")
    _, alone = await ask(reasoner, warm, "")
    assert first.text == again.text == alone.text
    assert first.mean_logprob == again.mean_logprob == alone.mean_logprob
    warm.options.seed = 6
    _, other = await ask(reasoner, warm, "a")
    assert other.text != first.text


async def test_a_turn_is_read_once(reasoner: InProcessTransport) -> None:
    long = context(SAID, system="A kind friend listens. " * 10, instruction="What happened?")
    options = reasoning_pb2.GenerationOptions(max_tokens=4)
    _, first = await ask(reasoner, reasoning_pb2.GenerateRequest(context=long, options=options), "one")
    long.steps.add(name="event", instruction="What happened?", text="Their dog died.")
    long.instruction = "How do they feel?"
    _, second = await ask(reasoner, reasoning_pb2.GenerateRequest(context=long, options=options), "one")
    # Only the answer and the new question are read.
    assert second.usage.cached_tokens >= first.usage.prompt_tokens
    assert second.usage.prompt_tokens - second.usage.cached_tokens < 14
    # Another turn shares the system text alone.
    _, other = await ask(reasoner, reasoning_pb2.GenerateRequest(context=long, options=options), "two")
    assert other.usage.cached_tokens > 40


async def test_signals_are_hidden_states(reasoner: InProcessTransport) -> None:
    _, result = await ask(reasoner, request(SAID, prefill="I'm sorry", want_signals=True))
    signals = {tensor.name: tensors.to_array(tensor) for tensor in result.signals}
    assert signals["r_s"].shape == signals["r_v"].shape == (16, 576)
    assert signals["r_t"].shape[0] >= result.usage.completion_tokens
    assert all(np.isfinite(array).all() for array in signals.values())
    _, other = await ask(reasoner, request("I won the lottery!", prefill="I'm sorry", want_signals=True))
    assert not np.allclose(signals["r_s"], tensors.to_array(other.signals[1]))


async def test_choice_follows_words_priors_and_weight(reasoner: InProcessTransport) -> None:
    def ballot(said: str, weight: float, **priors: float) -> reasoning_pb2.ChooseRequest:
        choices = [
            reasoning_pb2.Choice(label=label, prior=priors.get(label, 0.0))
            for label in ("sad and lonely", "happy and excited")
        ]
        return reasoning_pb2.ChooseRequest(
            context=context(said, instruction="How do they feel?"),
            choices=choices,
            prefill="They feel",
            evidence_weight=weight,
        )

    async def favourite(asked: reasoning_pb2.ChooseRequest) -> tuple[str, float]:
        response = await reasoner.unary(CHOOSE, asked, CallKey("c", "user_emotion"))
        assert sum(entry.probability for entry in response.distribution.entries) == pytest.approx(1.0)
        return response.distribution.entries[0].label, response.distribution.entries[0].probability

    assert (await favourite(ballot(SAID, 1.0)))[0] == "sad and lonely"
    assert (await favourite(ballot("We won the game, I can't stop smiling!", 1.0)))[0] == "happy and excited"
    assert await favourite(ballot(SAID, 0.0, **{"happy and excited": 0.9, "sad and lonely": 0.1})) == (
        "happy and excited",
        pytest.approx(0.9),
    )
