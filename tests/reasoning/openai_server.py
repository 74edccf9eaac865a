"""A small server that speaks as OpenAI-compatible ones do, and misbehaves on request."""

import asyncio
import json
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

Json = dict[str, Any]
KEY = "sk-secret-of-the-test"
_WORDS = "they lost someone dear and feel very alone now because the house is quiet and empty tonight".split()


class FakeServer:
    """Answers on a free port; `faults` says how the next chat calls go wrong, one each."""

    def __init__(
        self, *, echo: bool = True, logprobs: bool = True, key: str = "", vllm: bool = False
    ) -> None:
        self.echo = echo
        self.logprobs = logprobs
        self.key = key
        self.vllm = vllm
        self.faults: list[str] = []
        self.bodies: list[Json] = []
        """Of all requests, as they came."""
        self.says = ""
        """An answer to give instead of random words."""
        self.hung_up = 0
        self.url = ""

    @asynccontextmanager
    async def run(self) -> AsyncIterator["FakeServer"]:
        self._handlers: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        try:
            yield self
        finally:
            server.close()
            for task in list(self._handlers):
                task.cancel()
            await asyncio.gather(*self._handlers, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.hung_up += 1
        finally:
            self._handlers.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        found = re.search(r"content-length: (\d+)", head, re.I)
        body = json.loads(await reader.readexactly(int(found[1]))) if found else {}
        path = head.split()[1].removeprefix("/v1/")
        self.bodies.append(body)
        if self.key and f"authorization: bearer {self.key}" not in head.lower():
            error = {"message": f"Incorrect API key provided: {head}", "code": "invalid_api_key"}
            return await _whole(writer, 401, {"error": error})
        if path == "models":
            owner = "vllm" if self.vllm else "somebody"
            return await _whole(writer, 200, {"data": [{"id": "tiny-chat", "owned_by": owner}]})
        if path == "completions":
            if not self.echo:
                return await _whole(writer, 404, {"error": {"message": "no such path"}})
            rows = [_echo(index, text) for index, text in enumerate(body["prompt"])]
            return await _whole(writer, 200, {"choices": rows, "usage": {"prompt_tokens": 7 * len(rows)}})
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "stall":
            await asyncio.sleep(60)
        if fault == "nonsense":
            return await _whole(writer, 200, "<html>Welcome to nginx</html>", "text/html")
        if fault == "busy":
            return await _whole(
                writer, 429, {"error": {"code": "rate_limit_exceeded"}}, more="Retry-After: 0.01\r\n"
            )
        if fault == "broken":
            return await _whole(
                writer, 500, {"error": {"message": json.dumps(body), "code": "internal_error"}}
            )
        if fault == "refused":
            error = {"message": json.dumps(body), "code": "context_length_exceeded"}
            return await _whole(writer, 400, {"error": error})
        if body.get("logprobs") and not self.logprobs:
            return await _whole(writer, 400, {"error": {"message": "no logprobs", "code": "unsupported"}})
        if not body.get("stream"):
            return await _whole(writer, 200, self._letter(body))
        return await self._stream(writer, body, fault)

    def _words(self, body: Json) -> list[str]:
        if self.says:
            return self.says.split(" ")
        heat = body["seed"] if body.get("temperature") else 0
        chance = random.Random(f"{heat} {json.dumps(body['messages'])}")
        return [chance.choice(_WORDS) for _ in range(chance.randint(6, 12))]

    async def _stream(self, writer: asyncio.StreamWriter, body: Json, fault: str) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )

        async def send(event: Json | str) -> None:
            text = f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n".encode()
            writer.write(f"{len(text):x}\r\n".encode() + text + b"\r\n")
            await writer.drain()

        words = self._words(body)
        if fault == "endless":
            words = ["word"] * 100_000
        for index, word in enumerate(words[: None if fault == "endless" else body["max_tokens"]]):
            if fault == "break" and index == 2:
                return
            if fault == "stall later" and index == 2:
                await asyncio.sleep(60)
            if fault == "nonsense later" and index == 2:
                await send("{not JSON")
            if fault == "error later" and index == 2:
                await send({"error": {"message": json.dumps(body), "code": "engine_dead"}})
            delta: Json = {"content": word if index == 0 else f" {word}"}
            choice: Json = {"index": 0, "delta": delta, "finish_reason": None}
            if body.get("logprobs"):
                choice["logprobs"] = {"content": [{"token": word, "logprob": -0.25 * len(word)}]}
            await send({"choices": [choice]})
        finish = "length" if len(words) > body["max_tokens"] else "stop"
        await send({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        usage = {"prompt_tokens": 50, "completion_tokens": min(len(words), body["max_tokens"])}
        await send({"choices": [], "usage": usage})
        await send("[DONE]")
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    def _letter(self, body: Json) -> Json:
        """Answers the letter of the choice that shares most words with what was said."""
        question = body["messages"][-1]["content"]
        said = set(
            re.findall(r"\w+", json.dumps(body["messages"][:-1]) + question.partition("Which of these")[0])
        )
        choices = re.findall(r"^(\w)\) (.*)$", question, re.M) or [("A", "")]
        shares = {letter: 1 + 9 * len(said & set(re.findall(r"\w+", text))) for letter, text in choices}
        letter = max(shares, key=shares.__getitem__)
        choice: Json = {"index": 0, "message": {"role": "assistant", "content": f"{letter})"}}
        if body.get("logprobs"):
            import math

            top = sorted(shares.items(), key=lambda pair: -pair[1])[: body["top_logprobs"]]
            total = sum(shares.values())
            named = [{"token": token, "logprob": math.log(share / total)} for token, share in top]
            choice["logprobs"] = {"content": [{"token": letter, "logprob": 0.0, "top_logprobs": named}]}
        return {"choices": [choice]}


def _echo(index: int, text: str) -> Json:
    """Words that came before are likely."""
    tokens = list(re.finditer(r"\s*\S+", text))
    seen: set[str] = set()
    values: list[float | None] = []
    for token in tokens:
        word = token[0].strip().lower().strip(".,!?")
        values.append(None if not values else -0.5 if word in seen else -4.0)
        seen.add(word)
    offsets = [token.start() for token in tokens]
    return {"index": index, "text": text, "logprobs": {"token_logprobs": values, "text_offset": offsets}}


async def _whole(
    writer: asyncio.StreamWriter, status: int, content: Any, kind: str = "application/json", more: str = ""
) -> None:
    data = (content if isinstance(content, str) else json.dumps(content)).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n{more}\r\n"
    writer.write(head.encode() + data)
    await writer.drain()
