"""The colour of a voice: changes to the spectral envelope and to the noise in it."""

import numpy as np
from empatheia.common.v1 import style_pb2
from numpy.typing import NDArray

from services.speech.loudness import k_power

_TILT_FROM_HZ = 300.0
_BREATH_TILT_DB = -1.0
"""Further tilt of a fully breathy voice, in decibels per octave (Klatt & Klatt 1990)."""
_BREATH_FULL_HZ = 2500.0
_AIR_FROM_HZ, _AIR_RISE_HZ, _AIR_DB = 3800.0, 1200.0, 8.0
"""The Klatt source has hardly anything above its formants, where voices still have some brightness."""
_FLOOR = 1e-16


class Timbre:
    """Turns envelopes of the source voice into those of the voice wanted; its formants are right already."""

    def __init__(
        self, controls: style_pb2.VoiceControls, reference: NDArray[np.float64], sample_rate: int
    ) -> None:
        """Prepares the changes.

        Args:
            controls: What is wanted.
            reference: Mean power envelope of the source's voiced sounds, (bins,): its loudness is kept.
            sample_rate: In hertz.
        """
        hertz = np.linspace(0, sample_rate / 2, len(reference))
        tilt = controls.spectral_tilt_db + _BREATH_TILT_DB * controls.breathiness
        octaves = np.log2(np.maximum(hertz, _TILT_FROM_HZ) / _TILT_FROM_HZ)
        self.gain: NDArray[np.float64] = 10 ** (tilt * octaves / 10)
        """On power, by frequency, (bins,)."""
        weights = k_power(hertz, sample_rate)
        self.gain *= (reference @ weights) / ((reference * self.gain) @ weights)
        rise = np.clip((hertz - _AIR_FROM_HZ * 2.0**controls.formant_shift) / _AIR_RISE_HZ, 0.0, 1.0)
        self._voiced_gain = self.gain * 10 ** (_AIR_DB * rise / 10)
        noise_by_hertz = 0.2 + 0.8 * np.minimum(1.0, hertz / _BREATH_FULL_HZ)
        self._breath = 1 - 0.75 * controls.breathiness * noise_by_hertz

    def envelope(self, power: NDArray[np.float64]) -> NDArray[np.float64]:
        """Tilts the spectra of voiced sounds, and lifts what lies above the source's formants.

        Args:
            power: Power envelopes, (frames, bins).
        """
        coloured: NDArray[np.float64] = np.maximum(power * self._voiced_gain, _FLOOR)
        return coloured

    def aperiodicity(self, ratio: NDArray[np.float64]) -> NDArray[np.float64]:
        """Adds breath.

        Args:
            ratio: Noise as a share of amplitude, (frames, bins), 0 to 1.
        """
        return np.clip(1 - (1 - ratio) * self._breath, 0.001, 1.0)
