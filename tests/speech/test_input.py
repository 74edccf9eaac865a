"""What people write that is hard to read aloud, and styles that nobody can have."""

import math

import numpy as np
import pytest

from runtime.errors import InvalidInput, TooMuch
from tests.speech.conftest import planned


@pytest.mark.parametrize("text", ["", "?!…", "😊", "\x00\x07", "Привет", "<break/>"])
async def test_without_anything_to_read_there_is_silence(speak, text):
    spoken = await speak(planned(text))
    assert len(spoken.samples) > 0
    assert not spoken.samples.any()


@pytest.mark.parametrize("text", ["a\x00\x07b", "<speak>Hello</speak>", "I like Привет a lot.", "💛 Yes."])
async def test_what_can_be_read_of_odd_text_is_spoken(speak, text):
    spoken = await speak(planned(text))
    assert np.abs(spoken.samples).max() > 0.05


async def test_five_thousand_words_are_refused_with_what_to_do(speak):
    segment = planned("Hello.")
    segment.text = "word " * 5000
    with pytest.raises(TooMuch, match="split it"):
        await speak(segment)


@pytest.mark.parametrize(
    ("control", "value"),
    [
        (name, value)
        for name in (
            "pitch_shift_st",
            "pitch_range",
            "rate",
            "energy_db",
            "spectral_tilt_db",
            "pause",
            "tremor",
        )
        for value in (math.nan, -math.inf, 1e6)
    ],
)
async def test_impossible_styles_are_refused_by_name(speak, control, value):
    with pytest.raises(InvalidInput, match=control):
        await speak(planned("Hello."), voice={control: value})


@pytest.mark.parametrize("extreme", [-1, 1])
async def test_the_ends_of_every_range_still_sound(speak, extreme):
    voice = {
        "pitch_shift_st": 12 * extreme,
        "pitch_range": 2 * extreme,
        "rate": extreme,
        "spectral_tilt_db": 12 * extreme,
        "formant_shift": 0.7 * extreme,
        "pause": 2 * extreme,
        "breathiness": 1,
        "tremor": 1,
    }
    samples = (await speak(planned("We are home, all of us."), voice=voice)).samples
    assert np.isfinite(samples).all()
    assert 0.02 < np.abs(samples).max() < 0.96
