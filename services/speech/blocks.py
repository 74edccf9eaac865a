"""Cuts a segment into blocks that can be made one after another, and joins their sound without a click."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.speech.prosody import FRAME_S, Sounding

HOP = 120
"""Samples of a frame: 5 ms at 24 kHz."""
OVERLAP = 96
"""Samples by which neighbours reach over a cut, each way."""
_FIRST_S, _NEXT_S = 0.3, 0.5
"""A block ends at the first cut after this long: the first one early, so that speech starts soon."""
_VOICELESS = frozenset("ptkfθsʃ")


@dataclass(frozen=True)
class Block:
    """A range of frames."""

    start: int
    end: int
    last: bool


def blocks(sounds: Sequence[Sounding], frames: int) -> Iterator[Block]:
    """Cuts in the middle of pauses and voiceless sounds: the source's own, alike on both sides of a cut."""
    start = 0
    for sound in sounds:
        middle = round(0.5 * (sound.start_s + sound.end_s) / FRAME_S)
        quiet = not sound.ipa or sound.ipa[0] in _VOICELESS
        if quiet and middle < frames - 1 and (middle - start) * FRAME_S >= (_NEXT_S if start else _FIRST_S):
            yield Block(start, middle, last=False)
            start = middle
    yield Block(start, frames, last=True)


def crossfaded(made: Iterator[tuple[Block, NDArray[np.float64]]]) -> Iterator[NDArray[np.float64]]:
    """Joins blocks whose samples reach `OVERLAP` over each inner cut and are much the same there."""
    rise = np.sin(0.5 * np.pi * (np.arange(2 * OVERLAP) + 0.5) / (2 * OVERLAP)) ** 2
    carried: NDArray[np.float64] | None = None
    for block, samples in made:
        if carried is not None:
            samples[: 2 * OVERLAP] = carried * rise[::-1] + samples[: 2 * OVERLAP] * rise
        if block.last:
            yield samples
        else:
            carried = samples[-2 * OVERLAP :].copy()
            yield samples[: -2 * OVERLAP]
