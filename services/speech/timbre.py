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
_NATURAL_HZ, _NATURAL_DB = (0.0, 3000.0, 6000.0, 12000.0), (-60.0, -9.0, -5.0, -2.0)
"""Noise in living voices, as D4C finds it in recordings of people who read: a voice without it buzzes."""
_EFFORT = 0.12
"""Tilt, in decibels per octave, for each decibel louder: what is stressed is brighter, too (Sluijter & van
Heuven 1996)."""


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
        self._octaves = np.log2(np.maximum(hertz, _TILT_FROM_HZ) / _TILT_FROM_HZ)
        gain = 10 ** (tilt * self._octaves / 10)
        weights = k_power(hertz, sample_rate)
        gain *= (reference @ weights) / ((reference * gain) @ weights)
        self.hiss: NDArray[np.float64] = np.sqrt(gain)
        """Gain of the power of voiceless sounds by frequency, (bins,): half the tilt, since it is the larynx
        that tilts."""
        rise = np.clip((hertz - _AIR_FROM_HZ * 2.0**controls.formant_shift) / _AIR_RISE_HZ, 0.0, 1.0)
        self._voiced_gain = gain * 10 ** (_AIR_DB * rise / 10)
        noise_by_hertz = 0.2 + 0.8 * np.minimum(1.0, hertz / _BREATH_FULL_HZ)
        self._breath = 1 - 0.75 * controls.breathiness * noise_by_hertz
        self._natural = 10 ** (np.interp(hertz, _NATURAL_HZ, _NATURAL_DB) / 10)

    def envelope(self, power: NDArray[np.float64], level_db: NDArray[np.float64]) -> NDArray[np.float64]:
        """Tilts the spectra of voiced sounds, and lifts what lies above the source's formants.

        Args:
            power: Power envelopes, (frames, bins).
            level_db: How loud each frame will be, which is not done here, (frames,).
        """
        effort = 10 ** (_EFFORT / 10 * level_db[:, None] * self._octaves)
        coloured: NDArray[np.float64] = np.maximum(power * self._voiced_gain * effort, _FLOOR)
        return coloured

    def aperiodicity(self, ratio: NDArray[np.float64]) -> NDArray[np.float64]:
        """Adds what noise a living voice has, and breath.

        Args:
            ratio: Noise as a share of amplitude, (frames, bins), 0 to 1.
        """
        living = np.sqrt(np.minimum(1.0, ratio**2 + self._natural))
        return np.clip(1 - (1 - living) * self._breath, 0.001, 1.0)
