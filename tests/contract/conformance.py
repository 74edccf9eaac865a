"""The named checks that every service passes on every host."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from google.protobuf.message import Message

from runtime.clients.transport import CallKey, Transport
from runtime.errors import InvalidInput, TooMuch, UnknownName
from runtime.rpc import rpcs
from tests.contract.cases import Case

_TIMES = ("elapsed_ms", "prefill_ms", "decode_ms", "cached_tokens", "synthesis_ms", "render_ms", "encode_ms")
"""Fields that say how long work took: the only ones that may differ between two equal calls."""


async def describes_itself(case: Case, transport: Transport) -> None:
    """`Describe` names service, backend and model."""
    rpc = rpcs(case.rpc.service)["Describe"]
    response = await transport.unary(rpc, rpc.request_type(), _key("describe"))
    assert response.description.name == case.rpc.service
    assert response.description.version
    assert response.description.model.backend


async def says_that_it_is_ready(case: Case, transport: Transport) -> None:
    """`Check` says READY once weights are loaded."""
    rpc = rpcs(case.rpc.service)["Check"]
    response = await transport.unary(rpc, rpc.request_type(), _key("check"))
    assert response.status.readiness == 2


async def same_input_same_answer(case: Case, transport: Transport) -> None:
    """Equal requests have equal answers, to the byte."""
    first = await call(case, case.good, transport)
    second = await call(case, case.good, transport)
    assert first
    assert first == second


async def calls_never_mix(case: Case, transport: Transport) -> None:
    """Calls at the same time answer as each would alone."""
    alone = [await call(case, requests, transport) for requests in (case.good, case.other)]
    together = await asyncio.gather(
        *(call(case, requests, transport) for requests in (case.good, case.other, case.good))
    )
    assert together == [*alone, alone[0]]


async def refuses_bad_input(case: Case, transport: Transport) -> None:
    """A refusal names the field, and the service goes on."""
    with pytest.raises((InvalidInput, TooMuch, UnknownName)) as caught:
        await call(case, case.bad, transport)
    assert caught.value.service == case.rpc.service
    assert caught.value.reason not in ("INVALID_ARGUMENT", "UNEXPECTED")
    if case.field:
        assert any(v.field.startswith(case.field) for v in caught.value.violations), caught.value.violations
    assert await call(case, case.good, transport)


async def survives_a_caller_who_hangs_up(case: Case, transport: Transport) -> None:
    """A stream that is closed after its first answer leaves the service able to answer the next call."""
    if case.rpc.response_streaming:
        responses: Any = transport.stream(case.rpc, case.send(case.good), _key("hang up"))
        await anext(responses)
        await responses.aclose()
    assert await asyncio.wait_for(call(case, case.good, transport), 30)


CHECKS: tuple[Callable[[Case, Transport], Awaitable[None]], ...] = (
    describes_itself,
    says_that_it_is_ready,
    same_input_same_answer,
    calls_never_mix,
    refuses_bad_input,
    survives_a_caller_who_hangs_up,
)


async def call(case: Case, requests: Sequence[Message], transport: Transport) -> list[bytes]:
    """Sends requests; the answers in bytes, without the times they took."""
    key = _key(f"{case.name} {id(requests)}")
    if case.rpc.response_streaming:
        answers = [answer async for answer in transport.stream(case.rpc, case.send(requests), key)]
    else:
        answers = [await transport.unary(case.rpc, requests[0], key)]
    for answer in answers:
        _forget_times(answer)
    return [answer.SerializeToString(deterministic=True) for answer in answers]


def _forget_times(message: Message) -> None:
    for field, value in message.ListFields():
        if field.name in _TIMES:
            message.ClearField(field.name)
        elif field.message_type is not None and not field.message_type.GetOptions().map_entry:
            for inner in value if field.is_repeated else [value]:
                _forget_times(inner)


def _key(step: str) -> CallKey:
    return CallKey("c0" * 16, step)
