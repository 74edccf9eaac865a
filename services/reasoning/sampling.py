"""How the next token is drawn."""

from collections.abc import Sequence

import torch
from empatheia.reasoning.v1 import reasoning_pb2
from torch import Tensor


class Sampler:
    """Draws the tokens of one answer."""

    def __init__(self, options: reasoning_pb2.GenerationOptions) -> None:
        """Takes the options of the call; zero leaves one out."""
        self._options = options
        self._chance = torch.Generator().manual_seed(options.seed)

    def draw(self, logits: Tensor, written: Sequence[int]) -> int:
        """Draws one token.

        Args:
            logits: (vocabulary,) scores; not changed.
            written: Tokens of the answer so far; penalties look at these alone, so that an answer may use the
                words of the question.
        """
        options = self._options
        scores = logits.clone()
        if options.repetition_penalty > 1 and written:
            # Keskar et al. 2019 (CTRL): divides positive scores, multiplies negative ones.
            seen = torch.tensor(sorted(set(written)))
            old = scores[seen]
            penalty = options.repetition_penalty
            scores[seen] = torch.where(old > 0, old / penalty, old * penalty)
        for token in self._would_repeat(written):
            scores[token] = -torch.inf
        if options.temperature <= 0:
            return int(scores.argmax())
        shares = torch.softmax(scores / options.temperature, -1)
        tokens = None
        if 0 < options.top_p < 1:
            # Tokens below this bound are less than what is cut off: none is kept, so none need be sorted.
            tokens = (shares > (1 - options.top_p) / len(shares)).nonzero()[:, 0]
            shares, order = shares[tokens].sort(descending=True, stable=True)
            tokens = tokens[order]
            # Keeps the one that crosses the line.
            shares = shares[: int((shares.cumsum(-1) - shares < options.top_p).sum())]
        # Inversion of the distribution function: `torch.multinomial` takes 2 ms for 49,152 tokens.
        sums = shares.double().cumsum(-1)
        place = torch.rand(1, generator=self._chance, dtype=torch.double) * sums[-1]
        drawn = min(int(torch.searchsorted(sums, place, right=True)), len(sums) - 1)
        return drawn if tokens is None else int(tokens[drawn])

    def _would_repeat(self, written: Sequence[int]) -> set[int]:
        size = self._options.no_repeat_ngram
        if size <= 0 or len(written) < size:
            return set()
        start = tuple(written[len(written) - size + 1 :])
        return {
            written[i + size - 1]
            for i in range(len(written) - size + 1)
            if tuple(written[i : i + size - 1]) == start
        }
