"""The face while nobody answers, and how a reply goes on from there."""

import asyncio
import io
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

import av
import numpy as np
import pytest
from empatheia.avatar.v1 import avatar_pb2

from runtime.clients.in_process import InProcessTransport
from runtime.clients.transport import CallKey
from runtime.errors import InvalidInput
from runtime.rpc import RENDER
from runtime.settings import Settings, load_settings
from services.avatar.service import AvatarService
from services.gateway import life as module
from services.gateway.life import RATE, Life, life_start
from services.gateway.service import DialogueService
from tests.fakes import FakeSystem
from tests.graphs.test_turn import collect, request


@pytest.fixture(scope="module")
def avatar() -> InProcessTransport:
    service = AvatarService(load_settings("embedded"))
    asyncio.run(service.start())
    return InProcessTransport({"avatar": service})


def pictures(data: bytes) -> list[np.ndarray]:
    """Grey, coarse enough not to show how they were encoded."""
    with av.open(io.BytesIO(data)) as file:
        grey = [frame.to_ndarray(format="gray").astype(float) for frame in file.decode(video=0)]
    return [picture.reshape(32, 4, 32, 4).mean((1, 3)) for picture in grey]


async def test_a_reply_goes_on_where_life_was(
    avatar: InProcessTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LONGEST_S", 1.0)
    start = avatar_pb2.RenderStart(life_s=7.0, sample_rate=RATE, size=128)
    start.before.SetInParent()
    began = time.time()
    life = Life(avatar, start)
    life.hear(bytes(RATE) + b"\1")
    parts = [part async for part in life.video()]
    assert parts[0].header.life_s == 7.0
    assert life.began_s == pytest.approx(began - 7.0, abs=1.0)
    lived = pictures(b"".join(part.chunk.data for part in parts))
    assert len(lived) >= 25

    async def reply(life_s: float) -> AsyncGenerator[avatar_pb2.RenderRequest]:
        opening = avatar_pb2.RenderStart(life_s=life_s, sample_rate=RATE, size=128)
        opening.before.SetInParent()
        yield avatar_pb2.RenderRequest(start=opening)
        yield avatar_pb2.RenderRequest(audio=avatar_pb2.VoiceChunk(data=bytes(RATE), pts_s=0))

    async def apart(life_s: float) -> float:
        said = [part async for part in avatar.stream(RENDER, reply(life_s), CallKey("turn", "render"))]
        first = pictures(b"".join(part.chunk.data for part in said))[0]
        return float(np.abs(first - lived[15]).mean())

    assert await apart(7.6) < 0.5 * min(await apart(3.0), await apart(12.0))


async def test_life_is_drawn_as_time_passes_and_ends_with_its_viewer(avatar: InProcessTransport) -> None:
    start = avatar_pb2.RenderStart(sample_rate=RATE, size=64)
    began, drawn_s = time.monotonic(), 0.0
    async with aclosing(Life(avatar, start).video()) as video:
        async for part in video:
            drawn_s = part.chunk.pts_s
            if drawn_s > 1.0:
                break
    assert drawn_s > 1.0
    assert time.monotonic() - began > 0.2


async def test_a_turn_is_shown_on_the_clock_of_life(settings: Settings) -> None:
    system = FakeSystem(settings)
    starts: list[avatar_pb2.RenderStart] = []
    draw = system.avatar.render

    async def render(requests, call):
        async def seen():
            async for one in requests:
                if one.HasField("start"):
                    starts.append(one.start)
                yield one

        async for response in draw(seen(), call):
            yield response

    system.avatar.render = render  # type: ignore[method-assign]
    gateway = DialogueService(settings, system.transport())
    await gateway.start()
    await collect(gateway, request(life_began_s=time.time() - 20))
    await collect(gateway, request())
    await gateway.stop()
    assert starts[0].life_s == pytest.approx(20.6, abs=5)
    assert starts[0].HasField("before")
    assert starts[1].life_s == 0
    assert not starts[1].HasField("before")


@pytest.mark.parametrize("before", ["{", '{"grin": 1}', '{"smile": "wide"}'])
def test_controls_that_are_none_are_refused(before: str) -> None:
    with pytest.raises(InvalidInput, match="controls"):
        life_start("", 0, 0.0, before)


def test_what_is_said_faster_than_it_can_be_heard_is_not_kept(settings: Settings) -> None:
    life = Life(FakeSystem(settings).transport(), avatar_pb2.RenderStart())
    for _ in range(100):
        life.hear(bytes(RATE))
    assert len(life._heard) <= 2 * RATE
