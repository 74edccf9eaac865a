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
from empatheia.common.v1 import service_pb2
from empatheia.reasoning.v1 import reasoning_pb2
from pydantic import BaseModel, ConfigDict, Field
from safetensors.torch import load_file
from tokenizers import Tokenizer

from runtime.aio import iterate_in_thread
from runtime.errors import TooMuch
from runtime.models import weight_hash
from services.reasoning import smollm2
from services.reasoning.backends import WARM_UP, Answer, Backend, Likelihood, Scores, Usage, checked
from services.reasoning.cache import Part, Reading, ReadingCache
from services.reasoning.model import Llama, Shape, Span
from services.reasoning.prompt import neutral, render
from services.reasoning.sampling import Sampler
from services.reasoning.writing import Writing

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
        self._options = checked(Options, options)
        self._home = home
        # Calls wait in line; the second lock holds off the next one until a cancelled one has let go.
        self._line = asyncio.Lock()
        self._busy = threading.Lock()
        self._neutral: dict[tuple[Part, ...], list[Likelihood]] = {}

    async def start(self) -> None:
        """Loads the model, converting it the first time, and writes a word."""
        await asyncio.to_thread(self._load)
        async for _ in self.generate(WARM_UP, ""):
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
            capabilities=["streaming", "choose", "logprobs", "signals", "prefill", "kv_cache"],
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
        text = Writing(request.prefill, options.stop)
        written: list[int] = []
        logprobs = 0.0
        began = time.monotonic()
        try:
            while len(written) < most and not stopped.is_set():
                logits = self._model.logits(hidden[-1:])[0]
                token = sampler.draw(logits, written, generator)
                written.append(token)
                logprobs += float(logits[token] - logits.logsumexp(-1))
                if token in self._end_tokens or text.grow(self._decode(written)):
                    text.ended = True
                    break
                if piece := text.next():
                    yield piece
                place = reading.length + len(written) - 1
                hidden = self._model.read([Span(torch.tensor([token]), reading.buffer, place)])
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
        if request.evidence_weight == 0 and not request.want_scores:
            return Scores.none(len(choices))
        parts, dropped = self._parts(request.context, request.prefill)
        total = sum(map(len, choices))
        reading, hidden, timing = self._read(parts, turn_id, total)
        began = time.monotonic()
        try:
            values = self._likelihoods(reading, hidden, choices)
        finally:
            self._cache.put(turn_id, reading)
        neutral = self._neutral_likelihoods(request, choices) if request.evidence_weight else values
        usage = Usage(
            timing.prompt, timing.cached, total, timing.prefill_ms, (time.monotonic() - began) * 1000
        )
        return Scores.calibrated(values, neutral, usage, dropped)

    def _neutral_likelihoods(
        self, request: reasoning_pb2.ChooseRequest, choices: Sequence[Part]
    ) -> list[Likelihood]:
        """The same choices after a dialogue that says nothing."""
        parts, _ = self._parts(neutral(request.context), request.prefill)
        key = (*parts, *choices)
        if key not in self._neutral:
            reading, hidden, _ = self._read(parts, "", sum(map(len, choices)))
            while len(self._neutral) >= _NEUTRAL:
                self._neutral.pop(next(iter(self._neutral)))
            self._neutral[key] = self._likelihoods(reading, hidden, choices)
        return self._neutral[key]

    def _likelihoods(
        self, reading: Reading, hidden: torch.Tensor, choices: Sequence[Part]
    ) -> list[Likelihood]:
        """How probable each choice's tokens are, all choices read in one pass.

        The choices stand side by side; a mask hides them from each other.
        """
        start = reading.length
        tokens = torch.tensor([token for choice in choices for token in choice])
        owner = torch.tensor([i for i, choice in enumerate(choices) for _ in choice])
        offset = torch.tensor([j for choice in choices for j in range(len(choice))])
        own = (owner[:, None] == owner) & (offset[:, None] >= offset)
        mask = torch.cat([torch.ones(len(tokens), start, dtype=torch.bool), own], 1)
        after = self._model.read([Span(tokens, reading.buffer, start, start + offset, mask)])
        # A token is foretold by the state before it: the context's last for the first of each choice.
        before = torch.where((offset == 0)[:, None], hidden[-1:], after.roll(1, 0))
        table = self._model.logits(before).log_softmax(-1)
        each = table.gather(1, tokens[:, None])[:, 0]
        sums = torch.zeros(len(choices)).index_add(0, owner, each)
        return [Likelihood(one, len(choice)) for one, choice in zip(sums.tolist(), choices, strict=True)]

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
        hidden = self._model.read([Span(tokens, reading.buffer, start)])
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
            hidden = self._model.read([Span(torch.tensor(part), reading.buffer, reading.length)])
            reading.parts.append(part)
        return reading, hidden, _Timing(total, cached, (time.monotonic() - began) * 1000)

    def _decode(self, tokens: list[int]) -> str:
        decoded: str = self._tokenizer.decode(tokens, skip_special_tokens=False)
        return decoded

    def _encode(self, text: str) -> Part:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)
