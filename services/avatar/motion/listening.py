"""A face that listens while the person speaks: attentive, with a nod where a thought of theirs ends."""

import numpy as np
from numpy.typing import NDArray

from services.avatar.motion.loudness import Loudness

_RISE_S, _FALL_S = 0.5, 1.2
_PHRASE_S = 0.8
"""How long the person must have spoken for a pause to be worth a nod."""

_NOD_S, _NOD_PAUSE_S = 0.75, 2.5


class Listener:
    """Follows the person's voice. Listeners nod at the ends of phrases (Dittmann & Llewellyn 1968)."""

    def __init__(self, sample_rate: int) -> None:
        """Has heard nothing yet."""
        self._loudness = Loudness(sample_rate)
        self._heard = False
        self._attention = 0.0
        self._spoken_s = 0.0
        self._nod_s = -10.0

    def add(self, samples: NDArray[np.int16]) -> None:
        """Takes further samples of the person's voice."""
        self._heard = self._heard or bool(samples.size)
        self._loudness.add(samples)

    def at(self, time_s: float, step_s: float) -> tuple[float, float]:
        """How attentive the face is and how far it nods at a moment, both 0 to 1. Moments come in order."""
        if not self._heard:
            return 0.0, 0.0
        loud = self._loudness.at(time_s, step_s)
        speaking = loud > 0.2
        pace = step_s / (_RISE_S if speaking else _FALL_S)
        self._attention += min(1.0, pace) * (float(speaking) - self._attention)
        if speaking:
            self._spoken_s += step_s
        elif loud < 0.1 and self._spoken_s > _PHRASE_S and time_s - self._nod_s > _NOD_PAUSE_S:
            self._nod_s, self._spoken_s = time_s, 0.0
        t = (time_s - self._nod_s) / _NOD_S
        return self._attention, float(np.sin(np.pi * t)) ** 2 if 0 < t < 1 else 0.0
