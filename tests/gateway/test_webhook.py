"""Word of a danger to an operator: signed, sent again, never in the way."""

import asyncio
import hashlib
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from empatheia.common.v1 import safety_pb2
from empatheia.dialogue.v1 import dialogue_pb2

from runtime.safety import DOUBT
from runtime.settings import Settings, WebhookSettings
from services.gateway.service import DialogueService
from services.gateway.webhook import Webhook
from tests.fakes import FakeSystem

DANGER = safety_pb2.Safety(kind="self_harm", stage="first", confidence=0.9, seen_by="net")
URL = "https://operator.test/hook/T0K3N"


class Receiver:
    """An operator's end: answers as it is told, 200 when it is told nothing more."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.taken: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.taken.append(request)
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer)

    def told(self) -> list[dict]:
        return [json.loads(request.content) for request in self.taken]

    def webhook(self, **settings: object) -> Webhook:
        own = WebhookSettings.model_validate({"url": URL, "secret": "s3cret", **settings})
        return Webhook(own, httpx.MockTransport(self), first_wait_s=0.001)


async def told(webhook: Webhook, words: str = "I want to die", danger: safety_pb2.Safety = DANGER) -> None:
    webhook.tell("t1", "c1", danger, words)
    await asyncio.gather(*webhook._sending)
    await webhook.close()


async def test_it_is_signed_and_holds_no_words() -> None:
    receiver = Receiver()
    began = int(time.time())
    await told(receiver.webhook())
    request, content = receiver.taken[0], receiver.told()[0]
    assert (content["kind"], content["turn_id"], content["event"]) == ("self_harm", "t1", "danger_seen")
    assert "words" not in content
    seconds, mac = request.headers["X-Empatheia-Signature"].removeprefix("t=").split(",v1=")
    assert began <= int(seconds) <= time.time()
    signed = f"{seconds}.".encode() + request.content
    assert mac == hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()


async def test_words_go_with_it_only_on_request() -> None:
    receiver = Receiver()
    await told(receiver.webhook(words=True))
    assert receiver.told()[0]["words"] == "I want to die"


@pytest.mark.parametrize("doubt", [False, True])
async def test_a_doubt_is_told_only_on_request_and_as_one(doubt: bool) -> None:
    receiver = Receiver()
    await told(receiver.webhook(doubt=doubt), danger=safety_pb2.Safety(kind="self_harm", stage=DOUBT))
    assert [one["event"] for one in receiver.told()] == ["danger_doubted"] * doubt


@pytest.mark.parametrize("passing", [503, 429, httpx.ConnectError("no"), httpx.ReadTimeout("late")])
async def test_it_is_sent_again_until_it_is_taken(passing: int | Exception) -> None:
    receiver = Receiver(passing, 500)
    await told(receiver.webhook())
    assert len(receiver.taken) == 3


@pytest.mark.parametrize(
    ("answer", "attempts"), [(500, 2), (410, 1), (404, 1), (301, 1), (RuntimeError("it is " + URL), 1)]
)
async def test_giving_up_is_said_without_words_and_without_the_address(
    caplog: pytest.LogCaptureFixture, answer: int | Exception, attempts: int
) -> None:
    receiver = Receiver(*[answer] * 9)
    with caplog.at_level(logging.INFO):
        await told(receiver.webhook(attempts=2, words=True))
    assert len(receiver.taken) == attempts
    assert "t1" in caplog.text
    assert (str(answer) if isinstance(answer, int) else "RuntimeError") in caplog.text
    assert "die" not in caplog.text
    assert "T0K3N" not in caplog.text


async def test_after_the_stop_nothing_is_sent_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver()
    webhook = receiver.webhook()
    await webhook.close()
    await told(webhook)
    assert not receiver.taken
    assert "t1" in caplog.text


async def test_without_a_secret_it_is_said_that_nothing_is_signed(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver()
    await told(receiver.webhook(secret=""))
    assert "X-Empatheia-Signature" not in receiver.taken[0].headers
    assert "without a signature" in caplog.text


async def test_without_an_address_nothing_is_sent() -> None:
    webhook = Webhook(WebhookSettings())
    webhook.tell("t1", "c1", DANGER, "")
    assert not webhook._sending
    await webhook.close()


# A gateway whose operator listens.

TOLD = "The garage is empty and I have written to everybody."
Begin = Callable[[FakeSystem], DialogueService]


@pytest.fixture
def system(settings: Settings) -> FakeSystem:
    system = FakeSystem(settings)
    system.safety.kinds = {TOLD: "self_harm"}
    return system


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
async def begin(
    receiver: Receiver, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[FakeSystem], DialogueService]]:
    """Makes a gateway as a new process would, all of them on the same checkpoints."""
    monkeypatch.setattr("runtime.clients.retry._PAUSES_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr(
        "services.gateway.service.Webhook",
        lambda own: Webhook(own, httpx.MockTransport(receiver), first_wait_s=0.001),
    )
    webhook = WebhookSettings.model_validate({"url": URL, "secret": "s3cret", "words": True})
    made: list[DialogueService] = []

    def make(system: FakeSystem) -> DialogueService:
        own = settings.model_copy(update={"webhook": webhook})
        made.append(DialogueService(own, system.transport()))
        return made[-1]

    yield make
    for gateway in made:
        await gateway.stop()


async def answered(gateway: DialogueService, text: str = "", **options: str) -> list[dialogue_pb2.TurnEvent]:
    request = dialogue_pb2.RespondRequest(text=text, options=dialogue_pb2.TurnOptions(**options))
    events = [event async for event in gateway.turn(request)]
    await asyncio.gather(*gateway._webhook._sending)
    return events


async def test_a_turn_tells_the_operator(begin: Begin, system: FakeSystem, receiver: Receiver) -> None:
    gateway = begin(system)
    await gateway.start()
    await answered(gateway, "my dog died", conversation_id="c1")
    assert not receiver.taken
    events = await answered(gateway, TOLD, conversation_id="c1")
    told = receiver.told()
    assert [(one["event"], one["words"], one["conversation_id"]) for one in told] == [
        ("danger_seen", TOLD, "c1")
    ]
    assert told[0]["turn_id"] == events[-1].reply.turn_id


async def test_a_turn_in_doubt_does_not(begin: Begin, system: FakeSystem, receiver: Receiver) -> None:
    system.safety.shares = {TOLD: 0.4}
    gateway = begin(system)
    await gateway.start()
    assert (await answered(gateway, TOLD))[-1].reply.safety.stage == DOUBT
    assert not receiver.taken


@pytest.mark.parametrize("after", ["step_started", "perceived", "safety"])
async def test_a_turn_that_broke_off_tells_when_it_goes_on(
    begin: Begin, system: FakeSystem, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    first, turn_id = begin(system), ""
    await first.start()
    # Its process ends before the operator hears of anything.
    monkeypatch.setattr(first._webhook, "tell", lambda *told: None)
    turn = first.turn(dialogue_pb2.RespondRequest(text=TOLD))
    async for event in turn:
        turn_id = event.started.turn_id or turn_id
        if event.HasField(after):
            break
    await turn.aclose()
    second = begin(system)
    await second.start()
    events = await answered(second, resume_turn_id=turn_id)
    assert events[-1].reply.safety.kind == "self_harm"
    assert [(one["turn_id"], one["words"]) for one in receiver.told()] == [(turn_id, TOLD)]
