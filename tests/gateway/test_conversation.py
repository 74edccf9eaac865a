"""Live conversations: several turns on one stream, and being spoken over."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest
from empatheia.common.v1 import content_pb2, dialogue_pb2
from empatheia.dialogue.v1 import dialogue_pb2 as gateway_pb2
from empatheia.perception.v1 import perception_pb2

from runtime.errors import InvalidInput
from runtime.settings import LimitSettings
from services.gateway.conversation import Conversation
from services.gateway.live import LiveTurn

Requests = asyncio.Queue[gateway_pb2.ConverseRequest | None]


class Turns:
    """Runs scripted turns, and notes what they were asked."""

    def __init__(self) -> None:
        self.asked: list[gateway_pb2.RespondRequest] = []
        self.cancelled = 0
        self.hang = False

    async def __call__(
        self, request: gateway_pb2.RespondRequest, live: LiveTurn | None
    ) -> AsyncGenerator[gateway_pb2.TurnEvent]:
        self.asked.append(request)
        text = request.text or "heard words"
        yield gateway_pb2.TurnEvent(perceived=perception_pb2.Perception(text=text))
        segment = content_pb2.ContentSegment(text="I am sorry")
        for place, word in enumerate(("I", "am", "sorry")):
            segment.words.add(text=word, start_s=place, end_s=place + 1)
        yield gateway_pb2.TurnEvent(spoken=segment)
        try:
            if self.hang:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        yield gateway_pb2.TurnEvent(reply=gateway_pb2.Reply(text="I am sorry", emotion_label="sad"))


def deaf(*_: object) -> LiveTurn:
    raise AssertionError("nobody is to listen")


def conversation_of(turns: Turns) -> Conversation:
    return Conversation(turns, deaf, LimitSettings())


def start(**options: str) -> gateway_pb2.ConverseRequest:
    return gateway_pb2.ConverseRequest(
        start=gateway_pb2.TurnStart(options=gateway_pb2.TurnOptions(**options))  # type: ignore[arg-type]
    )


def end(text: str = "") -> gateway_pb2.ConverseRequest:
    return gateway_pb2.ConverseRequest(end=gateway_pb2.EndOfTurn(text=text))


def interrupt(played_s: float) -> gateway_pb2.ConverseRequest:
    return gateway_pb2.ConverseRequest(interrupt=gateway_pb2.Interrupt(played_s=played_s))


async def sent(*requests: gateway_pb2.ConverseRequest) -> AsyncIterator[gateway_pb2.ConverseRequest]:
    for request in requests:
        yield request


async def live(queue: Requests) -> AsyncIterator[gateway_pb2.ConverseRequest]:
    while (request := await queue.get()) is not None:
        yield request


async def test_later_turns_know_what_was_said_and_felt() -> None:
    turns = Turns()
    conversation = conversation_of(turns)
    queue: Requests = asyncio.Queue()
    for request in (start(), end("my dog died")):
        queue.put_nowait(request)
    replies = 0
    async for event in conversation.run(live(queue)):
        if event.HasField("reply"):
            replies += 1
            for request in (start(), end("he was twelve")) if replies == 1 else (None,):
                queue.put_nowait(request)
    assert replies == 2
    said = [(u.role, u.text, u.emotion) for u in turns.asked[1].history]
    assert said == [
        (dialogue_pb2.ROLE_SPEAKER, "my dog died", "sad"),
        (dialogue_pb2.ROLE_LISTENER, "I am sorry", ""),
    ]


async def test_speaking_over_the_reply_stops_it_and_keeps_what_was_heard() -> None:
    turns = Turns()
    turns.hang = True
    conversation = conversation_of(turns)
    queue: Requests = asyncio.Queue()
    for request in (start(), end("my dog died")):
        queue.put_nowait(request)
    events = []
    async for event in conversation.run(live(queue)):
        events.append(event)
        if event.HasField("spoken") and len(turns.asked) == 1:
            queue.put_nowait(interrupt(2.5))
        if event.HasField("interrupted"):
            turns.hang = False
            for request in (start(), end("wait"), None):
                queue.put_nowait(request)
    stopped = next(event.interrupted for event in events if event.HasField("interrupted"))
    assert (stopped.heard_s, stopped.heard_text) == (2.5, "I am")
    assert turns.cancelled == 1
    assert turns.asked[1].history[-1].text == "I am"
    assert events[-1].HasField("reply")


@pytest.mark.parametrize(
    ("requests", "says"),
    [
        ([end("hello")], "before the start"),
        ([start(), end("one"), end("two")], "while a reply is given"),
    ],
)
async def test_what_is_out_of_order_is_refused(
    requests: list[gateway_pb2.ConverseRequest], says: str
) -> None:
    turns = Turns()
    turns.hang = True
    conversation = conversation_of(turns)
    with pytest.raises(InvalidInput, match=says):
        _ = [event async for event in conversation.run(sent(*requests))]
