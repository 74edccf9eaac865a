"""How the next token is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sampler:
    """Draws tokens by the options of one call; zero leaves an option out."""

    temperature: float
    top_p: float
    repetition_penalty: float
    no_repeat_ngram: int
    seed: int

    def generator(self) -> torch.Generator:
        """The call's own source of chance."""
        return torch.Generator().manual_seed(self.seed)

    def draw(self, logits: Tensor, written: Sequence[int], generator: torch.Generator) -> int:
        """Draws one token.

        Args:
            logits: (vocabulary,) scores; not changed.
            written: Tokens of the answer so far; penalties look at these alone, so that an answer may use the
                words of the question.
            generator: From `generator`.
        """
        scores = logits.clone()
        if self.repetition_penalty > 1 and written:
            # Keskar et al. 2019 (CTRL): divides positive scores, multiplies negative ones.
            seen = torch.tensor(sorted(set(written)))
            old = scores[seen]
            scores[seen] = torch.where(old > 0, old / self.repetition_penalty, old * self.repetition_penalty)
        for token in self._would_repeat(written):
            scores[token] = -torch.inf
        if self.temperature <= 0:
            return int(scores.argmax())
        probabilities = torch.softmax(scores / self.temperature, -1)
        if 0 < self.top_p < 1:
            ordered, order = probabilities.sort(descending=True)
            ordered[ordered.cumsum(-1) - ordered >= self.top_p] = 0  # keeps the one that crosses the line
            return int(order[torch.multinomial(ordered, 1, generator=generator)])
        return int(torch.multinomial(probabilities, 1, generator=generator))

    def _would_repeat(self, written: Sequence[int]) -> set[int]:
        size = self.no_repeat_ngram
        if size <= 0 or len(written) < size:
            return set()
        start = tuple(written[len(written) - size + 1 :])
        return {
            written[i + size - 1]
            for i in range(len(written) - size + 1)
            if tuple(written[i : i + size - 1]) == start
        }
