"""Asks a reasoning service: what tests of all backends share."""

from typing import Any

from empatheia.common.v1 import dialogue_pb2
from empatheia.reasoning.v1 import reasoning_pb2

from runtime.clients.in_process import InProcessTransport
from runtime.clients.transport import CallKey
from runtime.rpc import GENERATE

SAID = "My dog died last week and the house is so quiet."


def context(*said: str, **more: Any) -> reasoning_pb2.ReasoningContext:
    """A dialogue that ends with the person's words."""
    utterances = [
        dialogue_pb2.Utterance(role=1 if (len(said) - index) % 2 else 2, text=text)  # type: ignore[arg-type]
        for index, text in enumerate(said)
    ]
    values: dict[str, Any] = {"system": "A kind friend listens.", "instruction": "Friend:"} | more
    return reasoning_pb2.ReasoningContext(dialogue=utterances, **values)


def request(*said: str, **more: Any) -> reasoning_pb2.GenerateRequest:
    """Asks for an answer of 12 tokens, if not told otherwise."""
    options = {"max_tokens": 12} | more.pop("options", {})
    own = {name: more.pop(name) for name in ("prefill", "want_signals") if name in more}
    return reasoning_pb2.GenerateRequest(
        context=context(*said, **more), options=reasoning_pb2.GenerationOptions(**options), **own
    )


async def ask(
    transport: InProcessTransport, request: reasoning_pb2.GenerateRequest, turn: str = "t"
) -> tuple[list[str], reasoning_pb2.GenerateResult]:
    """The pieces and the result."""
    pieces = []
    result = None
    async for response in transport.stream(GENERATE, request, CallKey(turn, "step")):
        if response.HasField("delta"):
            pieces.append(response.delta.text)
        else:
            result = response.result
    assert result is not None
    return pieces, result
