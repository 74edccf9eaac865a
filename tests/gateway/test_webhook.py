"""Word of a danger to an operator: signed, sent again, never in the way."""

import asyncio
import json
import logging

import httpx
import pytest
from empatheia.common.v1 import safety_pb2

from runtime.settings import WebhookSettings
from services.gateway.webhook import Webhook, signature

DANGER = safety_pb2.Safety(kind="self_harm", stage="first", confidence=0.9, seen_by="net")


def hook(answers: list[int], **settings) -> tuple[Webhook, list[httpx.Request]]:
    taken: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        taken.append(request)
        return httpx.Response(answers.pop(0) if answers else 200)

    own = WebhookSettings(url="http://operator.test/hook", secret="s3cret", **settings)
    return Webhook(own, httpx.MockTransport(answer), first_wait_s=0.01), taken


async def told(webhook: Webhook, words: str = "I want to die") -> None:
    webhook.tell("t1", "c1", DANGER, words)
    await asyncio.gather(*webhook._sending)
    await webhook.close()


async def test_it_is_signed_and_holds_no_words() -> None:
    webhook, taken = hook([])
    await told(webhook)
    body = taken[0].content
    content = json.loads(body)
    assert (content["kind"], content["turn_id"], content["event"]) == ("self_harm", "t1", "danger_seen")
    assert "words" not in content
    seconds, _, mac = taken[0].headers["X-Empatheia-Signature"].partition(",")
    assert mac == "v1=" + signature("s3cret", int(seconds.removeprefix("t=")), body)


async def test_words_go_with_it_only_on_request() -> None:
    webhook, taken = hook([], words=True)
    await told(webhook)
    assert json.loads(taken[0].content)["words"] == "I want to die"


async def test_it_is_sent_again_until_it_is_taken() -> None:
    webhook, taken = hook([503, 500])
    await told(webhook)
    assert len(taken) == 3


async def test_giving_up_is_said(caplog: pytest.LogCaptureFixture) -> None:
    webhook, taken = hook([500] * 9, attempts=2)
    with caplog.at_level(logging.ERROR):
        await told(webhook)
    assert len(taken) == 2
    assert "t1" in caplog.text
    assert "die" not in caplog.text


async def test_without_an_address_nothing_is_sent() -> None:
    webhook = Webhook(WebhookSettings())
    webhook.tell("t1", "c1", DANGER, "")
    assert not webhook._sending
    await webhook.close()
