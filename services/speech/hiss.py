"""Voiceless sound, kept as the source has it: bursts and hiss lose their edges in a vocoder."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from services.speech.blocks import HOP

_TAPS = 256
_WINDOW = np.hanning(2 * HOP + 1)[:-1]
"""Neighbours add up to 1 at `HOP`, so that what is not stretched stays as it was."""


def coloured(source: NDArray[np.float64], power: NDArray[np.float64]) -> NDArray[np.float64]:
    """The source through a filter without delay.

    Args:
        source: Samples.
        power: Gain of power from 0 to half of the sample rate, (bins,).
    """
    taps = np.fft.fftshift(np.fft.irfft(np.sqrt(power)))
    middle = len(taps) // 2
    taps = taps[middle - _TAPS : middle + _TAPS + 1] * np.hanning(2 * _TAPS + 1)
    out: NDArray[np.float64] = fftconvolve(source, taps, mode="same")
    return out


def kept(
    voice: NDArray[np.float64],
    source: NDArray[np.float64],
    centres: NDArray[np.int64],
    voiced: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Puts the source's sound in place of the vocoder's wherever it is voiceless, overlapped and added.

    Args:
        voice: What the vocoder made, (samples,): frame k lies around sample k * `HOP`.
        source: Samples.
        centres: For each frame, where in the source it is, (frames,).
        voiced: For each frame, (frames,).
    """
    padded = np.pad(source, 2 * HOP)
    share = np.zeros((len(voiced) + 1) * HOP)
    hiss = np.zeros_like(share)
    for k in np.flatnonzero(~voiced):
        first, last = max(0, int(k - 1) * HOP), int(k + 1) * HOP
        place, window = slice(first, last), _WINDOW[first - last :]
        start = int(np.clip(centres[k], -HOP, len(source) + HOP)) + HOP
        share[place] += window
        hiss[place] += window * padded[start : start + 2 * HOP][-len(window) :]
    out: NDArray[np.float64] = voice * (1 - share[: len(voice)]) + hiss[: len(voice)]
    return out
