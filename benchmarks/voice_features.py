"""Acoustic measures of a sentence, and how far who speaks and what they feel can be told apart by them."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np
from empatheia.common.v1 import content_pb2
from numpy.typing import NDArray
from scipy.fft import dct
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from services.speech.loudness import loudness
from services.speech.timing import VOWELS

with warnings.catch_warnings():
    # pyworld asks pkg_resources for its own version, which warns of its end.
    warnings.simplefilter("ignore")
    import pyworld

Floats = NDArray[np.float64]
Key = tuple[tuple[str, ...], str, int]
"""Profile (age, gender, timbre), emotion, number of the sentence."""
_PROFILE = ("age", "gender", "timbre")

_LOWEST_HZ, _HIGHEST_HZ = 55.0, 500.0
_MEL_BANDS, _CEPSTRA = 40, 18


@dataclass(frozen=True)
class Measures:
    """What is measured of one sentence."""

    pitch_hz: float
    """Median of the voiced frames (DIO and StoneMask)."""
    floor_hz: float
    """Their 10th percentile."""
    range_st: float
    """10th to 90th percentile of pitch, in semitones."""
    syllables_per_s: float
    """Vowels by the time spent speaking, pauses left out."""
    lufs: float
    tilt_db: float
    """Power from 1 to 5 kHz against that from 0.1 to 1 kHz."""
    cepstra: tuple[float, ...]
    """Of the mean envelope of voiced frames (CheapTrick, on the mel scale to 8 kHz), from the first on: the
    first is tilt again, the others are where formants lie and how sharp they are."""

    SHOWN: ClassVar = ("pitch_hz", "range_st", "syllables_per_s", "lufs", "tilt_db")

    def voice(self) -> Floats:
        """What tells a speaker: pitch and its floor, formants."""
        return np.array([12 * np.log2(self.pitch_hz), 12 * np.log2(self.floor_hz), *self.cepstra[1:]])

    def manner(self) -> Floats:
        """All, as numbers of like meaning: pitch in semitones."""
        own = (12 * np.log2(self.pitch_hz), self.range_st, self.syllables_per_s, self.lufs, self.tilt_db)
        return np.array([*own, *self.cepstra])


def measured(samples: Floats, rate: int, phonemes: Sequence[content_pb2.Phoneme]) -> Measures:
    """Measures one sentence.

    Args:
        samples: Full scale 1.
        rate: In hertz.
        phonemes: With the times at which they are spoken.

    Raises:
        ValueError: It holds no voiced sound.
    """
    samples = np.ascontiguousarray(samples)
    f0, times = pyworld.dio(samples, rate, f0_floor=_LOWEST_HZ, f0_ceil=_HIGHEST_HZ)
    f0 = pyworld.stonemask(samples, f0, times, rate)
    voiced = f0 > 0
    if not voiced.any():
        raise ValueError("no voiced sound was found")
    low, high = np.percentile(f0[voiced], [10, 90])
    speaking = sum(p.end_s - p.start_s for p in phonemes if p.ipa)
    vowels = sum(bool(VOWELS.intersection(p.ipa)) for p in phonemes)
    power = np.abs(np.fft.rfft(samples)) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / rate)

    def level(start: float, end: float) -> float:
        return float(10 * np.log10(power[(hertz >= start) & (hertz < end)].sum() + 1e-12))

    envelope = pyworld.cheaptrick(samples, f0[voiced], times[voiced], rate)
    return Measures(
        pitch_hz=float(np.median(f0[voiced])),
        floor_hz=float(low),
        range_st=float(12 * np.log2(high / low)),
        syllables_per_s=vowels / speaking,
        lufs=loudness(samples, rate),
        tilt_db=level(1000, 5000) - level(100, 1000),
        cepstra=tuple(_cepstra(np.log(envelope).mean(axis=0), rate).tolist()),
    )


def _cepstra(log_power: Floats, rate: int) -> Floats:
    """From the first on; the level is left out."""
    mels = np.linspace(np.log1p(100 / 700), np.log1p(8000 / 700), _MEL_BANDS)
    bands = np.interp(700 * np.expm1(mels), np.linspace(0, rate / 2, len(log_power)), log_power)
    found: Floats = dct(bands, norm="ortho")[1 : _CEPSTRA + 1]
    return found


def leakage(made: Mapping[Key, Measures]) -> dict[str, Any]:
    """Tells profiles across emotions, and emotions across profiles, by linear discriminants.

    Who speaks is learned from neutral speech, and asked of another sentence, neutral and with emotions: what
    the second loses to the first is what emotion takes of identity. The speaker that is told has an age,
    a gender and a timbre, which are asked, too. What they feel is learned from one half of the profiles and
    asked of the other half in another sentence, each speaker's measures taken relative to their own neutral
    speech, and once without: the difference is what identity hides of emotion.
    """
    keys = list(made)
    sentences = np.array([key[2] for key in keys])
    emotions = np.array([key[1] for key in keys])
    profiles = list(dict.fromkeys(key[0] for key in keys))
    who = np.array([profiles.index(key[0]) for key in keys])
    voices = np.array([made[key].voice() for key in keys])
    # Pitch and its floor come first.
    by = {"pitch and envelope": voices, "envelope alone": voices[:, 2:]}
    found: dict[str, Any] = {
        name: {
            kind: _told(values, who, sentences, emotions == "neutral", asked, profiles)
            for kind, asked in (("neutral", emotions == "neutral"), ("emotional", emotions != "neutral"))
        }
        for name, values in by.items()
    }
    manners = np.array([made[key].manner() for key in keys])
    own = np.array([made[key[0], "neutral", key[2]].manner() for key in keys])
    half = who % 2
    scores = {}
    for name, values in (("relative to the speaker", manners - own), ("as measured", manners)):
        right = []
        for side, asked in product((0, 1), sorted(set(sentences))):
            learned = (half == side) & (sentences != asked)
            mask = (half != side) & (sentences == asked)
            model = _discriminant().fit(values[learned], emotions[learned])
            right.append(float(model.score(values[mask], emotions[mask])))
        scores[name] = float(np.mean(right))
    found["emotion"] = {"chance": 1 / len(set(emotions)), **scores}
    return found


def _told(
    values: Floats,
    who: NDArray[np.int64],
    sentences: NDArray[np.int64],
    learned: NDArray[np.bool_],
    asked: NDArray[np.bool_],
    profiles: Sequence[tuple[str, ...]],
) -> dict[str, float]:
    """How often speakers, and what they are, are told rightly in a sentence that was not learned."""
    right: list[list[float]] = []
    for sentence in sorted(set(sentences)):
        here = sentences == sentence
        model = _discriminant().fit(values[learned & ~here], who[learned & ~here])
        for told, own in zip(model.predict(values[asked & here]), who[asked & here], strict=True):
            same = [a == b for a, b in zip(profiles[told], profiles[own], strict=True)]
            right.append([float(told == own), *map(float, same)])
    return dict(zip(("speaker", *_PROFILE), np.mean(right, axis=0).tolist(), strict=True))


def _discriminant() -> Any:
    return make_pipeline(StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"))
