"""Breath that is heard where nobody speaks: let out after a phrase, taken in a pause that is long enough."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from services.speech.prosody import Sounding

_OUT_S, _OUT_DB, _OUT_BREATHY_DB = 0.14, -40.0, 14.0
"""Length of the breath let out, its level under speech, and how much louder the breathiest voice has it."""
_IN_S, _IN_DB = 0.24, -36.0
_ROOM_S = 0.05
"""Left between a breath that is taken and the next sound."""
_BAND_HZ = {"out": (500.0, 3500.0), "in": (1200.0, 5000.0)}


@dataclass(frozen=True)
class Breath:
    """Noise, and where it starts."""

    start: int
    """Sample of the segment."""
    samples: NDArray[np.float64]


def breaths(
    sounds: Sequence[Sounding],
    breathiness: float,
    level: float,
    pause_s: float,
    rate: int,
    rng: np.random.Generator,
) -> Iterator[Breath]:
    """The breaths of a segment and of the pause after it.

    Args:
        sounds: As spoken, pauses among them.
        breathiness: 0 to 1.
        level: Root mean square of the voice, full scale 1.
        pause_s: Length of the pause after the segment.
        rate: Samples a second.
        rng: Source of noise.
    """
    pauses = [(s.start_s, s.end_s, True) for i, s in enumerate(sounds) if i and not s.ipa]
    end = sounds[-1].end_s
    for start, stop, inside in [*pauses, (end, end + pause_s, False)]:
        out_s = min(_OUT_S, stop - start)
        if out_s > _ROOM_S:
            size = level * 10 ** ((_OUT_DB + _OUT_BREATHY_DB * breathiness) / 20)
            yield Breath(round(start * rate), size * _noise("out", round(out_s * rate), rate, rng))
        # What follows the segment may be the end of the reply, where nobody breathes in.
        if inside and stop - start > _OUT_S + _IN_S + _ROOM_S:
            begin = round((stop - _ROOM_S - _IN_S) * rate)
            yield Breath(begin, level * 10 ** (_IN_DB / 20) * _noise("in", round(_IN_S * rate), rate, rng))


def add(breath: Sequence[Breath], piece: NDArray[np.float64], position: int) -> None:
    """Adds what falls into a piece that begins at `position`, in place."""
    for one in breath:
        first, last = max(one.start, position), min(one.start + len(one.samples), position + len(piece))
        if first < last:
            piece[first - position : last - position] += one.samples[first - one.start : last - one.start]


def _noise(kind: str, samples: int, rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Band noise of root mean square 1 at its strongest, without edges."""
    band = butter(2, _BAND_HZ[kind], "bandpass", fs=rate, output="sos")
    noise = sosfilt(band, rng.standard_normal(samples + 400))[400:]
    time = (np.arange(samples) + 0.5) / samples
    shape = np.sin(np.pi * time ** (0.45 if kind == "out" else 1.5)) ** 2
    out: NDArray[np.float64] = noise / max(float(noise.std()), 1e-9) * shape
    return out
