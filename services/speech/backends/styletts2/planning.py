"""From symbols to a style and durations, for several sentences at once.

Everything here minds padding, so that sentences of unlike length can share a batch. What comes after, pitch
and sound, has norms over the whole time of a sentence, and is made for each by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from services.speech.backends.styletts2.model import Reading, StyleTTS2, Timed


@dataclass(frozen=True)
class Question:
    """A sentence to be planned."""

    parts: Sequence[Sequence[int]]
    """Symbols of each part, the leading pad among them."""
    style: Tensor
    """(1, 2 * style), on the CPU: the chosen one."""
    noise: Tensor | None
    """(steps, 1, 1, 2 * style), standard normal, on the CPU; None to keep the chosen style."""


@dataclass(frozen=True)
class Plan:
    """What was found for it."""

    style: Tensor
    """(1, 2 * style)."""
    readings: Sequence[Reading]
    """Of each part."""
    timed: Sequence[Timed]
    """The same."""


class Planner:
    """Plans batches of sentences."""

    def __init__(self, model: StyleTTS2, device: str, alpha: float, beta: float, scale: float) -> None:
        """Takes the model, and how styles are drawn: see the options of the backend."""
        half = model.config.style
        self._model, self._device, self._scale = model, device, scale
        self._share = torch.tensor([alpha] * half + [beta] * half, device=device)

    @torch.inference_mode()
    def plan(self, asked: Sequence[Question]) -> list[Plan]:
        """Plans sentences: the same for each, but for rounding, whichever others are among them."""
        rows = [torch.tensor(part) for question in asked for part in question.parts]
        lengths = torch.tensor([len(row) for row in rows], device=self._device)
        tokens = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).to(self._device)
        reading = self._model.read(tokens, lengths)
        counts = torch.tensor([len(question.parts) for question in asked])
        starts = (counts.cumsum(0) - counts).tolist()
        styles = self._styles(asked, reading, lengths, starts)
        timed = self._model.time(reading, styles.repeat_interleave(counts.to(self._device), dim=0), lengths)
        return [
            Plan(
                styles[i : i + 1],
                [reading.row(row, len(rows[row])) for row in range(start, start + len(question.parts))],
                [timed.row(row, len(rows[row])) for row in range(start, start + len(question.parts))],
            )
            for i, (question, start) in enumerate(zip(asked, starts, strict=True))
        ]

    def _styles(
        self, asked: Sequence[Question], reading: Reading, lengths: Tensor, starts: Sequence[int]
    ) -> Tensor:
        """Mixes each chosen style with one drawn for the text of its first part: (sentences, 2 * style)."""
        styles = torch.cat([question.style for question in asked]).to(self._device)
        drawing = [i for i, question in enumerate(asked) if question.noise is not None]
        if not drawing:
            return styles
        noise = torch.cat([q.noise for q in asked if q.noise is not None], dim=1).to(self._device)
        rows = [starts[i] for i in drawing]
        longest = int(lengths[rows].max())
        drawn = self._model.diffusion.sample(
            noise[0],
            noise[1:],
            reading.bert[rows, :longest],
            styles[drawing],
            self._scale,
            lengths[rows],
        )
        styles[drawing] = self._share * drawn + (1 - self._share) * styles[drawing]
        return styles
