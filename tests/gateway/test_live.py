"""Perception listens while the person still speaks."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest
from empatheia.common.v1 import media_pb2
from empatheia.dialogue.v1 import dialogue_pb2

from runtime.errors import EmpatheiaError, InvalidInput, TooSlow
from runtime.hosting.service import Call
from runtime.settings import Settings
from services.gateway.service import DialogueService
from tests.fakes import CHAIN_TEXTS, FakeSystem, broken

Queue = asyncio.Queue[dialogue_pb2.ConverseRequest | None]
HEADER = media_pb2.MediaHeader(file_name="a.wav")


@pytest.fixture
def system(settings: Settings) -> FakeSystem:
    return FakeSystem(settings)


@pytest.fixture
async def gateway(system: FakeSystem) -> AsyncGenerator[DialogueService]:
    service = DialogueService(system.settings, system.transport())
    await service.start()
    yield service
    await service.stop()


def start(**options: str) -> dialogue_pb2.ConverseRequest:
    chosen = dialogue_pb2.TurnOptions(**options)  # type: ignore[arg-type]
    return dialogue_pb2.ConverseRequest(start=dialogue_pb2.TurnStart(options=chosen))


def end(text: str = "") -> dialogue_pb2.ConverseRequest:
    return dialogue_pb2.ConverseRequest(end=dialogue_pb2.EndOfTurn(text=text))


def chunk(data: bytes, sequence: int = 0) -> dialogue_pb2.ConverseRequest:
    return _media(chunk=media_pb2.MediaChunk(data=data, sequence=sequence))


def opened() -> dialogue_pb2.ConverseRequest:
    return _media(header=HEADER)


def closed(total: int) -> dialogue_pb2.ConverseRequest:
    return _media(trailer=media_pb2.MediaTrailer(total_bytes=total))


def _media(**part: object) -> dialogue_pb2.ConverseRequest:
    return dialogue_pb2.ConverseRequest(media=media_pb2.MediaPart(**part))  # type: ignore[arg-type]


WHOLE = (start(), opened(), chunk(b"RIFF...."), chunk(b"WAVEdata", 1), closed(16), end())


async def follow(gateway: DialogueService, queue: Queue) -> AsyncGenerator[dialogue_pb2.TurnEvent]:
    async def sent() -> AsyncGenerator[dialogue_pb2.ConverseRequest]:
        while (request := await queue.get()) is not None:
            yield request

    async for response in gateway.converse(sent(), Call("", "", None)):
        yield response.event


def filled(*requests: dialogue_pb2.ConverseRequest | None) -> Queue:
    queue: Queue = asyncio.Queue()
    for request in requests:
        queue.put_nowait(request)
    return queue


async def talk(
    gateway: DialogueService, *requests: dialogue_pb2.ConverseRequest
) -> list[dialogue_pb2.TurnEvent]:
    return [event async for event in follow(gateway, filled(*requests, None))]


async def test_words_are_told_before_the_person_has_ended(
    gateway: DialogueService, system: FakeSystem
) -> None:
    queue = filled(*WHOLE[:3])
    events = []
    async for event in follow(gateway, queue):
        events.append(event)
        if len(events) == 1:
            assert event.transcript.text == "heard 8 bytes"
            assert system.perception.media == b"RIFF...."
            for request in (*WHOLE[3:], None):
                queue.put_nowait(request)
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds.index("started") < kinds.index("perceived")
    assert kinds[-1] == "reply"
    assert system.perception.calls["perceive"] == 1
    assert system.perception.kinds == [media_pb2.MEDIA_KIND_AUDIO]
    assert system.perception.finished == 1


async def test_recordings_are_kept_and_typed_words_go_along(
    gateway: DialogueService, system: FakeSystem
) -> None:
    events = await talk(gateway, *WHOLE[:-1], end("he was twelve"))
    perceived = next(event.perceived for event in events if event.HasField("perceived"))
    assert perceived.text == "he was twelve"
    assert await gateway.artifacts.read(events[-1].reply.turn_id, "query-0") == b"RIFF....WAVEdata"
    assert system.perception.calls["perceive"] == 1


@pytest.mark.parametrize("error", [broken("perception"), TooSlow("too slow", reason="DEADLINE")])
async def test_where_that_call_breaks_the_recording_is_sent_as_a_whole(
    gateway: DialogueService, system: FakeSystem, error: EmpatheiaError
) -> None:
    system.perception.failures = [error]
    events = await talk(gateway, *WHOLE)
    assert events[-1].HasField("reply")
    assert system.perception.calls["perceive"] == 2
    assert system.perception.media == b"RIFF....WAVEdata"


async def test_many_parts_wait_for_nobody_once_the_call_is_broken(
    gateway: DialogueService, system: FakeSystem
) -> None:
    system.perception.failures = [broken("perception")]
    chunks = [chunk(b"RIFF....", index) for index in range(200)]
    events = await asyncio.wait_for(talk(gateway, start(), opened(), *chunks, closed(1600), end()), 5)
    assert events[-1].HasField("reply")


async def test_what_can_not_be_used_is_refused_at_once(gateway: DialogueService, system: FakeSystem) -> None:
    system.perception.failures = [InvalidInput.of("media[0]", "can't be read", reason="UNREADABLE_MEDIA")]
    still_speaking = follow(gateway, filled(*WHOLE[:3]))
    with pytest.raises(InvalidInput, match="can't be read"):
        await asyncio.wait_for(anext(still_speaking), 5)


async def test_hanging_up_while_speaking_ends_the_call(gateway: DialogueService, system: FakeSystem) -> None:
    assert [event.WhichOneof("event") for event in await talk(gateway, *WHOLE[:3])] == ["transcript"]
    assert system.perception.cancelled == 1


async def test_a_live_turn_goes_on_from_its_checkpoint(system: FakeSystem) -> None:
    """It crashed after perception: neither the live call nor the recording is needed again."""
    first = DialogueService(system.settings, system.transport())
    await first.start()
    turn_id = ""
    async with aclosing(follow(first, filled(*WHOLE))) as events:
        async for event in events:
            turn_id = turn_id or event.started.turn_id
            if event.HasField("step"):
                break
    await first.stop()
    second = DialogueService(system.settings, system.transport())
    await second.start()
    resumed = await talk(second, start(resume_turn_id=turn_id), end())
    await second.stop()
    assert resumed[-1].reply.turn_id == turn_id
    assert system.perception.calls["perceive"] == 1


async def test_the_next_turn_is_listened_to_anew(gateway: DialogueService, system: FakeSystem) -> None:
    queue = filled(*WHOLE)
    replies = 0
    async for event in follow(gateway, queue):
        if event.HasField("reply"):
            replies += 1
            for request in WHOLE if replies == 1 else (None,):
                queue.put_nowait(request)
    assert replies == 2
    assert system.perception.calls["perceive"] == 2
    assert system.perception.history == ["my dog died last night", CHAIN_TEXTS["response"]]


@pytest.mark.parametrize(
    ("clearness", "typed", "asks"), [(0.3, "", True), (0.8, "", False), (0.3, "hi", False)]
)
async def test_unsure_words_are_asked_for_again(
    gateway: DialogueService, system: FakeSystem, clearness: float, typed: str, asks: bool
) -> None:
    system.perception.clearness = clearness
    reply = (await talk(gateway, *WHOLE[:-1], end(typed)))[-1].reply
    assert ("“my dog died last night”" in reply.text) == asks
    notes = [evidence.note for evidence in reply.chain[-1].evidence]
    assert any("confidence 0.30" in note for note in notes) == asks
