"""Describes a voice by numbers: pitch, loudness, timbre, tempo.

Level and telephone-like colouring of the whole recording are removed as far as they can be: loudness is
counted from the recording's own peak, so that a quiet microphone does not read as a calm person.
"""

from functools import cache

import numpy as np
import pyworld
from numpy.typing import NDArray
from scipy.fft import dct

from services.perception.recording import SAMPLE_RATE

Floats = NDArray[np.float32]

FRAME_S = 0.01
_WINDOW, _HOP, _FFT = 400, 160, 512
_MELS, _CEPSTRA = 40, 20
_BLOCK, _CONTEXT = 200, 20
"""Frames that are worked out at a time, and frames around them that pitch needs to be sure."""
_F0_MIN, _F0_MAX = 70.0, 600.0
_SHAPE = ("level", "centroid", "bandwidth", "rolloff", "flatness", "flux", "crossings", "tilt", "alpha")
_PITCH = 0
_LEVEL = 1
_CEPSTRUM = 1 + len(_SHAPE)
CONTOURS = _CEPSTRUM + _CEPSTRA
"""Number of contours: pitch, the nine of `_SHAPE`, 20 cepstral coefficients."""

TRAITS = ("pitch_st", "pitch_range_st", "level_range_db", "tempo", "pauses", "tilt")
"""The first features, the ones that a person can read."""


@cache
def _mel_filters() -> Floats:
    top = 2595 * np.log10(1 + (SAMPLE_RATE / 2) / 700)
    points = 700 * (10 ** (np.linspace(2595 * np.log10(1 + 60 / 700), top, _MELS + 2) / 2595) - 1)
    bins = np.linspace(0, SAMPLE_RATE / 2, _FFT // 2 + 1)
    rising = (bins[None] - points[:-2, None]) / (points[1:-1] - points[:-2])[:, None]
    falling = (points[2:, None] - bins[None]) / (points[2:] - points[1:-1])[:, None]
    filters: Floats = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return filters


class Contours:
    """What a voice does in each 10 ms, worked out block by block while it speaks."""

    def __init__(self) -> None:
        """Starts before the first sample."""
        self._sound = np.zeros(0, np.float32)
        self._offset = 0
        self._done = 0
        self._rows: list[Floats] = []

    def add(self, samples: Floats) -> None:
        """Takes the next samples, 16 kHz."""
        self._sound = np.concatenate((self._sound, samples))
        while self._frames() >= self._done + _BLOCK + _CONTEXT:
            self._work(_BLOCK)

    def finish(self) -> Floats:
        """All of the contours; at least one sample must have come.

        Returns:
            (frames, CONTOURS): pitch in semitones above 55 Hz (0 where unvoiced), level in dB under the peak,
            shape of the spectrum, cepstrum.
        """
        if rest := self._frames() - self._done:
            self._work(rest)
        track = np.concatenate(self._rows)
        track[:, _LEVEL] -= track[:, _LEVEL].max()
        return track

    def _frames(self) -> int:
        return self._offset + 1 + max(0, len(self._sound) - _WINDOW) // _HOP

    def _work(self, frames: int) -> None:
        """Works out the next frames, with what lies around them as context."""
        before = min(_CONTEXT, self._done)
        self._drop(self._done - before)
        wanted = before + frames
        stretch = self._sound[: (wanted + _CONTEXT - 1) * _HOP + _WINDOW]
        self._rows.append(_contours(stretch)[before:wanted])
        self._done += frames

    def _drop(self, upto: int) -> None:
        self._sound = self._sound[(upto - self._offset) * _HOP :]
        self._offset = upto


def contours(sound: Floats) -> Floats:
    """The contours of a whole stretch of voice; see `Contours`."""
    whole = Contours()
    whole.add(sound)
    return whole.finish()


def _contours(sound: Floats) -> Floats:
    frames = 1 + max(0, len(sound) - _WINDOW) // _HOP
    index = np.arange(_WINDOW)[None] + _HOP * np.arange(frames)[:, None]
    cut = np.pad(sound, (0, max(0, _WINDOW - len(sound))))[index]
    emphasised = np.concatenate((cut[:, :1], cut[:, 1:] - 0.97 * cut[:, :-1]), axis=1)
    power = np.abs(np.fft.rfft(cut * np.hanning(_WINDOW), _FFT)).astype(np.float32) ** 2 + 1e-9
    sharp = np.abs(np.fft.rfft(emphasised * np.hanning(_WINDOW), _FFT)).astype(np.float32) ** 2 + 1e-9
    cepstrum = dct(np.log(sharp @ _mel_filters().T + 1e-8), norm="ortho")[:, 1 : _CEPSTRA + 1]
    pitch = _pitch(sound, frames)
    shape = _shape(cut, power)
    return np.concatenate((pitch[:, None], shape, cepstrum), axis=1).astype(np.float32)


def _pitch(sound: Floats, frames: int) -> NDArray[np.float64]:
    f0, _ = pyworld.dio(
        sound.astype(np.float64), SAMPLE_RATE, f0_floor=_F0_MIN, f0_ceil=_F0_MAX, frame_period=FRAME_S * 1000
    )
    f0 = np.pad(f0, (0, max(0, frames + 1 - len(f0))))[1 : frames + 1]
    return np.where(f0 > 0, 12 * np.log2(np.maximum(f0, 1) / 55), 0.0)


def _shape(cut: Floats, power: Floats) -> NDArray[np.float64]:
    hertz = np.linspace(0, SAMPLE_RATE / 2, power.shape[1])
    share = power / power.sum(axis=1, keepdims=True)
    level = 10 * np.log10(power.sum(axis=1))
    centroid = share @ hertz
    bandwidth = np.sqrt(np.maximum(share @ hertz**2 - centroid**2, 0))
    rolloff = hertz[np.minimum((np.cumsum(share, axis=1) < 0.85).sum(axis=1), len(hertz) - 1)]
    flatness = np.log(power).mean(axis=1) - np.log(power.mean(axis=1))
    flux = np.concatenate(([0.0], np.abs(np.diff(np.sqrt(share), axis=0)).sum(axis=1)))
    crossings = (np.diff(np.signbit(cut), axis=1) != 0).mean(axis=1)
    decibels = 10 * np.log10(power)
    octaves = np.log2(np.maximum(hertz[4:], 1))
    octaves -= octaves.mean()
    tilt = decibels[:, 4:] @ octaves / (octaves @ octaves)
    low = power[:, (hertz >= 50) & (hertz < 1000)].sum(axis=1)
    high = power[:, (hertz >= 1000) & (hertz < 5000)].sum(axis=1)
    alpha = 10 * np.log10(high / low)
    return np.stack(
        (level, centroid / 1000, bandwidth / 1000, rolloff / 1000, flatness, flux, crossings,
         tilt, alpha), axis=1,
    )  # fmt: skip


def features(track: Floats) -> Floats:
    """Sums up contours of a stretch of voice as one row of numbers.

    Args:
        track: (frames, CONTOURS) of `contours`, or a part of it; frames >= 1.

    Returns:
        (D,), the first ones being `TRAITS`.
    """
    voiced = track[:, _PITCH] > 0
    heard = track[:, _LEVEL] > -35
    pitch = track[voiced, _PITCH] if voiced.any() else np.zeros(1, np.float32)
    loud = track[heard] if heard.any() else track
    onsets = int((np.diff(voiced.astype(np.int8)) == 1).sum()) + int(voiced[0])
    seconds = len(track) * FRAME_S
    jumps = np.abs(np.diff(track[:, _PITCH]))[voiced[1:] & voiced[:-1]]
    jumps = jumps if len(jumps) else np.zeros(1, np.float32)
    low, middle, high = np.percentile(pitch, (10, 50, 90))
    quiet, _, strong = np.percentile(loud[:, _LEVEL], (10, 50, 90))
    traits = [middle, high - low, strong - quiet, onsets / seconds, 1 - heard.mean(), loud[:, 8].mean()]
    more = [
        pitch.mean(), pitch.std(), low, high, pitch.max(), pitch.min(), jumps.mean(), jumps.std(),
        _slope(pitch), voiced.mean(), voiced.sum() * FRAME_S / max(1, onsets), heard.sum() * FRAME_S,
        pitch[-20:].mean() - middle, pitch[:20].mean() - middle,
    ]  # fmt: skip
    statistics = [
        np.concatenate((part.mean(axis=0), part.std(axis=0), *np.percentile(part, (10, 90), axis=0)))
        for part in (loud[:, 1:], track[voiced][:, 1:] if voiced.any() else loud[:, 1:])
    ]
    movement = np.abs(np.diff(loud[:, 1:], axis=0)).mean(axis=0) if len(loud) > 1 else np.zeros(CONTOURS - 1)
    return np.concatenate((traits, more, *statistics, movement)).astype(np.float32)


def _slope(values: Floats) -> float:
    time = np.linspace(-1, 1, len(values))
    return float(time @ values / (time @ time)) if len(values) > 1 else 0.0
