"""Finds where somebody speaks, by energy against the background of the recording itself."""

import numpy as np
from numpy.typing import NDArray

from services.perception.recording import SAMPLE_RATE, Floats

HOP = SAMPLE_RATE // 100
"""Samples in 10 ms, for which one level is taken."""
SILENCE_DB = -55.0
"""Below this level (re full scale) nothing is taken for speech, whatever the background."""
UNDER_PEAK_DB = 32.0
"""How far below the loudest speech other speech of the same person may be."""
_OVER_FLOOR_DB = 8.0
_BRIDGE = 30
_SHORTEST = 10


def powers(sound: Floats) -> NDArray[np.float64]:
    """Mean power of each 10 ms, (samples // 160,)."""
    count = len(sound) // HOP
    power: NDArray[np.float64] = (sound[: count * HOP].reshape(count, HOP).astype(np.float64) ** 2).mean(
        axis=1
    )
    return power


def levels(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Levels in decibels re full scale, smoothed over 30 ms, from `powers`; same shape."""
    if not len(power):
        return power
    smooth = np.convolve(np.pad(power, 1, mode="edge"), np.ones(3) / 3, mode="valid")
    return np.asarray(10 * np.log10(smooth + 1e-10))


def threshold_db(level: NDArray[np.float64]) -> float:
    """The level above which there is speech; infinite where nothing stands out.

    Louder than the quietest tenth, and not far below the loudest.
    """
    if not len(level):
        return np.inf
    floor, peak = np.percentile(level, (10, 98))
    if peak - floor < _OVER_FLOOR_DB:
        return np.inf
    return float(max(SILENCE_DB, min(floor + _OVER_FLOOR_DB, peak - 3), peak - UNDER_PEAK_DB))


def runs(active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where something is active, as [first, end) in frames.

    Gaps up to 0.3 s are bridged, what is shorter than 0.1 s is dropped.
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([0], active.astype(np.int8), [0]))))
    joined: list[tuple[int, int]] = []
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if joined and start - joined[-1][1] < _BRIDGE:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return [run for run in joined if run[1] - run[0] >= _SHORTEST]
