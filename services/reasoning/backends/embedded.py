"""SmolLM2-135M-Instruct on the CPU."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from empatheia.common.v1 import dialogue_pb2, service_pb2
from empatheia.reasoning.v1 import reasoning_pb2
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors.torch import load_file
from tokenizers import Tokenizer

from runtime.aio import iterate_in_thread
from runtime.errors import InvalidInput, TooMuch
from runtime.models import weight_hash
from services.reasoning import smollm2
from services.reasoning.backends import Answer, Backend, Scores, Usage
from services.reasoning.cache import Part, Reading, ReadingCache
from services.reasoning.model import Llama, Shape
from services.reasoning.prompt import END, render
from services.reasoning.sampling import Sampler

_SIGNALS = 16
_SPEECH_TOKEN, _FACE_TOKEN = "<issue_start>", "<issue_comment>"
_NEUTRAL = 256
"""Sets of choices whose neutral scores are kept."""
_AHEAD = 1024
"""Pieces that wait for a slow reader: more than an answer has, so that it never holds the model."""


class Options(BaseModel):
    """Options of the backend."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threads: int = Field(1, ge=1, le=256)
    """Cores of one product. More than one helps on an idle machine and hurts much on a busy one."""
    dialogue_tokens: int = Field(640, ge=64, le=4096)
    """Most tokens of the dialogue; older utterances are left out."""
    context_tokens: int = Field(3072, ge=512, le=8192)
    """Most tokens of everything."""
    max_tokens: int = Field(48, ge=1, le=512)
    """Length of an answer where the caller doesn't say."""
    cached_turns: int = Field(8, ge=1, le=1024)
    """Turns whose reading is kept."""
    cache_mb: int = Field(256, ge=16)
    """Bound on these readings."""


@dataclass
class _Timing:
    prompt: int
    cached: int
    prefill_ms: float


class Embedded(Backend):
    """A small Llama that reads each word of a turn once."""

    def __init__(self, options: dict[str, Any], home: Path) -> None:
        """Checks the options."""
        try:
            self._options = Options.model_validate(options)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(["services.reasoning.options", *map(str, first["loc"])])
            raise InvalidInput.of(where, first["msg"], reason="BAD_SETTING") from error
        self._home = home
        # Calls wait in line; the second lock holds off the next one until a cancelled one has let go.
        self._line = asyncio.Lock()
        self._busy = threading.Lock()
        self._neutral: dict[tuple[Part, ...], list[float]] = {}

    async def start(self) -> None:
        """Loads the model, converting it the first time, and writes a word."""
        await asyncio.to_thread(self._load)
        context = reasoning_pb2.ReasoningContext(
            system="A friend listens.",
            instruction="Friend:",
            dialogue=[dialogue_pb2.Utterance(role=dialogue_pb2.ROLE_SPEAKER, text="I had a long day.")],
        )
        options = reasoning_pb2.GenerationOptions(max_tokens=4)
        async for _ in self.generate(reasoning_pb2.GenerateRequest(context=context, options=options), ""):
            pass

    def _load(self) -> None:
        torch.set_num_threads(self._options.threads)
        folder = smollm2.ensure(self._home)
        with ThreadPoolExecutor(1) as pool:
            hashed = pool.submit(weight_hash, folder / "model.safetensors")
            self._load_from(folder)
        self._hash = hashed.result()

    def _load_from(self, folder: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._end_tokens = {self._tokenizer.token_to_id(t) for t in ("<|im_end|>", "<|endoftext|>")}
        shape = Shape.from_config(json.loads((folder / "config.json").read_text()))
        self._model = Llama(shape, load_file(folder / "model.safetensors"))
        self._cache = ReadingCache(
            self._model.buffer, most=self._options.cached_turns, most_bytes=self._options.cache_mb << 20
        )

    def describe(self) -> service_pb2.ServiceDescription:
        """See `Backend.describe`."""
        return service_pb2.ServiceDescription(
            model=service_pb2.ModelInfo(
                backend="embedded", model_id=smollm2.MODEL_ID, weight_hash=self._hash
            ),
            capabilities=["streaming", "choose", "signals", "prefill", "kv_cache"],
            limits={
                "context_tokens": self._options.context_tokens,
                "dialogue_tokens": self._options.dialogue_tokens,
            },
            languages=["en"],
            notices=["SmolLM2-135M-Instruct: Apache-2.0"],
        )

    async def generate(
        self, request: reasoning_pb2.GenerateRequest, turn_id: str
    ) -> AsyncIterator[str | Answer]:
        """See `Backend.generate`."""

        def work(stopped: threading.Event) -> Iterator[str | Answer]:
            with self._busy:
                if not stopped.is_set():
                    yield from self._write(request, turn_id, stopped)

        async with self._line, aclosing(iterate_in_thread(work, _AHEAD)) as parts:
            async for part in parts:
                yield part

    async def score(self, request: reasoning_pb2.ChooseRequest, turn_id: str) -> Scores:
        """See `Backend.score`."""

        def work() -> Scores:
            with self._busy:
                return self._score(request, turn_id)

        async with self._line:
            return await asyncio.to_thread(work)

    @torch.inference_mode()
    def _write(
        self, request: reasoning_pb2.GenerateRequest, turn_id: str, stopped: threading.Event
    ) -> Iterator[str | Answer]:
        options = request.options
        most = options.max_tokens or self._options.max_tokens
        parts, dropped = self._parts(request.context, request.prefill)
        extra = most + 2 * _SIGNALS if request.want_signals else most
        reading, hidden, timing = self._read(parts, turn_id, extra)
        sampler = Sampler(
            options.temperature,
            options.top_p,
            options.repetition_penalty,
            options.no_repeat_ngram,
            options.seed,
        )
        generator = sampler.generator()
        text = _Text(self._tokenizer, request.prefill.strip(), list(options.stop))
        written: list[int] = []
        logprobs = 0.0
        began = time.monotonic()
        try:
            while len(written) < most and not stopped.is_set():
                logits = self._model.logits(hidden[-1:])[0]
                token = sampler.draw(logits, written, generator)
                written.append(token)
                logprobs += float(logits[token] - logits.logsumexp(-1))
                if token in self._end_tokens or text.add(token):
                    text.ended = True
                    break
                if piece := text.next():
                    yield piece
                place = reading.length + len(written) - 1
                hidden = self._model.read(torch.tensor([token]), reading.buffer, place)
            if piece := text.rest():
                yield piece
            signals = (
                self._signals(reading, text.all, prefill=bool(request.prefill.strip()))
                if request.want_signals
                else {}
            )
        finally:
            self._cache.put(turn_id, reading)
        decode_ms = (time.monotonic() - began) * 1000
        usage = Usage(timing.prompt, timing.cached, len(written), timing.prefill_ms, decode_ms)
        mean = logprobs / len(written) if written else 0.0
        yield Answer(text.all, text.ended, usage, mean, dropped, signals)

    @torch.inference_mode()
    def _score(self, request: reasoning_pb2.ChooseRequest, turn_id: str) -> Scores:
        choices = [self._encode(" " + (choice.text or choice.label).strip()) for choice in request.choices]
        if request.evidence_weight == 0:
            return Scores([0.0] * len(choices), Usage(0, 0, 0, 0.0, 0.0), 0)
        parts, dropped = self._parts(request.context, request.prefill)
        total = sum(map(len, choices))
        reading, hidden, timing = self._read(parts, turn_id, total)
        began = time.monotonic()
        try:
            values = self._likelihoods(reading, hidden, choices)
        finally:
            self._cache.put(turn_id, reading)
        neutral = self._neutral_likelihoods(request, choices)
        usage = Usage(
            timing.prompt, timing.cached, total, timing.prefill_ms, (time.monotonic() - began) * 1000
        )
        return Scores([a - b for a, b in zip(values, neutral, strict=True)], usage, dropped)

    def _neutral_likelihoods(
        self, request: reasoning_pb2.ChooseRequest, choices: Sequence[Part]
    ) -> list[float]:
        """The same choices after a dialogue that says nothing (Zhao et al. 2021, contextual calibration)."""
        context = reasoning_pb2.ReasoningContext(
            system=request.context.system,
            examples=request.context.examples,
            dialogue=[dialogue_pb2.Utterance(role=dialogue_pb2.ROLE_SPEAKER, text="...")],
            instruction=request.context.instruction,
        )
        parts, _ = self._parts(context, request.prefill)
        key = (*parts, *choices)
        if key not in self._neutral:
            reading, hidden, _ = self._read(parts, "", sum(map(len, choices)))
            while len(self._neutral) >= _NEUTRAL:
                self._neutral.pop(next(iter(self._neutral)))
            self._neutral[key] = self._likelihoods(reading, hidden, choices)
        return self._neutral[key]

    def _likelihoods(self, reading: Reading, hidden: torch.Tensor, choices: Sequence[Part]) -> list[float]:
        """Mean log probability of each choice's tokens, all choices read in one pass.

        The choices stand side by side; a mask hides them from each other.
        """
        start = reading.length
        tokens = torch.tensor([token for choice in choices for token in choice])
        owner = torch.tensor([i for i, choice in enumerate(choices) for _ in choice])
        offset = torch.tensor([j for choice in choices for j in range(len(choice))])
        own = (owner[:, None] == owner) & (offset[:, None] >= offset)
        mask = torch.cat([torch.ones(len(tokens), start, dtype=torch.bool), own], 1)
        after = self._model.read(tokens, reading.buffer, start, positions=start + offset, mask=mask)
        # A token is foretold by the state before it: the context's last for the first of each choice.
        before = torch.where((offset == 0)[:, None], hidden[-1:], after.roll(1, 0))
        table = self._model.logits(before).log_softmax(-1)
        each = table.gather(1, tokens[:, None])[:, 0]
        sums = torch.zeros(len(choices)).index_add(0, owner, each)
        return (sums / owner.bincount()).tolist()

    def _signals(self, reading: Reading, text: str, *, prefill: bool) -> dict[str, Any]:
        """Reads the answer once more, then 16 signal tokens for the voice and 16 for the face."""
        answer = self._encode(" " + text)
        speech, face = (self._tokenizer.token_to_id(token) for token in (_SPEECH_TOKEN, _FACE_TOKEN))
        tokens = torch.tensor([*answer, *[speech] * _SIGNALS, *[face] * _SIGNALS])
        # The prefill, if any, is the last part, and the answer begins with it.
        start = reading.length - (len(reading.parts[-1]) if prefill else 0)
        if start + len(tokens) > reading.capacity:
            grown = self._model.buffer(start + len(tokens))
            grown[:, :, :, :start] = reading.buffer[:, :, :, :start]
            reading.buffer = grown
        hidden = self._model.read(tokens, reading.buffer, start)
        r_t, r_s, r_v = torch.split(hidden, [len(answer), _SIGNALS, _SIGNALS])
        return {"r_t": r_t.numpy(), "r_s": r_s.numpy(), "r_v": r_v.numpy()}

    def _parts(self, context: reasoning_pb2.ReasoningContext, prefill: str) -> tuple[list[Part], int]:
        prompt = render(context, prefill, self._options.dialogue_tokens, lambda text: len(self._encode(text)))
        parts = [self._encode(part) for part in prompt.parts]
        total = sum(map(len, parts))
        if total > self._options.context_tokens:
            raise TooMuch(
                f"context has {total} tokens with the dialogue cut; {self._options.context_tokens} are the"
                " most: send fewer or shorter examples, observations and steps",
                reason="CONTEXT_TOO_LONG",
            )
        return parts, prompt.dropped_utterances

    def _read(self, parts: list[Part], turn_id: str, extra: int) -> tuple[Reading, torch.Tensor, _Timing]:
        """Reads what the cache lacks; returns the last part's hidden states."""
        began = time.monotonic()
        total = sum(map(len, parts))
        # The last part is always read: its states are needed.
        reading = self._cache.take(turn_id, parts[:-1], total + extra)
        cached = reading.length
        hidden = torch.empty(0)
        for part in parts[len(reading.parts) :]:
            hidden = self._model.read(torch.tensor(part), reading.buffer, reading.length)
            reading.parts.append(part)
        return reading, hidden, _Timing(total, cached, (time.monotonic() - began) * 1000)

    def _encode(self, text: str) -> Part:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)


class _Text:
    """The answer as it grows: whole characters only, nothing of a stop text, no white space around."""

    def __init__(self, tokenizer: Tokenizer, prefill: str, stops: list[str]) -> None:
        self._tokenizer = tokenizer
        self._prefill = prefill
        self._stops = stops or [END]
        self._tokens: list[int] = []
        self._given = 0
        self._whole = prefill
        self.ended = False

    @property
    def all(self) -> str:
        return self._whole.strip()

    def add(self, token: int) -> bool:
        """Adds a token; says whether a stop text came."""
        self._tokens.append(token)
        decoded = self._tokenizer.decode(self._tokens, skip_special_tokens=False)
        written = decoded if self._prefill else decoded.lstrip()
        cuts = [written.find(stop) for stop in self._stops if stop in written]
        self._whole = self._prefill + (written[: min(cuts)] if cuts else written)
        return bool(cuts)

    def next(self) -> str:
        """What can be given out by now."""
        safe = self._whole.rstrip("\ufffd").rstrip()
        held = max(
            (k for stop in self._stops for k in range(1, len(stop)) if safe.endswith(stop[:k])), default=0
        )
        return self._give(safe[: len(safe) - held])

    def rest(self) -> str:
        """What is left at the end."""
        return self._give(self.all)

    def _give(self, text: str) -> str:
        piece, self._given = text[self._given :], max(self._given, len(text))
        return piece
