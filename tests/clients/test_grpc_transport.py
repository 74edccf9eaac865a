"""Calls over a real socket, to scripted services."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from empatheia.avatar.v1 import avatar_pb2
from empatheia.disentangler.v1 import disentangler_pb2

from runtime.clients.grpc_transport import GrpcTransport
from runtime.clients.transport import CallKey
from runtime.errors import Internal, InvalidInput, ServiceDown, TooSlow
from runtime.hosting.bare import BareHost
from runtime.hosting.service import Service
from runtime.rpc import DISENTANGLE, LIST_AVATARS, RENDER
from runtime.settings import Settings
from tests.fakes import FakeAvatar, FakeDisentangler, broken

KEY = CallKey("0" * 32, "test")


def aimed(settings: Settings, name: str, port: int, timeout_s: float = 10) -> Settings:
    own = settings.service(name).model_copy(update={"address": f"127.0.0.1:{port}", "timeout_s": timeout_s})
    return settings.model_copy(update={"services": {**settings.services, name: own}})


@pytest.fixture
def avatar(settings: Settings) -> FakeAvatar:
    return FakeAvatar(settings)


async def voice(count: int, error: Exception | None = None) -> AsyncIterator[avatar_pb2.RenderRequest]:
    yield avatar_pb2.RenderRequest(start=avatar_pb2.RenderStart(sample_rate=24_000))
    for index in range(count):
        chunk = avatar_pb2.VoiceChunk(data=b"ab", pts_s=index * 0.1)
        yield avatar_pb2.RenderRequest(audio=chunk)
    if error is not None:
        raise error


async def host(service: Service) -> BareHost:
    served = BareHost(service, "127.0.0.1:0")
    await served.start()
    return served


async def test_an_answer_comes_back_typed(settings: Settings) -> None:
    served = await host(FakeDisentangler(settings))
    async with served, GrpcTransport(aimed(settings, "disentangler", served.port)) as transport:
        response = await transport.unary(DISENTANGLE, disentangler_pb2.DisentangleRequest(), KEY)
    assert response.rationale == "warm concern"


async def test_a_refusal_keeps_its_reason_and_fields_and_is_not_sent_again(settings: Settings) -> None:
    service = FakeDisentangler(settings)
    service.failures = [InvalidInput.of("profile.age", "is unknown", reason="UNKNOWN_LABEL")] * 2
    served = await host(service)
    async with served, GrpcTransport(aimed(settings, "disentangler", served.port)) as transport:
        with pytest.raises(InvalidInput, match="is unknown") as caught:
            await transport.unary(DISENTANGLE, disentangler_pb2.DisentangleRequest(), KEY)
    assert caught.value.reason == "UNKNOWN_LABEL"
    assert caught.value.violations[0].field == "profile.age"
    assert caught.value.service == "disentangler"
    assert service.calls["disentangle"] == 1


async def test_a_service_that_comes_back_is_called_again(settings: Settings) -> None:
    service = FakeDisentangler(settings)
    service.failures = [broken("disentangler")] * 2
    served = await host(service)
    async with served, GrpcTransport(aimed(settings, "disentangler", served.port)) as transport:
        await transport.unary(DISENTANGLE, disentangler_pb2.DisentangleRequest(), KEY)
    assert service.calls["disentangle"] == 3


async def test_an_unforeseen_error_says_which_service_but_not_its_text(settings: Settings) -> None:
    service = FakeDisentangler(settings)
    service.failures = [ZeroDivisionError("secret")]  # type: ignore[list-item]
    served = await host(service)
    async with served, GrpcTransport(aimed(settings, "disentangler", served.port)) as transport:
        with pytest.raises(Internal, match="disentangler failed unexpectedly") as caught:
            await transport.unary(DISENTANGLE, disentangler_pb2.DisentangleRequest(), KEY)
    assert "secret" not in str(caught.value)


async def test_nobody_there_is_a_clear_error(settings: Settings) -> None:
    async with GrpcTransport(aimed(settings, "avatar", 1)) as transport:
        with pytest.raises(ServiceDown, match="the avatar service can't be reached"):
            await transport.unary(LIST_AVATARS, avatar_pb2.ListAvatarsRequest(), KEY)


async def test_a_slow_service_is_given_up_at_the_deadline_and_told_so(
    settings: Settings, avatar: FakeAvatar
) -> None:
    avatar.hang = True
    served = await host(avatar)
    async with served, GrpcTransport(aimed(settings, "avatar", served.port, timeout_s=0.5)) as transport:
        started = time.monotonic()
        with pytest.raises(TooSlow):
            async for _ in transport.stream(RENDER, voice(3), KEY):
                pass
        assert time.monotonic() - started < 2
        await asyncio.sleep(0.1)
    assert avatar.cancelled == 1


async def test_closing_a_stream_cancels_the_call(settings: Settings, avatar: FakeAvatar) -> None:
    avatar.hang = True
    served = await host(avatar)
    async with served, GrpcTransport(aimed(settings, "avatar", served.port)) as transport:
        responses = transport.stream(RENDER, voice(3), KEY)
        await anext(responses)
        await asyncio.wait_for(avatar.heard.wait(), 5)
        await responses.aclose()  # type: ignore[attr-defined]
        await asyncio.sleep(0.1)
        assert avatar.cancelled == 1


async def test_an_error_of_the_requests_own_source_comes_through(
    settings: Settings, avatar: FakeAvatar
) -> None:
    served = await host(avatar)
    async with served, GrpcTransport(aimed(settings, "avatar", served.port)) as transport:
        with pytest.raises(ServiceDown, match="speech is down"):
            async for _ in transport.stream(RENDER, voice(2, broken("speech")), KEY):
                pass


async def test_a_stream_that_breaks_off_is_an_error_of_that_service(
    settings: Settings, avatar: FakeAvatar
) -> None:
    avatar.die_after = 2
    served = await host(avatar)
    async with served, GrpcTransport(aimed(settings, "avatar", served.port)) as transport:
        responses = transport.stream(RENDER, voice(5), KEY)
        got = [await anext(responses) for _ in range(4)]
        with pytest.raises(ServiceDown) as caught:
            await anext(responses)
    assert caught.value.service == "avatar"
    assert got[0].HasField("header")
