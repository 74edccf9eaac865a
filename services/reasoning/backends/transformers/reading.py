"""Reads texts with a model of transformers, and keeps what it read from step to step of a turn.

A text is read part by part, each in a pass of its own, whether or not the parts before came from the cache:
so an answer never depends on what happened to be cached.
"""

import copy
import inspect
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

Part = tuple[int, ...]
"""Tokens that are read in one go."""


@dataclass
class Reading:
    """A text that has been read."""

    cache: Any
    """Keys and values, as transformers keeps them."""
    parts: list[Part] = field(default_factory=list)
    """What it holds, from its start."""

    @property
    def length(self) -> int:
        """Tokens held."""
        return sum(map(len, self.parts))

    @property
    def bytes(self) -> int:
        """Size of keys and values."""
        tensors = [
            t for layer in self.cache.layers if layer.is_initialized for t in (layer.keys, layer.values)
        ]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def cut(self, parts: int) -> None:
        """Forgets all but the first parts."""
        del self.parts[parts:]
        self.trim()

    def trim(self) -> None:
        """Forgets what was read beyond the parts: an answer, or choices."""
        beyond = self.cache.get_seq_length() - self.length
        if beyond > 0:
            self.cache.crop(-beyond)

    def shared(self, parts: Sequence[Part]) -> int:
        """How many parts at the start are the same."""
        same = 0
        for mine, other in zip(self.parts, parts, strict=False):
            if mine != other:
                break
            same += 1
        return same


class Reader:
    """A model that reads, with the newest readings of turns."""

    def __init__(self, model: Any, *, most: int, most_bytes: int) -> None:
        """Takes a model.

        Args:
            model: Of transformers, with a language model's head.
            most: Bound on kept readings.
            most_bytes: Bound on all of them together; a call in progress may pass it.
        """
        self._model = model
        self._most = most
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, Reading] = OrderedDict()
        self._device = model.get_input_embeddings().weight.device
        base = model.get_base_model() if hasattr(model, "get_base_model") else model
        accepted = inspect.signature(base.forward).parameters
        self._last_only = {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}

    def read(self, key: str, parts: Sequence[Part]) -> tuple[Reading, Tensor, int]:
        """Reads a text, as far as it was not read before.

        Args:
            key: Whose it is; readings of the same key are continued in place. Empty belongs to nobody.
            parts: The text; the last part is always read.

        Returns:
            The reading, to be given back with `keep`; the scores (vocabulary,) of the next token; how many
            tokens came from the cache.
        """
        reading = self._take(key, parts[:-1])
        cached = reading.length
        scores = torch.empty(0)
        for part in parts[len(reading.parts) :]:
            scores = self.go_on(reading, part)
            reading.parts.append(part)
        return reading, scores, cached

    def go_on(self, reading: Reading, tokens: Sequence[int]) -> Tensor:
        """Reads tokens behind a reading; the scores (vocabulary,) of the next, float32 on the CPU."""
        output = self._run([list(tokens)], reading.cache, **self._last_only)
        scores: Tensor = output.logits[0, -1].float().cpu()
        return scores

    def hidden(self, reading: Reading, tokens: Sequence[int]) -> Tensor:
        """Reads tokens behind a reading; their last hidden states (N, D), float32 on the CPU."""
        output = self._run([list(tokens)], reading.cache, output_hidden_states=True, **self._last_only)
        states: Tensor = output.hidden_states[-1][0].float().cpu()
        return states

    def choices(self, reading: Reading, scores: Tensor, choices: Sequence[Part], at_once: int) -> list[float]:
        """Sums the log probabilities of the tokens of each choice behind a reading, which is left as it was.

        Args:
            reading: From `read`.
            scores: From `read`.
            choices: Tokens, at least one each.
            at_once: Choices in one pass.
        """
        first = scores.log_softmax(-1)
        sums: list[float] = []
        for start in range(0, len(choices), at_once):
            some = choices[start : start + at_once]
            width = max(map(len, some))
            if width == 1:
                sums += [float(first[token]) for (token,) in some]
                continue
            cache = copy.deepcopy(reading.cache)
            cache.batch_repeat_interleave(len(some))
            # Behind its end a shorter choice is filled up: no token before can see that.
            rows = [[*choice, *[choice[-1]] * (width - len(choice))] for choice in some]
            table = self._run(rows, cache).logits.float().log_softmax(-1).cpu()
            for row, choice in enumerate(some):
                later = sum(float(table[row, at - 1, choice[at]]) for at in range(1, len(choice)))
                sums.append(float(first[choice[0]]) + later)
        return sums

    def keep(self, key: str, reading: Reading) -> None:
        """Keeps a reading as the newest, and lets the oldest go."""
        if not all(layer.is_croppable for layer in reading.cache.layers):
            return  # States that run on can't be cut back to what another step shares.
        reading.trim()
        # Nobody's reading is kept for what others share with it, under a name that no turn has.
        self._kept[key or "\0"] = reading
        self._kept.move_to_end(key or "\0")
        while len(self._kept) > 1 and (
            len(self._kept) > self._most or sum(kept.bytes for kept in self._kept.values()) > self._most_bytes
        ):
            self._kept.popitem(last=False)

    def _take(self, key: str, parts: Sequence[Part]) -> Reading:
        own = self._kept.pop(key, None) if key else None
        others = [own, *self._kept.values()] if own else list(self._kept.values())
        best = max(others, key=lambda kept: kept.shared(parts), default=None)
        same = best.shared(parts) if best else 0
        if best is None or same == 0:
            return Reading(DynamicCache(config=self._model.config))
        if best is not own:
            best = copy.deepcopy(best)
        best.cut(same)
        return best

    def _run(self, rows: list[list[int]], cache: Any, **more: Any) -> Any:
        tokens = torch.tensor(rows, device=self._device)
        return self._model(input_ids=tokens, past_key_values=cache, use_cache=True, **more)


def parts_of(tokens: Sequence[int], starts: Sequence[int], cuts: Sequence[int]) -> Iterator[Part]:
    """Cuts a text's tokens into parts.

    Args:
        tokens: Of the whole text.
        starts: Character at which each token starts.
        cuts: Characters at which a part may end, in order.
    """
    begin = 0
    for cut in cuts:
        end = next((i for i in range(begin, len(tokens)) if starts[i] >= cut), len(tokens))
        if begin < end < len(tokens):
            yield tuple(tokens[begin:end])
            begin = end
    yield tuple(tokens[begin:])
