"""Any language model behind an OpenAI-compatible server: vLLM, llama.cpp, Ollama, a cloud, ..."""

import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Literal

from empatheia.common.v1 import service_pb2
from empatheia.reasoning.v1 import reasoning_pb2
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from runtime.errors import InvalidInput, TooMuch
from services.reasoning import chat, prompt
from services.reasoning.backends import WARM_UP, Answer, Backend, Likelihood, Scores, Usage, checked
from services.reasoning.backends.openai import scoring
from services.reasoning.backends.openai.client import Json, Server
from services.reasoning.writing import Writing

_OPTIONS = "services.reasoning.options"
_UNKNOWN_LOGPROB = -1.0
"""Stands for the mean log probability where a server keeps it to itself: neither sure nor a guess."""
_MOST_STOPS = 4
"""Stop texts that such servers take; all of them are looked for here, too."""
_CHARS_PER_TOKEN = 4
"""Of English, roughly: these servers don't lend their tokenizer."""
_NEUTRAL = 256
"""Sets of choices whose neutral scores are kept."""


class Options(BaseModel):
    """Options of the backend."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    base_url: str = ""
    """Where the server is, such as "http://localhost:8000/v1"; the variable OPENAI_BASE_URL if not given."""
    model: str = ""
    """Which of the server's models; its only one if not given."""
    api_key: SecretStr = SecretStr("")
    """The variable OPENAI_API_KEY if not given; needed by some servers."""
    dialect: Literal["auto", "openai", "vllm"] = "auto"
    """vLLM understands more: it goes on with a begun answer and has a repetition penalty. "auto" asks the
    server."""
    scoring: Literal["auto", "echo", "top_logprobs", "ask"] = "auto"
    """How choices are scored, see `scoring.py`; "auto" tries what the server can tell."""
    dialogue_tokens: int = Field(1024, ge=64, le=32768)
    """Most tokens of the dialogue, at four characters each; older utterances are left out."""
    context_tokens: int = Field(8192, ge=256)
    """Most tokens of everything, at four characters each."""
    max_tokens: int = Field(64, ge=1, le=512)
    """Length of an answer where the caller doesn't say."""
    connect_s: float = Field(5.0, gt=0)
    """Longest wait for a connection."""
    silence_s: float = Field(30.0, gt=0)
    """Longest wait for the next word."""
    whole_s: float = Field(60.0, gt=0)
    """Longest that a call may take."""
    retries: int = Field(2, ge=0, le=10)
    """How often a call that got no answer, or was put off, is sent again."""
    extra: dict[str, Any] = Field(default_factory=dict)
    """Further fields of each chat request, such as {"chat_template_kwargs": {"enable_thinking": false}}."""


class OpenAI(Backend):
    """Asks a server; as many calls at the same time as come."""

    def __init__(self, options: dict[str, Any], home: Path) -> None:
        """Checks the options; the address and the key may also be in the environment."""
        self._options = checked(Options, options)
        self._base_url = self._options.base_url or os.environ.get("OPENAI_BASE_URL", "")
        if not self._base_url:
            raise InvalidInput.of(
                f"{_OPTIONS}.base_url",
                "is empty; name the server, such as http://localhost:8000/v1, here or in OPENAI_BASE_URL",
                reason="BAD_SETTING",
            )
        self._key = self._options.api_key.get_secret_value() or os.environ.get("OPENAI_API_KEY", "")
        self._neutral: dict[tuple[str, ...], list[Likelihood]] = {}

    async def start(self) -> None:
        """Asks the server for its models, tries what it can tell, and has it write a word."""
        options = self._options
        self._server = Server(
            self._base_url,
            self._key,
            connect_s=options.connect_s,
            silence_s=options.silence_s,
            whole_s=options.whole_s,
            retries=options.retries,
        )
        try:
            self._model, self._vllm = await self._found()
            self._way: scoring.Way = (
                await scoring.best_way(self._server, self._model)
                if options.scoring == "auto"
                else options.scoring
            )
            async with aclosing(self.generate(WARM_UP, "")) as parts:  # type: ignore[type-var]
                async for _ in parts:
                    pass
        except BaseException:
            await self._server.close()
            raise

    async def stop(self) -> None:
        """Closes the connections."""
        await self._server.close()

    def describe(self) -> service_pb2.ServiceDescription:
        """See `Backend.describe`."""
        return service_pb2.ServiceDescription(
            model=service_pb2.ModelInfo(backend="openai", model_id=self._model),
            capabilities=["streaming", "choose", "prefill", *(["logprobs"] if self._way == "echo" else [])],
            limits={
                "context_tokens": self._options.context_tokens,
                "dialogue_tokens": self._options.dialogue_tokens,
            },
            languages=["en"],
            notices=[
                f"{self._model}: under its makers' licence; all words are sent to {self._server.place}",
                scoring.EXPLANATIONS[self._way],
                "no signals: a server keeps its hidden states",
            ],
        )

    async def generate(
        self, request: reasoning_pb2.GenerateRequest, turn_id: str
    ) -> AsyncIterator[str | Answer]:
        """See `Backend.generate`."""
        options, prefill = request.options, request.prefill.strip()
        most = options.max_tokens or self._options.max_tokens
        written_chat = chat.messages(
            request.context, prefill, self._options.dialogue_tokens, _tokens, _harmless
        )
        body = self._body(written_chat, options, most, prefill)
        self._check_length(body["messages"])
        text = Writing(prefill, list(options.stop))
        spoken = _Spoken(prefill, goes_on=self._vllm)
        usage: Json = {}
        logprobs: list[float] = []
        pieces, finish = 0, ""
        began = time.monotonic()
        first = began
        async with aclosing(self._server.stream("chat/completions", body)) as events:  # type: ignore[type-var]
            async for event in events:
                usage = event.get("usage") or usage
                delta, finish_here, values = _delta(self._server, event)
                finish = finish_here or finish
                if delta:
                    first = first if pieces else time.monotonic()
                    pieces += 1
                    logprobs += values
                    if text.grow(spoken.grow(delta)):
                        text.ended = True
                        break
                    if spoken.begun and (piece := text.next()):
                        yield piece
                if pieces > most + 1:  # It was told when to end, and didn't.
                    break
        if text.grow(spoken.end()) or finish == "stop":
            text.ended = True
        if piece := text.rest():
            yield piece
        mean = sum(logprobs) / len(logprobs) if logprobs else _UNKNOWN_LOGPROB
        took = Usage(
            int(usage.get("prompt_tokens") or _size(body["messages"])),
            int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0),
            int(usage.get("completion_tokens") or pieces),
            (first - began) * 1000,
            (time.monotonic() - first) * 1000,
        )
        yield Answer(text.all, text.ended, took, mean, written_chat.dropped_utterances)

    async def score(self, request: reasoning_pb2.ChooseRequest, turn_id: str) -> Scores:
        """See `Backend.score`."""
        if request.evidence_weight == 0 and not (request.want_scores and self._way == "echo"):
            return Scores.none(len(request.choices))
        choices = [(choice.text or choice.label).strip() for choice in request.choices]
        began = time.monotonic()
        asked, dropped = await self._ask(request.context, request.prefill, choices)
        nothing = asked.likelihoods
        if request.evidence_weight and self._way != "ask":
            # The same question and choices are asked of many dialogues.
            neutral = prompt.neutral(request.context)
            key = (neutral.SerializeToString(deterministic=True).hex(), request.prefill, *choices)
            if key not in self._neutral:
                while len(self._neutral) >= _NEUTRAL:
                    self._neutral.pop(next(iter(self._neutral)))
                found, _ = await self._ask(neutral, request.prefill, choices)
                self._neutral[key] = found.likelihoods
            nothing = self._neutral[key]
        elif request.evidence_weight:
            # One answer without probabilities says too little to be set against another.
            nothing = [Likelihood(0.0, 1)] * len(choices)
        usage = Usage(
            asked.prompt_tokens, asked.cached_tokens, len(choices), (time.monotonic() - began) * 1000, 0.0
        )
        scores = Scores.calibrated(asked.likelihoods, nothing, usage, dropped)
        return scores if asked.exact else Scores(scores.values, usage, dropped)

    async def _ask(
        self, context: reasoning_pb2.ReasoningContext, prefill: str, choices: Sequence[str]
    ) -> tuple[scoring.Asked, int]:
        room = self._options.dialogue_tokens
        if self._way == "echo":
            plain = prompt.render(context, prefill, room, _tokens)
            text = "".join(map(_harmless, plain.parts))
            self._check_length([{"content": text}])
            asked = await scoring.echo(self._server, self._model, text, choices)
            return asked, plain.dropped_utterances
        written = chat.messages(context, "", room, _tokens, _harmless)
        messages = _plain(written)
        self._check_length(messages)
        if prefill.strip():
            choices = [f"{prefill.strip()} {choice}" for choice in choices]
        asked = await scoring.letters(self._server, self._model, messages, choices, self._way)
        return asked, written.dropped_utterances

    async def _found(self) -> tuple[str, bool]:
        """The model, and whether the server is vLLM."""
        dialect, wanted = self._options.dialect, self._options.model
        try:
            listed = (await self._server.get("models")).get("data")
            models = {str(one["id"]): str(one.get("owned_by", "")) for one in listed or ()}
        except InvalidInput as error:
            if error.reason != "LLM_NOT_FOUND":
                raise
            models = {}  # Some servers keep no list.
        except (KeyError, TypeError, AttributeError):
            raise self._server.nonsense("a list of models that can't be read") from None
        if not wanted and len(models) != 1:
            there = f"has {', '.join(sorted(models)[:20])}" if models else "does not say what it has"
            raise InvalidInput.of(
                f"{_OPTIONS}.model", f"name one: {self._server.place} {there}", reason="BAD_SETTING"
            )
        model = wanted or next(iter(models))
        return model, dialect == "vllm" or (dialect == "auto" and models.get(model) == "vllm")

    def _body(
        self, written: chat.Chat, options: reasoning_pb2.GenerationOptions, most: int, prefill: str
    ) -> Json:
        messages = _plain(written)
        body: Json = {
            "model": self._model,
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": most,
            "temperature": options.temperature,
            "seed": options.seed,
            "stop": list(options.stop)[:_MOST_STOPS] or [prompt.END],
            **({"top_p": options.top_p} if 0 < options.top_p < 1 else {}),
            **({"logprobs": True} if self._way != "ask" else {}),
        }
        if self._vllm:
            if prefill:
                body |= {"continue_final_message": True, "add_generation_prompt": False}
            if options.repetition_penalty > 1:
                body["repetition_penalty"] = options.repetition_penalty
        elif prefill:
            *before, question, _ = messages
            begin = f"{question['content']}\nBegin your answer with exactly these words: {prefill}"
            body["messages"] = [*before, {"role": "user", "content": begin}]
        return body | self._options.extra

    def _check_length(self, messages: Sequence[Json]) -> None:
        if (size := _size(messages)) > self._options.context_tokens:
            raise TooMuch(
                f"context has about {size} tokens with the dialogue cut; {self._options.context_tokens} are"
                " the most: send fewer or shorter examples, observations and steps",
                reason="CONTEXT_TOO_LONG",
            )


class _Spoken:
    """What a server has said, without the first words that it was given."""

    def __init__(self, prefill: str, *, goes_on: bool) -> None:
        self._prefill = prefill
        self._said = ""
        self.begun = goes_on or not prefill
        """Whether it is known by now if the server repeats the first words."""

    def grow(self, piece: str) -> str:
        self._said += piece
        said = self._said.lstrip()
        if not self.begun:
            if self._prefill.lower().startswith(said.lower()):
                return ""
            self._begin(said)
        return self._said

    def end(self) -> str:
        if not self.begun:
            self._begin(self._said.lstrip())
        return self._said

    def _begin(self, said: str) -> None:
        self.begun = True
        if said.lower().startswith(self._prefill.lower()):
            self._said = said[len(self._prefill) :]
        elif said and said[0].isalnum():
            self._said = f" {said}"
        else:
            self._said = said


def _delta(server: Server, event: Json) -> tuple[str, str, list[float]]:
    """Text, reason of the end if it is one, and log probabilities of an event."""
    try:
        choices = event.get("choices") or []
        if not choices:
            return "", "", []
        choice = choices[0]
        text = (choice.get("delta") or choice.get("message") or {}).get("content") or ""
        tokens = (choice.get("logprobs") or {}).get("content") or []
        values = [float(token["logprob"]) for token in tokens]
        return str(text), str(choice.get("finish_reason") or ""), values
    except (AttributeError, KeyError, TypeError, ValueError):
        raise server.nonsense("events that can't be read") from None


def _plain(written: chat.Chat) -> list[Json]:
    return [
        {"role": message.role, "content": message.content.replace(chat.MARK, "")}
        for message in written.messages
    ]


def _harmless(text: str) -> str:
    """Breaks what a server's tokenizer may read as a control token, whatever model it has."""
    return text.replace("<|", "< |").replace("[INST]", "[ INST]").replace("</s>", "< /s>")


def _tokens(text: str) -> int:
    return -(-len(text) // _CHARS_PER_TOKEN)


def _size(messages: Sequence[Json]) -> int:
    return sum(_tokens(message["content"]) for message in messages)
