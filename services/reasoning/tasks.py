"""What a call does, as tasks of the scheduler."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from empatheia.reasoning.v1 import reasoning_pb2
from tokenizers import Tokenizer

from runtime.errors import TooMuch
from services.reasoning.backends import Answer, Likelihood, Scores, Usage
from services.reasoning.cache import Part, Reading, ReadingCache
from services.reasoning.model import Llama, Span
from services.reasoning.prompt import neutral, render
from services.reasoning.sampling import Sampler
from services.reasoning.scheduler import Read, Task
from services.reasoning.writing import Writing

_END_TOKENS = ("<|im_end|>", "<|endoftext|>")
_SIGNALS = 16
_SPEECH_TOKEN, _FACE_TOKEN = "<issue_start>", "<issue_comment>"
_NEUTRAL = 256
"""Sets of choices whose neutral scores are kept."""


@dataclass(frozen=True)
class Bounds:
    """How much a call may read and write."""

    dialogue_tokens: int
    context_tokens: int
    max_tokens: int
    """Written where the caller doesn't say."""


@dataclass
class _Timing:
    prompt: int
    cached: int
    prefill_ms: float


class Tasks:
    """Writes and scores with one model; a task must run in one thread with all others."""

    def __init__(self, model: Llama, tokenizer: Tokenizer, cache: ReadingCache, bounds: Bounds) -> None:
        """Takes what all calls share."""
        self._model = model
        self._tokenizer = tokenizer
        self._cache = cache
        self._bounds = bounds
        self._end_tokens = {tokenizer.token_to_id(token) for token in _END_TOKENS}
        self._neutral: dict[tuple[Part, ...], list[Likelihood]] = {}

    def write(
        self, request: reasoning_pb2.GenerateRequest, turn_id: str, give: Callable[[str], None]
    ) -> Task[Answer]:
        """Writes an answer; `give` takes each piece of its text."""
        options = request.options
        most = options.max_tokens or self._bounds.max_tokens
        parts, dropped = self._parts(request.context, request.prefill)
        extra = most + 2 * _SIGNALS if request.want_signals else most
        reading = self._cache.take(turn_id, parts, sum(map(len, parts)) + extra)
        try:
            timing = yield from self._read(reading, parts)
            began = time.monotonic()
            sampler = Sampler(options)
            text = Writing(request.prefill, options.stop)
            written: list[int] = []
            logprobs = 0.0
            logits = self._model.logits(reading.states[-1])[0]
            while True:
                token = sampler.draw(logits, written)
                written.append(token)
                logprobs += float(logits[token] - logits.logsumexp(-1))
                if token in self._end_tokens or text.grow(self._decode(written)):
                    text.ended = True
                    break
                if piece := text.next():
                    give(piece)
                if len(written) == most:
                    break
                place = reading.length + len(written) - 1
                rows = yield Read(Span(torch.tensor([token]), reading.buffer, place), scored=(0,))
                logits = rows.logits[0]
            if piece := text.rest():
                give(piece)
            signals = {}
            if request.want_signals:
                signals = yield from self._signals(reading, text.all, prefill=bool(request.prefill.strip()))
        finally:
            self._cache.put(turn_id, reading)
        decode_ms = (time.monotonic() - began) * 1000
        usage = Usage(timing.prompt, timing.cached, len(written), timing.prefill_ms, decode_ms)
        return Answer(text.all, text.ended, usage, logprobs / len(written), dropped, signals)

    def score(self, request: reasoning_pb2.ChooseRequest, turn_id: str) -> Task[Scores]:
        """Scores choices."""
        choices = [self._encode(" " + (choice.text or choice.label).strip()) for choice in request.choices]
        if request.evidence_weight == 0 and not request.want_scores:
            return Scores.none(len(choices))
        parts, dropped = self._parts(request.context, request.prefill)
        here, timing, ms = yield from self._likelihoods(parts, choices, turn_id)
        elsewhere = here
        if request.evidence_weight:
            # The same choices after a dialogue that says nothing.
            parts, _ = self._parts(neutral(request.context), request.prefill)
            key = (*parts, *choices)
            if key not in self._neutral:
                found, *_ = yield from self._likelihoods(parts, choices, "")
                while len(self._neutral) >= _NEUTRAL:
                    self._neutral.pop(next(iter(self._neutral)))
                self._neutral[key] = found
            elsewhere = self._neutral[key]
        usage = Usage(timing.prompt, timing.cached, sum(map(len, choices)), timing.prefill_ms, ms)
        return Scores.calibrated(here, elsewhere, usage, dropped)

    def _likelihoods(
        self, parts: list[Part], choices: Sequence[Part], turn_id: str
    ) -> Task[tuple[list[Likelihood], _Timing, float]]:
        """How probable each choice's tokens are, all choices read side by side, and the time it took.

        A mask hides them from each other.
        """
        reading = self._cache.take(turn_id, parts, sum(map(len, (*parts, *choices))))
        try:
            timing = yield from self._read(reading, parts)
            began = time.monotonic()
            start = reading.length
            tokens = torch.tensor([token for choice in choices for token in choice])
            owner = torch.tensor([i for i, choice in enumerate(choices) for _ in choice])
            offset = torch.tensor([j for choice in choices for j in range(len(choice))])
            own = (owner[:, None] == owner) & (offset[:, None] >= offset)
            mask = torch.cat([torch.ones(len(tokens), start, dtype=torch.bool), own], 1)
            later = offset > 0
            # A token is foretold by the row before it, the first of each choice by the context's last.
            before = tuple((later.nonzero()[:, 0] - 1).tolist())
            rows = yield Read(Span(tokens, reading.buffer, start, start + offset, mask), scored=before)
            each = self._model.logits(reading.states[-1])[0].log_softmax(-1)[tokens]
            if before:
                each[later] = rows.logits.log_softmax(-1).gather(1, tokens[later, None])[:, 0]
        finally:
            self._cache.put(turn_id, reading)
        sums = torch.zeros(len(choices)).index_add(0, owner, each).tolist()
        found = [Likelihood(one, len(choice)) for one, choice in zip(sums, choices, strict=True)]
        return found, timing, (time.monotonic() - began) * 1000

    def _signals(self, reading: Reading, text: str, *, prefill: bool) -> Task[dict[str, Any]]:
        """Reads the answer once more, then 16 signal tokens for the voice and 16 for the face."""
        answer = self._encode(" " + text)
        speech, face = (self._tokenizer.token_to_id(token) for token in (_SPEECH_TOKEN, _FACE_TOKEN))
        tokens = torch.tensor([*answer, *[speech] * _SIGNALS, *[face] * _SIGNALS])
        # The prefill, if any, is the last part, and the answer begins with it.
        if prefill:
            reading.cut(len(reading.parts) - 1)
        start = reading.length
        if start + len(tokens) > reading.buffer.shape[3]:
            grown = self._model.buffer(start + len(tokens))
            grown[:, :, :, :start] = reading.buffer[:, :, :, :start]
            reading.buffer = grown
        rows = yield Read(Span(tokens, reading.buffer, start))
        r_t, r_s, r_v = torch.split(rows.hidden, [len(answer), _SIGNALS, _SIGNALS])
        return {"r_t": r_t.numpy(), "r_s": r_s.numpy(), "r_v": r_v.numpy()}

    def _parts(self, context: reasoning_pb2.ReasoningContext, prefill: str) -> tuple[list[Part], int]:
        room = self._bounds.dialogue_tokens
        prompt = render(context, prefill, room, lambda text: len(self._encode(text)))
        parts = [self._encode(part) for part in prompt.parts]
        total = sum(map(len, parts))
        if total > self._bounds.context_tokens:
            raise TooMuch(
                f"context has {total} tokens with the dialogue cut; {self._bounds.context_tokens} are the"
                " most: send fewer or shorter examples, observations and steps",
                reason="CONTEXT_TOO_LONG",
            )
        return parts, prompt.dropped_utterances

    def _read(self, reading: Reading, parts: list[Part]) -> Task[_Timing]:
        """Reads what nobody has read yet."""
        began = time.monotonic()
        total = sum(map(len, parts))
        read = 0
        while len(reading.parts) < len(parts):
            if self._cache.is_coming(reading, parts):
                yield None
                self._cache.follow(reading, parts)
                continue
            part = reading.coming = parts[len(reading.parts)]
            rows = yield Read(Span(torch.tensor(part), reading.buffer, reading.length))
            reading.add(part, rows.hidden[-1:].clone())
            read += len(part)
            self._cache.follow(reading, parts)
        return _Timing(total, total - read, (time.monotonic() - began) * 1000)

    def _decode(self, tokens: list[int]) -> str:
        decoded: str = self._tokenizer.decode(tokens, skip_special_tokens=False)
        return decoded

    def _encode(self, text: str) -> Part:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)
