"""Tells an operator of a danger that was seen: a signed POST, sent again until it is taken.

The receiver checks `X-Empatheia-Signature: t=SECONDS,v1=HEX`, where HEX is the HMAC-SHA256 of `SECONDS.BODY`
under the shared secret: it must compare in constant time, and refuse what is older than five minutes by its
own clock (each attempt is signed anew). A request may arrive twice: what carries a `turn_id` and an `event`
that were seen already is to be dropped.
"""

import asyncio
import hashlib
import hmac
import json
import logging
import time
from typing import Any

import httpx
from empatheia.common.v1 import safety_pb2
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from runtime.safety import DOUBT
from runtime.settings import WebhookSettings

_LOG = logging.getLogger(__name__)
_LONGEST_WAIT_S = 60.0
_CLOSING_S = 3.0
"""How long a stop waits for what is on its way."""
_WORTH_RETRYING = frozenset({408, 425, 429})
"""Refusals that may pass; every other one below 500 would be the same again."""


class Webhook:
    """Sends in the background: no turn ever waits for it."""

    def __init__(
        self,
        settings: WebhookSettings,
        transport: httpx.AsyncBaseTransport | None = None,
        first_wait_s: float = 1.0,
    ) -> None:
        """Opens no connection yet.

        Args:
            settings: Where to, and how often; without a URL nothing is ever sent.
            transport: How httpx sends, for tests.
            first_wait_s: Pause before the second attempt; each further one is twice as long.
        """
        self._settings = settings
        self._first_wait_s = first_wait_s
        self._sending: set[asyncio.Task[None]] = set()
        self._closed = False
        self._client: httpx.AsyncClient | None = None
        if not settings.url:
            return
        self._client = httpx.AsyncClient(timeout=settings.timeout_s, transport=transport)
        # It logs every address that it calls, and an operator's address may hold a token.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        if not settings.secret.get_secret_value():
            _LOG.warning("the safety webhook is sent without a signature: set webhook.secret")

    def tell(self, turn_id: str, conversation_id: str, safety: safety_pb2.Safety, words: str) -> None:
        """Sends word of a danger; returns at once.

        Args:
            turn_id: The turn in which it was seen.
            conversation_id: Its talk.
            safety: What was seen.
            words: What the person said; sent only if settings say so.
        """
        doubted = safety.stage == DOUBT
        if self._client is None or (doubted and not self._settings.doubt):
            return
        if self._closed:
            _LOG.error("word of turn %s came after the safety webhook's stop and is not sent", turn_id)
            return
        content: dict[str, Any] = {
            "event": "danger_doubted" if doubted else "danger_seen",
            "turn_id": turn_id,
            "conversation_id": conversation_id,
            "kind": safety.kind,
            "stage": safety.stage,
            "confidence": safety.confidence,
            "seen_by": safety.seen_by,
            "country": safety.country,
            "time": int(time.time()),
        }
        if self._settings.words:
            content["words"] = words
        task = asyncio.create_task(self._send(self._client, content))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def close(self) -> None:
        """Waits a little for what is on its way, then gives up on it; nothing is sent any more."""
        self._closed = True
        if self._sending:
            _, late = await asyncio.wait(self._sending, timeout=_CLOSING_S)
            for task in late:
                task.cancel()
            if late:
                _LOG.error("%d messages to the safety webhook were not delivered before the stop", len(late))
                await asyncio.gather(*late, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    async def _send(self, client: httpx.AsyncClient, content: dict[str, Any]) -> None:
        body = json.dumps(content, ensure_ascii=False).encode()
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._settings.attempts),
            wait=wait_exponential_jitter(
                initial=self._first_wait_s, max=_LONGEST_WAIT_S, jitter=self._first_wait_s / 2
            ),
            retry=retry_if_exception(_may_pass),
            reraise=True,
        )
        tried = 0
        try:
            async for attempt in retrying:
                with attempt:
                    tried += 1
                    response = await client.post(
                        self._settings.url, content=body, headers=self._headers(body)
                    )
                    response.raise_for_status()
        except Exception as error:
            # Whatever it is, nobody awaits this task: what is not said here is said nowhere.
            _LOG.error(
                "the safety webhook did not take word of turn %s (attempts: %d): %s",
                content["turn_id"],
                tried,
                _named(error),
            )

    def _headers(self, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if secret := self._settings.secret.get_secret_value():
            now = int(time.time())
            headers["X-Empatheia-Signature"] = f"t={now},v1={signature(secret, now, body)}"
        return headers


def _may_pass(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        return status >= 500 or status in _WORTH_RETRYING
    return isinstance(error, httpx.TransportError) and not isinstance(error, httpx.UnsupportedProtocol)


def _named(error: Exception) -> str:
    """An error without its text: that of httpx holds the whole address, and in it perhaps a token."""
    name = type(error).__name__
    return f"{name} {error.response.status_code}" if isinstance(error, httpx.HTTPStatusError) else name


def signature(secret: str, seconds: int, body: bytes) -> str:
    """HMAC-SHA256 of `SECONDS.BODY`, in hex."""
    return hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
