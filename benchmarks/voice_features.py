"""Acoustic measures of a sentence, and how far who speaks and what they feel can be told apart by them."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from empatheia.common.v1 import content_pb2
from numpy.typing import NDArray
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

_LOWEST_HZ, _HIGHEST_HZ = 55.0, 500.0
_BANDS = 16


@dataclass(frozen=True)
class Measures:
    """What is measured of one sentence."""

    pitch_hz: float
    """Median of the voiced frames (DIO and StoneMask)."""
    range_st: float
    """10th to 90th percentile of pitch, in semitones."""
    syllables_per_s: float
    """Vowels by the time spent speaking, pauses left out."""
    lufs: float
    tilt_db: float
    """Power from 1 to 5 kHz against that from 0.1 to 1 kHz."""
    bands_db: tuple[float, ...]
    """Mean level in bands evenly spaced on the mel scale to 8 kHz, less their mean."""

    SHOWN: ClassVar = ("pitch_hz", "range_st", "syllables_per_s", "lufs", "tilt_db")

    def features(self) -> Floats:
        """All as numbers of like meaning: pitch in semitones."""
        own = (12 * np.log2(self.pitch_hz), self.range_st, self.syllables_per_s, self.lufs, self.tilt_db)
        return np.array([*own, *self.bands_db])


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
    voiced = f0[f0 > 0]
    if not len(voiced):
        raise ValueError("no voiced sound was found")
    low, high = np.percentile(12 * np.log2(voiced), [10, 90])
    speaking = sum(p.end_s - p.start_s for p in phonemes if p.ipa)
    vowels = sum(bool(VOWELS.intersection(p.ipa)) for p in phonemes)
    power = np.abs(np.fft.rfft(samples)) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / rate)

    def level(start: float, end: float) -> float:
        return float(10 * np.log10(power[(hertz >= start) & (hertz < end)].sum() + 1e-12))

    edges = 700 * (np.exp(np.linspace(np.log1p(100 / 700), np.log1p(8000 / 700), _BANDS + 1)) - 1)
    bands = np.array([level(a, b) for a, b in pairwise(edges)])
    return Measures(
        pitch_hz=float(np.median(voiced)),
        range_st=float(high - low),
        syllables_per_s=vowels / speaking,
        lufs=loudness(samples, rate),
        tilt_db=level(1000, 5000) - level(100, 1000),
        bands_db=tuple((bands - bands.mean()).tolist()),
    )


def leakage(made: Mapping[Key, Measures]) -> dict[str, Any]:
    """Tells profiles across emotions, and emotions across profiles, by linear discriminants.

    Who speaks is learned from neutral speech of one sentence, and asked of the other sentence, neutral and
    with emotions: what the second loses to the first is what emotion takes of identity. What they feel is
    learned from one half of the profiles and asked of the other half, each speaker's measures taken relative
    to their own mean, and once without: the difference is what identity hides of emotion.
    """
    keys = list(made)
    x = np.array([made[key].features() for key in keys])
    sentence = np.array([key[2] for key in keys])
    neutral = np.array([key[1] == "neutral" for key in keys])
    found: dict[str, Any] = {}
    for column, name in enumerate(("age", "gender", "timbre")):
        labels = np.array([key[0][column] for key in keys])
        told: dict[str, list[float]] = {"neutral": [], "emotional": []}
        for learned in sorted(set(sentence)):
            model = _discriminant().fit(
                x[neutral & (sentence == learned)], labels[neutral & (sentence == learned)]
            )
            for kind, mask in (("neutral", neutral), ("emotional", ~neutral)):
                asked = mask & (sentence != learned)
                told[kind].append(float(model.score(x[asked], labels[asked])))
        found[name] = {
            "chance": 1 / len(set(labels)),
            **{kind: float(np.mean(v)) for kind, v in told.items()},
        }
    emotions = np.array([key[1] for key in keys])
    relative = x.copy()
    speakers = [(key[0], key[2]) for key in keys]
    for speaker in dict.fromkeys(speakers):
        own = np.array([s == speaker for s in speakers])
        relative[own] -= x[own].mean(axis=0)
    profiles = list(dict.fromkeys(key[0] for key in keys))
    half = np.array([profiles.index(key[0]) % 2 for key in keys])
    scores = {
        name: float(
            np.mean(
                [
                    _discriminant()
                    .fit(values[half == a], emotions[half == a])
                    .score(values[half != a], emotions[half != a])
                    for a in (0, 1)
                ]
            )
        )
        for name, values in (("relative to the speaker", relative), ("as measured", x))
    }
    found["emotion"] = {"chance": 1 / len(set(emotions)), **scores}
    return found


def _discriminant() -> Any:
    return make_pipeline(StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"))
