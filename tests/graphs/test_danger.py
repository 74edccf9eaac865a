"""A turn in which somebody is in danger."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from empatheia.common.v1 import dialogue_pb2 as common_pb2
from empatheia.dialogue.v1 import dialogue_pb2

from runtime.errors import Internal
from runtime.settings import Settings
from services.gateway.service import DialogueService
from tests.fakes import FakeSystem, broken

SPOKEN = "I am going to end my life tonight"


@pytest.fixture
def system(settings: Settings) -> FakeSystem:
    return FakeSystem(settings)


@pytest.fixture
async def gateway(settings: Settings, system: FakeSystem) -> AsyncIterator[DialogueService]:
    transport = system.transport()
    await transport.start()
    service = DialogueService(settings, transport)
    await service.start()
    yield service
    await service.stop()
    await transport.stop()


async def reply_to(gateway: DialogueService, text: str, *history: str, country: str = "") -> list:
    roles = (common_pb2.ROLE_SPEAKER, common_pb2.ROLE_LISTENER)
    said = [common_pb2.Utterance(role=roles[place % 2], text=one) for place, one in enumerate(history)]
    options = dialogue_pb2.TurnOptions(country=country)
    request = dialogue_pb2.RespondRequest(text=text, history=said, options=options)
    return [event async for event in gateway.turn(request)]


async def test_no_model_writes_the_reply_and_help_comes_first(
    gateway: DialogueService, system: FakeSystem
) -> None:
    events = await reply_to(gateway, SPOKEN, country="GB")
    reply = events[-1].reply
    assert (reply.safety.kind, reply.safety.stage, reply.safety.country) == ("self_harm", "first", "GB")
    assert reply.safety.help[0].number == "116 123"
    assert not system.reasoning.calls
    assert all(step.authored for step in reply.chain)
    assert len(reply.chain) == 5
    assert reply.HasField("speech")
    order = [event.WhichOneof("event") for event in events]
    assert order.index("safety") < order.index("text")


async def test_it_is_answered_though_reasoning_is_down(gateway: DialogueService, system: FakeSystem) -> None:
    system.reasoning.failures = [broken("reasoning")] * 50
    assert (await reply_to(gateway, SPOKEN))[-1].reply.text


async def test_the_style_is_asked_to_be_grave(gateway: DialogueService, system: FakeSystem) -> None:
    asked = []
    answer = system.disentangler.disentangle

    async def noted(request, call):
        asked.append(request)
        return await answer(request, call)

    system.disentangler.disentangle = noted  # type: ignore[method-assign]
    await reply_to(gateway, SPOKEN)
    await reply_to(gateway, "my dog died")
    assert [request.grave for request in asked] == [True, False]


async def test_what_follows_is_still_answered_with_care(gateway: DialogueService) -> None:
    first = (await reply_to(gateway, SPOKEN))[-1].reply.text
    second = (await reply_to(gateway, "Yes.", SPOKEN, first))[-1].reply
    assert (second.safety.kind, second.safety.seen_by) == ("self_harm", "history")
    assert second.text != first


async def test_the_classifier_alone_is_enough(gateway: DialogueService, system: FakeSystem) -> None:
    system.safety.kinds = {"The dog is at the neighbours' now, for good.": "self_harm"}
    reply = (await reply_to(gateway, "The dog is at the neighbours' now, for good."))[-1].reply
    assert reply.safety.seen_by == "classifier"


async def test_without_the_classifier_the_turn_goes_on(gateway: DialogueService, system: FakeSystem) -> None:
    def fail(method: str) -> None:
        raise Internal("out of order", reason="BROKEN", service="safety")

    system.safety.begin = fail  # type: ignore[method-assign]
    assert (await reply_to(gateway, SPOKEN))[-1].reply.safety.seen_by == "net"
    assert not (await reply_to(gateway, "my dog died"))[-1].reply.HasField("safety")


async def test_typed_words_hide_no_spoken_ones(
    gateway: DialogueService, system: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    perceive = system.perception.perceive

    async def heard(requests: Any, call: Any) -> AsyncIterator[Any]:
        async for response in perceive(requests, call):
            if response.HasField("perception"):
                response.perception.transcript.text = SPOKEN
            yield response

    monkeypatch.setattr(system.perception, "perceive", heard)
    assert (await reply_to(gateway, "see recording"))[-1].reply.safety.kind == "self_harm"


async def test_another_language_is_text_with_a_receipt(gateway: DialogueService) -> None:
    reply = (await reply_to(gateway, "je veux mourir"))[-1].reply
    assert reply.safety.language == "fr"
    assert not reply.HasField("speech")
    assert "English only" in {lost.part: lost.reason for lost in reply.degraded}["speech"]


async def test_everyday_turns_hold_no_safety(gateway: DialogueService) -> None:
    assert not (await reply_to(gateway, "my dog died"))[-1].reply.HasField("safety")
