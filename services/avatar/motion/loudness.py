"""How loud the voice is, picture by picture."""

import numpy as np
from numpy.typing import NDArray

_WINDOW_S = 0.050
_FLOOR_DB = -52.0
_SPAN_DB = 30.0


class Loudness:
    """Follows the voice against its own loudest level, looking at nothing later than it must."""

    def __init__(self, sample_rate: int) -> None:
        """Starts with a level that suits speech at normal volume."""
        self._half = max(1, round(_WINDOW_S / 2 * sample_rate))
        self._sample_rate = sample_rate
        self._recent = np.zeros(0)
        self._first = 0
        self._peak_db = -24.0
        self._value = 0.0

    def add(self, samples: NDArray[np.int16]) -> None:
        """Takes further samples."""
        self._recent = np.concatenate([self._recent, samples / 32768.0])

    def at(self, time_s: float, step_s: float) -> float:
        """Loudness at a moment: 0 is silence, 1 the loudest of the voice. Moments must come in order.

        Args:
            time_s: On the speech clock.
            step_s: Since the moment before.
        """
        middle = round(time_s * self._sample_rate)
        low = max(0, middle - self._half - self._first)
        window = self._recent[low : max(0, middle + self._half - self._first)]
        level = 10 * np.log10(float(np.mean(window**2)) + 1e-10) if window.size else -100.0
        self._recent = self._recent[low:]
        self._first += low
        self._peak_db = max(level, self._peak_db - 1.5 * step_s, -30.0)
        raw = 0.0
        if level > _FLOOR_DB:
            raw = float(np.clip((level - self._peak_db + _SPAN_DB) / _SPAN_DB, 0.0, 1.0))
        # Opens faster than it closes, as jaws do.
        pace = 1 - float(np.exp(-step_s / (0.025 if raw > self._value else 0.07)))
        self._value += pace * (raw - self._value)
        return self._value
