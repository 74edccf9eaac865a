"""The measures of the voice benchmark on signals whose answer is known."""

from itertools import product

import numpy as np
import pytest
from empatheia.common.v1 import content_pb2

from benchmarks.voice_features import Measures, leakage, measured
from services.disentangler.tables import AGES, GENDERS, PORTRAYALS, TIMBRES

RATE = 24000


def test_a_steady_tone_is_measured_as_such():
    time = np.arange(RATE) / RATE
    tone = 0.1 * sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 30))
    phonemes = [
        content_pb2.Phoneme(ipa="a", end_s=0.25),
        content_pb2.Phoneme(start_s=0.25, end_s=0.5),
        content_pb2.Phoneme(ipa="o", start_s=0.5, end_s=0.75),
    ]
    found = measured(tone, RATE, phonemes)
    assert found.pitch_hz == pytest.approx(150, rel=0.01)
    assert found.range_st < 0.2
    assert found.syllables_per_s == pytest.approx(4)
    with pytest.raises(ValueError, match="voiced"):
        measured(np.zeros(RATE), RATE, phonemes)


def test_what_is_kept_apart_is_told_apart():
    """Pitch alone tells the age, envelopes alone the gender, speed alone the emotion, nothing the timbre."""
    rng = np.random.default_rng(0)
    profiles = list(product(AGES, GENDERS, TIMBRES))
    made = {
        (profile, emotion, i): Measures(
            100.0 * 1.3 ** AGES.index(profile[0]) + rng.normal(),
            80.0 + rng.normal(),
            5.0 + rng.normal(0, 0.05),
            4.0 + feeling + rng.normal(0, 0.05),
            -23.0 + rng.normal(0, 0.05),
            rng.normal(0, 0.05),
            (rng.normal(), *((profile[1] == "male") + rng.normal(0, 0.05, 3))),
        )
        for profile in profiles
        for feeling, emotion in enumerate(PORTRAYALS)
        for i in range(3)
    }
    found = leakage(made)
    told, alone = found["pitch and envelope"]["emotional"], found["envelope alone"]["emotional"]
    assert min(told["age"], told["gender"], alone["gender"]) > 0.9
    assert max(told["timbre"], told["speaker"], alone["age"]) < 0.6
    assert found["emotion"]["relative to the speaker"] > 0.9
    assert found["emotion"]["chance"] == pytest.approx(1 / 8)
