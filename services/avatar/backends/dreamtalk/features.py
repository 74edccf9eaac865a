"""wav2vec2 features of a voice that is still coming in."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import resample_poly
from torch import Tensor, nn

RATE = 16000
HOP = 320
"""Samples between two features: 50 a second."""

_FIELD = 400
"""Samples that one feature sees by itself."""

_MARGIN = 2 * HOP
"""Samples around a stretch that keep its resampling free of edges."""


@dataclass(frozen=True)
class Stretch:
    """Features at a time; the network has no causal form, so each stretch is heard in its surroundings."""

    block: int = 20
    """Features that are kept of each stretch."""
    left: int = 100
    """Features heard before them."""
    right: int = 10
    """Features heard after them."""


class VoiceFeatures:
    """Hears a voice as it comes. Stretches lie at fixed times, so the chunks it came in change nothing."""

    def __init__(self, net: nn.Module, sample_rate: int, stretch: Stretch) -> None:
        """Begins a voice.

        Args:
            net: A `Wav2Vec2Model`.
            sample_rate: A multiple of 50.
            stretch: How much is heard at a time.
        """
        self._net, self._rate, self._stretch = net, sample_rate, stretch
        self._voice = np.zeros(0, np.int16)
        self._dropped = 0
        self._done = 0

    def add(self, samples: NDArray[np.int16]) -> None:
        """Takes the next samples."""
        self._voice = np.concatenate([self._voice, samples])

    def next(self, until: int | None = None) -> Tensor | None:
        """Features of the next stretch, (time, width), if enough of the voice is there.

        Args:
            until: Number of features in all, once the voice has ended; silence follows the voice.
        """
        ends = self._done + self._stretch.block
        if until is not None:
            ends = min(ends, until)
        heard_from = max(0, self._done - self._stretch.left)
        heard_to = (ends + self._stretch.right) * HOP + _FIELD - HOP
        missing = self._source(heard_to + _MARGIN) - self._dropped - self._voice.size
        if ends == self._done or (missing > 0 and until is None):
            return None
        if missing > 0:
            self.add(np.zeros(missing, np.int16))
        sound = self._resampled(heard_from * HOP, heard_to)
        device = next(self._net.parameters()).device
        with torch.inference_mode():
            features: Tensor = self._net(sound.to(device)[None]).last_hidden_state[0]
        kept = features[self._done - heard_from : ends - heard_from].cpu()
        self._done = ends
        drop = self._source(max(0, (ends - self._stretch.left) * HOP - _MARGIN)) - self._dropped
        self._voice, self._dropped = self._voice[drop:], self._dropped + drop
        return kept

    def _source(self, sample: int) -> int:
        """Place in the incoming voice of a place in the resampled one."""
        return sample * self._rate // RATE

    def _resampled(self, start: int, end: int) -> Tensor:
        """Samples of the voice at `RATE`, of mean 0 and deviation 1, as the network was trained."""
        before = min(start, _MARGIN)
        first, last = self._source(start - before), self._source(end + _MARGIN)
        piece = self._voice[first - self._dropped : last - self._dropped].astype(np.float64) / 32768
        sound = resample_poly(piece, RATE, self._rate)[before : before + end - start]
        sound = (sound - sound.mean()) / np.sqrt(sound.var() + 1e-7)
        return torch.from_numpy(sound.astype(np.float32))
