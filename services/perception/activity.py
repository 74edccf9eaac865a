"""Finds where somebody speaks, by energy against the background of the recording itself."""

import numpy as np
from empatheia.common.v1 import affect_pb2
from numpy.typing import NDArray

from services.perception.recording import SAMPLE_RATE

_HOP = SAMPLE_RATE // 100
_SILENCE_DB = -55.0
"""Below this level (re full scale) nothing is taken for speech, whatever the background."""
_OVER_FLOOR_DB = 8.0
_UNDER_PEAK_DB = 32.0
_BRIDGE_S = 0.3
_MIN_S = 0.1
_MARGIN_S = 0.1


def level_db(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """Level of each 10 ms in decibels re full scale, over a window of 30 ms; shape (samples // 160,)."""
    count = len(sound) // _HOP
    power = (sound[: count * _HOP].reshape(count, _HOP) ** 2).mean(axis=1)
    padded = np.pad(power, 1, mode="edge") if count else power
    smooth = np.convolve(padded, np.ones(3) / 3, mode="valid") if count else power
    result: NDArray[np.float32] = (10 * np.log10(smooth + 1e-10)).astype(np.float32)
    return result


def speech_spans(sound: NDArray[np.float32]) -> list[affect_pb2.TimeSpan]:
    """Parts of a recording (16 kHz) that hold speech, in order; empty if there are none.

    A part is louder than the quietest tenth of the recording and not far below its loudest. Gaps up to
    0.3 s are bridged, parts under 0.1 s dropped, and 0.1 s is kept on both sides.
    """
    level = level_db(sound)
    if not len(level):
        return []
    floor, peak = np.percentile(level, (10, 98))
    threshold = max(_SILENCE_DB, min(floor + _OVER_FLOOR_DB, peak - 3), peak - _UNDER_PEAK_DB)
    if peak - floor < _OVER_FLOOR_DB:
        threshold = np.inf
    edges = np.flatnonzero(np.diff(np.concatenate(([0], (level > threshold).astype(np.int8), [0]))))
    joined: list[list[float]] = []
    for start, end in zip(edges[::2] / 100, edges[1::2] / 100, strict=True):
        if joined and start - joined[-1][1] < _BRIDGE_S:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    length = len(sound) / SAMPLE_RATE
    return [
        affect_pb2.TimeSpan(start_s=max(0.0, start - _MARGIN_S), end_s=min(length, end + _MARGIN_S))
        for start, end in joined
        if end - start >= _MIN_S
    ]


def is_silent(sound: NDArray[np.float32]) -> bool:
    """Whether there is nothing but silence."""
    level = level_db(sound)
    return not len(level) or float(level.max()) < _SILENCE_DB
