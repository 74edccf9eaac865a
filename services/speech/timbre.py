"""The colour of a voice: changes to the spectral envelope and to the noise in it."""

import numpy as np
from empatheia.common.v1 import style_pb2
from numpy.typing import NDArray

from services.speech.loudness import k_power

_TILT_FROM_HZ = 300.0
_BREATH_TILT_DB = -1.0
"""Further tilt of a fully breathy voice, in decibels per octave (Klatt & Klatt 1990)."""
_BREATH_FULL_HZ = 2500.0
_FLOOR = 1e-16


class Timbre:
    """Turns envelopes of the source voice into those of the voice wanted."""

    def __init__(
        self, controls: style_pb2.VoiceControls, reference: NDArray[np.float64], sample_rate: int
    ) -> None:
        """Prepares the changes.

        Args:
            controls: What is wanted.
            reference: Mean power envelope of the source's voiced sounds, (bins,): its loudness is kept.
            sample_rate: In hertz.
        """
        bins = len(reference)
        hertz = np.linspace(0, sample_rate / 2, bins)
        self._places = np.minimum(np.arange(bins) * 2.0**-controls.formant_shift, bins - 1)
        tilt = controls.spectral_tilt_db + _BREATH_TILT_DB * controls.breathiness
        octaves = np.log2(np.maximum(hertz, _TILT_FROM_HZ) / _TILT_FROM_HZ)
        self._gain = 10 ** (tilt * octaves / 10)
        weights = k_power(hertz, sample_rate)
        before, after = reference @ weights, self.envelope(reference[None], np.ones(1, bool))[0] @ weights
        self._gain *= before / after
        noise_by_hertz = 0.2 + 0.8 * np.minimum(1.0, hertz / _BREATH_FULL_HZ)
        self._breath = 1 - 0.75 * controls.breathiness * noise_by_hertz

    def envelope(self, power: NDArray[np.float64], voiced: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Tilts the spectrum, and shifts the formants of what is voiced.

        Hiss and bursts stay where they are: they are made at the teeth and depend little on the size of the
        tract, and shifted they are understood worse.

        Args:
            power: Power envelopes, (frames, bins).
            voiced: For each frame, (frames,).
        """
        low = self._places.astype(int)
        share = self._places - low
        high = np.minimum(low + 1, power.shape[1] - 1)
        shifted = power.copy()
        shifted[voiced] = power[voiced][:, low] * (1 - share) + power[voiced][:, high] * share
        coloured: NDArray[np.float64] = np.maximum(shifted * self._gain, _FLOOR)
        return coloured

    def aperiodicity(self, ratio: NDArray[np.float64]) -> NDArray[np.float64]:
        """Adds breath.

        Args:
            ratio: Noise as a share of amplitude, (frames, bins), 0 to 1.
        """
        return np.clip(1 - (1 - ratio) * self._breath, 0.001, 1.0)
