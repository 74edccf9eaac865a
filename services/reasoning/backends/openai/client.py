"""Talks to an OpenAI-compatible server.

What a server says of an error may repeat the key or the words that were sent, so it never goes into ours: its
status and its error code do. Everything is bounded: silence, the whole call, and the size of an answer.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

from runtime.errors import EmpatheiaError, InvalidInput, ServiceDown, TooSlow

Json = dict[str, Any]
_RETRIED = (429, 500, 502, 503, 504)
_WAIT_S = 0.5
_LONGEST_WAIT_S = 10.0
_MOST_BYTES = 8 << 20
_OPTIONS = "services.reasoning.options"


class Server:
    """One server, one key."""

    def __init__(
        self, base_url: str, key: str, *, connect_s: float, silence_s: float, whole_s: float, retries: int
    ) -> None:
        """Opens nothing yet.

        Args:
            base_url: With its version: "http://localhost:8000/v1".
            key: Sent as a bearer token; empty sends none.
            connect_s: Longest wait for a connection.
            silence_s: Longest wait for the next bytes.
            whole_s: Longest that a call may take.
            retries: How often a call that got no answer is sent again.
        """
        parts = urlsplit(base_url)
        # Without name and password, should the URL hold them.
        self.place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        self._silence_s = silence_s
        self._whole_s = whole_s
        self._retries = retries
        self._client = httpx.AsyncClient(
            base_url=base_url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(silence_s, connect=connect_s),
        )

    async def close(self) -> None:
        """Closes its connections."""
        await self._client.aclose()

    async def get(self, path: str) -> Json:
        """Asks for an object."""
        return await self._object("GET", path, None)

    async def post(self, path: str, body: Json) -> Json:
        """Sends an object and returns the answer."""
        return await self._object("POST", path, body)

    async def stream(self, path: str, body: Json) -> AsyncIterator[Json]:
        """Sends an object and yields the events of the answer; a whole object counts as one event.

        Raises:
            EmpatheiaError: See `post`; also where the answer breaks off. It is sent again only as long as
                nothing has come.
        """
        finished, seen = False, 0
        async with self._answer("POST", path, body) as pieces:
            if pieces.whole:
                yield self._parsed(await pieces.read())
                return
            async for line in pieces.lines():
                if not line.startswith("data:"):
                    continue  # A comment that keeps the connection open, or the name of an event.
                data = line.removeprefix("data:").strip()
                if data == "[DONE]":
                    return
                event = self._parsed(data.encode())
                seen += 1
                finished |= any(choice.get("finish_reason") for choice in event.get("choices") or ())
                yield event
        if not finished:
            raise self._broke_off() if seen else self.nonsense("no events")

    async def _object(self, method: str, path: str, body: Json | None) -> Json:
        async with self._answer(method, path, body) as pieces:
            return self._parsed(await pieces.read())

    @asynccontextmanager
    async def _answer(self, method: str, path: str, body: Json | None) -> AsyncIterator["_Pieces"]:
        """Sends a request, again where that may help, and gives an answer that the server meant."""
        deadline = asyncio.get_running_loop().time() + self._whole_s
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._sent(method, path, body)
            pieces = _Pieces(response, deadline)
            try:
                if not response.is_success:
                    raise self._refusal(response.status_code, await _code(pieces))
                yield pieces
            finally:
                await response.aclose()
        except TimeoutError:
            raise self._too_slow(f"did not end its answer within {self._whole_s:.0f} s") from None
        except httpx.TimeoutException:
            raise self._too_slow(f"was silent for {self._silence_s:.0f} s") from None
        except httpx.TransportError:
            raise self._broke_off() from None
        except _TooLong:
            raise self.nonsense(f"more than {_MOST_BYTES >> 20} MiB") from None

    async def _sent(self, method: str, path: str, body: Json | None) -> httpx.Response:
        for attempt in range(self._retries + 1):
            last = attempt == self._retries
            wait = _WAIT_S * 2**attempt
            try:
                request = self._client.build_request(method, path, json=body)
                response = await self._client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
                if last or isinstance(error, httpx.UnsupportedProtocol):
                    why = "it is no http address" if isinstance(error, httpx.UnsupportedProtocol) else ""
                    raise self._unreachable(why or "nothing answers there") from None
            else:
                if response.status_code not in _RETRIED or last:
                    return response
                wait = _retry_after(response) or wait
                await response.aclose()
            await asyncio.sleep(min(wait, _LONGEST_WAIT_S))
        raise AssertionError("the last attempt returns or raises")

    def _parsed(self, data: bytes) -> Json:
        try:
            parsed = json.loads(data)
        except ValueError:
            raise self.nonsense("what is no JSON") from None
        if not isinstance(parsed, dict):
            raise self.nonsense("JSON that is no object")
        if error := parsed.get("error"):
            raise self._refusal(0, _safe_code(error))
        return parsed

    def _refusal(self, status: int, code: str) -> EmpatheiaError:
        said = " ".join(part for part in (str(status or ""), code) if part)
        if status in (401, 403):
            return InvalidInput.of(
                f"{_OPTIONS}.api_key",
                f"{self.place} refused the key ({said}); set another, by OPENAI_API_KEY or this option",
                reason="LLM_KEY_REFUSED",
            )
        if status == 429:
            return ServiceDown(
                f"{self.place} takes no more calls for now ({said}), asked {self._retries + 1} times",
                reason="LLM_OVERLOADED",
            )
        if status == 404:
            return InvalidInput.of(
                f"{_OPTIONS}.model",
                f"{self.place} knows no such model or path ({said}); check model and base_url",
                reason="LLM_NOT_FOUND",
            )
        if 400 <= status < 500:
            return InvalidInput.of(
                _OPTIONS, f"{self.place} refused the request ({said})", reason="LLM_REFUSED"
            )
        return ServiceDown(f"{self.place} failed ({said or 'no reason given'})", reason="LLM_FAILED")

    def nonsense(self, what: str) -> EmpatheiaError:
        """The error for an answer that does not have the form of one."""
        return ServiceDown(
            f"{self.place} sent {what}; is it an OpenAI-compatible server? base_url mostly ends in /v1",
            reason="LLM_NONSENSE",
        )

    def _unreachable(self, why: str) -> EmpatheiaError:
        return ServiceDown(
            f"the language model's server at {self.place} can't be reached: {why}", reason="LLM_UNREACHABLE"
        )

    def _broke_off(self) -> EmpatheiaError:
        return ServiceDown(f"{self.place} broke off its answer", reason="LLM_BROKE_OFF")

    def _too_slow(self, what: str) -> EmpatheiaError:
        return TooSlow(f"{self.place} {what}", reason="LLM_TIMEOUT")


class _TooLong(Exception):
    pass


class _Pieces:
    """The body of an answer, as it comes, until the deadline of its call."""

    def __init__(self, response: httpx.Response, deadline: float) -> None:
        self.whole = "json" in response.headers.get("content-type", "")
        self._bytes = response.aiter_bytes()
        self._deadline = deadline
        self._size = 0

    async def lines(self) -> AsyncIterator[str]:
        rest = b""
        while piece := await self._next():
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield line.decode(errors="replace").strip()
        yield rest.decode(errors="replace").strip()

    async def read(self) -> bytes:
        read = bytearray()
        while piece := await self._next():
            read += piece
        return bytes(read)

    async def _next(self) -> bytes:
        """The next bytes; none at the end."""
        async with asyncio.timeout_at(self._deadline):
            async for piece in self._bytes:
                self._size += len(piece)
                if self._size > _MOST_BYTES:
                    raise _TooLong
                if piece:
                    return piece
        return b""


async def _code(pieces: _Pieces) -> str:
    try:
        return _safe_code(json.loads(await pieces.read()).get("error"))
    except (ValueError, AttributeError, _TooLong):
        return ""


def _retry_after(response: httpx.Response) -> float:
    try:
        return max(float(response.headers.get("retry-after", "0")), 0.0)
    except ValueError:
        return 0.0


def _safe_code(error: Any) -> str:
    """A server's error code, if it is one: letters, digits and little else, so that it can repeat nothing."""
    found = error.get("code") or error.get("type") if isinstance(error, dict) else ""
    return found if isinstance(found, str) and re.fullmatch(r"[a-z][a-z_]{2,48}", found) else ""
