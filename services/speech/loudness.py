"""Loudness by ITU-R BS.1770-4 for one channel, at any sample rate."""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import freqz_sos, sosfilt

_SHELF_HZ, _SHELF_DB, _SHELF_Q, _SHELF_SLOPE = 1681.974451, 3.999843854, 0.7071752370, 0.4996667742
_HIGH_PASS_HZ, _HIGH_PASS_Q = 38.13547088, 0.5003270374
"""The analogue filters behind the standard's 48 kHz coefficients."""
_BLOCK_S, _HOP_S = 0.4, 0.1
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, -10.0
_OFFSET = -0.691
_KNEE, _CEILING = 0.7, 0.95


def loudness(samples: NDArray[np.float64], sample_rate: int) -> float:
    """Gated loudness in LUFS; -inf for silence. Full scale is 1."""
    weighted = sosfilt(_k_weighting(sample_rate), samples) ** 2
    size, hop = int(_BLOCK_S * sample_rate), int(_HOP_S * sample_rate)
    total = np.concatenate([[0.0], np.cumsum(weighted)])
    starts = np.arange(0, max(1, len(weighted) - size + 1), hop)
    ends = np.minimum(starts + size, len(weighted))
    powers = (total[ends] - total[starts]) / np.maximum(1, ends - starts)
    for gate in (_ABSOLUTE_GATE, None):
        if gate is None:
            gate = _level(float(powers.mean())) + _RELATIVE_GATE
        powers = powers[powers > 10 ** ((gate - _OFFSET) / 10)]
        if not len(powers):
            return -math.inf
    return _level(float(powers.mean()))


def k_power(frequencies: NDArray[np.float64], sample_rate: int) -> NDArray[np.float64]:
    """Factor of the K-weighting on the power at each frequency in hertz."""
    _, response = freqz_sos(_k_weighting(sample_rate), frequencies, fs=sample_rate)
    power: NDArray[np.float64] = np.abs(response) ** 2
    return power


def limited(samples: NDArray[np.float64]) -> NDArray[np.int16]:
    """Bends peaks over the knee towards the ceiling, and rounds to 16 bits."""
    size = np.abs(samples)
    room = _CEILING - _KNEE
    bent = np.where(size > _KNEE, _KNEE + room * np.tanh((size - _KNEE) / room), size)
    rounded: NDArray[np.int16] = np.round(np.sign(samples) * bent * 32767).astype(np.int16)
    return rounded


def _level(power: float) -> float:
    return _OFFSET + 10 * math.log10(power) if power > 0 else -math.inf


@cache
def _k_weighting(sample_rate: int) -> NDArray[np.float64]:
    k = math.tan(math.pi * _SHELF_HZ / sample_rate)
    high = 10 ** (_SHELF_DB / 20)
    band = high**_SHELF_SLOPE
    norm = 1 + k / _SHELF_Q + k * k
    shelf = [
        (high + band * k / _SHELF_Q + k * k) / norm,
        2 * (k * k - high) / norm,
        (high - band * k / _SHELF_Q + k * k) / norm,
        1.0,
        2 * (k * k - 1) / norm,
        (1 - k / _SHELF_Q + k * k) / norm,
    ]
    k = math.tan(math.pi * _HIGH_PASS_HZ / sample_rate)
    norm = 1 + k / _HIGH_PASS_Q + k * k
    cut = [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / norm, (1 - k / _HIGH_PASS_Q + k * k) / norm]
    return np.array([shelf, cut])
