"""Life at rest: blinks, small eye movements, breath, and a head that is never quite still.

Everything is a function of seed and time, continuous in time.
"""

from dataclasses import dataclass

import numpy as np

BLINKS_PER_MINUTE = 17.0
"""Of people in conversation it is 15 to 25 (Bentivoglio et al. 1997: rest 17, talk 26)."""

_CLOSE_S, _HOLD_S, _OPEN_S = 0.075, 0.035, 0.165


class Drift:
    """Smooth noise about 0 with a spread of about 1: a few slow sines."""

    def __init__(self, rng: np.random.Generator, slowest_hz: float, fastest_hz: float) -> None:
        """Draws the sines."""
        self._hz = np.exp(rng.uniform(np.log(slowest_hz), np.log(fastest_hz), 5))
        self._phase = rng.uniform(0, 2 * np.pi, 5)
        self._size = (slowest_hz / self._hz) ** 0.5
        self._size /= np.sqrt(np.sum(self._size**2) / 2)

    def __call__(self, time_s: float) -> float:
        """Value at a moment."""
        return float(np.sum(self._size * np.sin(2 * np.pi * self._hz * time_s + self._phase)))


class Blinks:
    """Blinks at a human rate."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Draws the first occasion.

        Occasions come twice as often as usual blinks, whatever the pace; the pace says how many are taken. So
        two videos of one life agree on when it blinks.
        """
        self._rng = rng
        self._mean_s = 60.0 / (2 * BLINKS_PER_MINUTE)
        self._start = 0.6 + float(rng.uniform(0, 1)) * self._mean_s
        self._chance = float(rng.uniform())
        self._taken: bool | None = None

    def at(self, time_s: float, rate: float = 0.0) -> float:
        """How closed the eyes are: 0 to 1. Moments must come in order.

        Args:
            time_s: On the clock of the face's life.
            rate: Log2 factor on the usual rate, up to 1.
        """
        while time_s > self._start + _CLOSE_S + _HOLD_S + _OPEN_S:
            pause = 0.45 + (self._mean_s - 0.45) * float(self._rng.gamma(2.2, 1 / 2.2))
            self._start += max(pause, 0.6)
            self._chance = float(self._rng.uniform())
            self._taken = None
        since = time_s - self._start
        if since <= 0:
            return 0.0
        if self._taken is None:
            self._taken = self._chance < 0.5 * 2.0**rate
        if not self._taken:
            return 0.0
        opening_s = max(0.0, since - _CLOSE_S - _HOLD_S)
        t = min(since / _CLOSE_S, 1.0 - opening_s / _OPEN_S)
        return float(t * t * (3 - 2 * t))


@dataclass
class _Glance:
    start_s: float
    right: float
    up: float


class Gaze:
    """Small jumps of the eyes about the viewer, now and then a look aside."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Starts on the viewer."""
        self._rng = rng
        self._before = _Glance(-1.0, 0.0, 0.0)
        self._now = _Glance(0.0, 0.0, 0.0)
        self._next_s = 0.7

    def at(self, time_s: float) -> tuple[float, float]:
        """Direction right and up, -1 to 1. Moments must come in order."""
        while time_s > self._next_s:
            self._before = self._now
            aside = self._rng.uniform() < 0.10
            spread = 0.22 if aside else 0.045
            right, up = self._rng.normal(0, spread), self._rng.normal(0, 0.6 * spread)
            self._now = _Glance(
                self._next_s, float(np.clip(right, -0.4, 0.4)), float(np.clip(up, -0.25, 0.2))
            )
            self._next_s += float(self._rng.uniform(0.4, 0.9) if aside else self._rng.uniform(0.5, 2.2))
        # A saccade of a few degrees takes about 40 ms.
        t = min(1.0, (time_s - self._now.start_s) / 0.05)
        t = t * t * (3 - 2 * t)
        return (
            self._before.right + t * (self._now.right - self._before.right),
            self._before.up + t * (self._now.up - self._before.up),
        )
