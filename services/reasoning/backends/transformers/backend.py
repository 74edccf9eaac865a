"""Any causal language model of transformers: Vicuna as in the paper, Qwen, Llama and others, with LoRA."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import torch
from empatheia.common.v1 import service_pb2
from empatheia.reasoning.v1 import reasoning_pb2
from jinja2 import TemplateError
from pydantic import Field

from runtime.aio import iterate_in_thread
from runtime.errors import InvalidInput, TooMuch
from services.reasoning import chat, prompt
from services.reasoning.backends import WARM_UP, Answer, Backend, Likelihood, Scores, Usage, checked
from services.reasoning.backends.transformers.loading import Source, load
from services.reasoning.backends.transformers.reading import Part, Reader, Reading, parts_of
from services.reasoning.sampling import Sampler
from services.reasoning.writing import Writing

_SIGNALS = 16
_ENDS = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>", "<|endoftext|>", "</s>")
"""Ends of a turn that chat models were tuned to write, beside what their settings name."""
_SPEECH_TOKENS = ("[AUD{}]", "<|reserved_special_token_{}|>", "<unused{}>")
_FACE_TOKENS = ("[VID{}]", "<|reserved_special_token_{}|>", "<unused{}>")
_NEUTRAL = 256
"""Sets of choices whose neutral scores are kept."""
_AHEAD = 1024
"""Pieces that wait for a slow reader: more than an answer has, so that it never holds the model."""


class Options(Source):
    """Options of the backend."""

    template: Literal["auto", "chat", "plain"] = "auto"
    """Whether the context is a chat, in the form of the tokenizer's template, or a plain text as for the
    embedded model; "auto" is a chat where there is a template."""
    threads: int | None = Field(None, ge=1, le=256)
    """Cores of one product on a CPU; torch's own choice if not given."""
    dialogue_tokens: int = Field(1024, ge=64, le=32768)
    """Most tokens of the dialogue; older utterances are left out."""
    context_tokens: int | None = Field(None, ge=256)
    """Most tokens of everything; what the model was made for if not given."""
    max_tokens: int = Field(64, ge=1, le=512)
    """Length of an answer where the caller doesn't say."""
    choices_at_once: int = Field(8, ge=1, le=256)
    """Choices scored in one pass; each needs room for keys and values of the whole context."""
    cached_turns: int = Field(8, ge=1, le=1024)
    """Turns whose reading is kept."""
    cache_mb: int = Field(1024, ge=16)
    """Bound on these readings."""


class Transformers(Backend):
    """Asks one model, one call at a time in the order of arrival."""

    def __init__(self, options: dict[str, Any], home: Path) -> None:
        """Checks the options."""
        self._options = checked(Options, options)
        self._line = asyncio.Lock()
        self._busy = threading.Lock()
        self._neutral: dict[tuple[Part, ...], list[Likelihood]] = {}

    async def start(self) -> None:
        """Loads the model and writes a word."""
        await asyncio.to_thread(self._load)
        async for _ in self.generate(WARM_UP, ""):
            pass

    def _load(self) -> None:
        options = self._options
        if options.threads:
            torch.set_num_threads(options.threads)
        self._loaded = load(options)
        self._tokenizer = self._loaded.tokenizer
        model = self._loaded.model
        self._reader = Reader(model, most=options.cached_turns, most_bytes=options.cache_mb << 20)
        self._chats = options.template == "chat" or (
            options.template == "auto" and bool(self._tokenizer.chat_template)
        )
        if self._chats and not self._tokenizer.chat_template:
            raise InvalidInput.of(
                "services.reasoning.options.template",
                f"the tokenizer of {options.model} has no chat template; take plain",
                reason="BAD_SETTING",
            )
        named = model.generation_config.eos_token_id
        ends = {named} if isinstance(named, int) else set(named or ())
        vocabulary = self._tokenizer.get_vocab()
        self._ends = ends | {self._tokenizer.eos_token_id} | {vocabulary.get(end) for end in _ENDS}
        control = {*self._tokenizer.all_special_tokens, *self._tokenizer.get_added_vocab()}
        self._control = [token for token in control if len(token.strip()) > 1]
        self._signal_tokens = tuple(self._signal(names) for names in (_SPEECH_TOKENS, _FACE_TOKENS))
        most = getattr(model.config, "max_position_embeddings", None) or 4096
        self._context_tokens = min(options.context_tokens or most, most)

    def describe(self) -> service_pb2.ServiceDescription:
        """See `Backend.describe`."""
        return service_pb2.ServiceDescription(
            model=service_pb2.ModelInfo(
                backend="transformers", model_id=self._loaded.model_id, weight_hash=self._loaded.weight_hash
            ),
            capabilities=["streaming", "choose", "logprobs", "signals", "prefill", "kv_cache"],
            limits={
                "context_tokens": self._context_tokens,
                "dialogue_tokens": self._options.dialogue_tokens,
            },
            languages=["en"],
            notices=[f"{self._options.model}: under its makers' licence"],
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
        parts, dropped = self._parts(request.context, request.prefill, most + 2 * _SIGNALS)
        began = time.monotonic()
        reading, scores, cached = self._reader.read(turn_id, parts)
        prefill_ms = (time.monotonic() - began) * 1000
        sampler = Sampler(options)
        text = Writing(request.prefill, options.stop)
        before = [token for part in parts for token in part][-8:]
        written: list[int] = []
        logprobs = 0.0
        began = time.monotonic()
        while len(written) < most and not stopped.is_set():
            token = sampler.draw(scores, written)
            written.append(token)
            logprobs += float(scores[token] - scores.logsumexp(-1))
            if token in self._ends or text.grow(self._decoded(before, written)):
                text.ended = True
                break
            if piece := text.next():
                yield piece
            scores = self._reader.go_on(reading, [token])
        if piece := text.rest():
            yield piece
        self._reader.keep(turn_id, reading)
        signals = self._signals(request.context, text.all, turn_id) if request.want_signals else {}
        usage = Usage(
            sum(map(len, parts)), cached, len(written), prefill_ms, (time.monotonic() - began) * 1000
        )
        mean = logprobs / len(written) if written else 0.0
        yield Answer(text.all, text.ended, usage, mean, dropped, signals)

    @torch.inference_mode()
    def _score(self, request: reasoning_pb2.ChooseRequest, turn_id: str) -> Scores:
        if request.evidence_weight == 0 and not request.want_scores:
            return Scores.none(len(request.choices))
        begun = bool(request.prefill.strip()) or not self._chats
        choices = [self._choice(choice.text or choice.label, begun=begun) for choice in request.choices]
        longest = max(map(len, choices))
        parts, dropped = self._parts(request.context, request.prefill, longest)
        began = time.monotonic()
        reading, scores, cached = self._reader.read(turn_id, parts)
        read = time.monotonic()
        here = self._likelihoods(reading, scores, choices)
        self._reader.keep(turn_id, reading)
        nothing = here
        if request.evidence_weight:
            # The same question and choices are asked of many dialogues.
            bare, _ = self._parts(prompt.neutral(request.context), request.prefill, longest)
            key = (*bare, *choices)
            if key not in self._neutral:
                reading, scores, _ = self._reader.read("", bare)
                while len(self._neutral) >= _NEUTRAL:
                    self._neutral.pop(next(iter(self._neutral)))
                self._neutral[key] = self._likelihoods(reading, scores, choices)
                self._reader.keep("", reading)
            nothing = self._neutral[key]
        usage = Usage(
            sum(map(len, parts)),
            cached,
            sum(map(len, choices)),
            (read - began) * 1000,
            (time.monotonic() - read) * 1000,
        )
        return Scores.calibrated(here, nothing, usage, dropped)

    def _likelihoods(
        self, reading: Reading, scores: torch.Tensor, choices: Sequence[Part]
    ) -> list[Likelihood]:
        sums = self._reader.choices(reading, scores, choices, self._options.choices_at_once)
        return [Likelihood(one, len(choice)) for one, choice in zip(sums, choices, strict=True)]

    def _signals(self, context: reasoning_pb2.ReasoningContext, text: str, turn_id: str) -> dict[str, Any]:
        """Reads the answer once more, then 16 signal tokens for the voice and 16 for the face."""
        answer = self._choice(text, begun=not self._chats) if text else ()
        parts, _ = self._parts(context, "", len(answer) + 2 * _SIGNALS)
        reading, _, _ = self._reader.read(turn_id, parts)
        speech, face = self._signal_tokens
        hidden = self._reader.hidden(reading, [*answer, *speech, *face])
        self._reader.keep(turn_id, reading)
        r_t, r_s, r_v = torch.split(hidden, [len(answer), _SIGNALS, _SIGNALS])
        return {"r_t": r_t.numpy(), "r_s": r_s.numpy(), "r_v": r_v.numpy()}

    def _signal(self, names: Sequence[str]) -> list[int]:
        """Sixteen tokens to read a signal at: those tuned for it, or ones that texts never hold."""
        vocabulary = self._tokenizer.get_vocab()
        for name in names:
            found = [vocabulary.get(name.format(index)) for index in range(_SIGNALS)]
            if None not in found:
                return [token for token in found if token is not None]
        spare = self._tokenizer.pad_token_id
        return [self._tokenizer.eos_token_id if spare is None else spare] * _SIGNALS

    def _parts(
        self, context: reasoning_pb2.ReasoningContext, prefill: str, extra: int
    ) -> tuple[list[Part], int]:
        text, cuts, dropped = self._rendered(context, prefill)
        read = self._tokenizer(text, add_special_tokens=not self._chats, return_offsets_mapping=True)
        tokens = read["input_ids"]
        if len(tokens) + extra > self._context_tokens:
            raise TooMuch(
                f"context has {len(tokens)} tokens with the dialogue cut, and {extra} more are to come;"
                f" {self._context_tokens} are the most: send fewer or shorter examples, observations and"
                " steps",
                reason="CONTEXT_TOO_LONG",
            )
        starts = [start for start, _ in read["offset_mapping"]]
        return list(parts_of(tokens, starts, cuts)), dropped

    def _rendered(self, context: reasoning_pb2.ReasoningContext, prefill: str) -> tuple[str, list[int], int]:
        """The text, where it may be cut, and how many utterances found no room."""
        room = self._options.dialogue_tokens
        if not self._chats:
            plain = prompt.render(context, prefill, room, self._count)
            parts = [self._harmless(part) for part in plain.parts]
            return "".join(parts), list(accumulate(map(len, parts))), plain.dropped_utterances
        written = chat.messages(context, prefill, room, self._count, self._harmless)
        messages = [vars(message) for message in written.messages]
        begun = messages[-1]["role"] == "assistant"
        if begun:
            messages.pop()
        try:
            text = self._templated(messages)
        except TemplateError:  # Some templates know no system: it goes before the first question.
            system, first, *rest = messages
            joined = {"role": "user", "content": f"{system['content']}\n\n{first['content']}"}
            text = self._templated([joined, *rest])
        text, cuts = chat.without_marks(text)
        if begun:
            cuts.append(len(text))
            text += prefill.strip()
        return text, cuts, written.dropped_utterances

    def _templated(self, messages: list[dict[str, str]]) -> str:
        text: str = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return text

    def _harmless(self, text: str) -> str:
        """Breaks what the tokenizer would read as a control token."""
        for token in self._control:
            text = text.replace(token, f"{token[0]} {token[1:]}")
        return text

    def _count(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False))

    def _choice(self, text: str, *, begun: bool) -> Part:
        """Tokens of words that follow the context, with a space where they go on in a line."""
        before, after = (".", f". {text.strip()}") if begun else ("\n", f"\n{text.strip()}")
        skipped = self._count(before)
        tokens: list[int] = self._tokenizer.encode(after, add_special_tokens=False)
        return tuple(tokens[skipped:])

    def _decoded(self, before: list[int], written: list[int]) -> str:
        """What was written, with the space before it if there is one."""
        start = self._tokenizer.decode(before, skip_special_tokens=True)
        whole: str = self._tokenizer.decode(before + written, skip_special_tokens=True)
        return whole[len(start) :]
