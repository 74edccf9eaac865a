import numpy as np
import pytest

from runtime.espeak import Spoken, espeak


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("What happened?", ("mama", "What happened?", "about?", "banana.", "so sister")),
        ("mama", ("I then glad", "glad", "mama", "Hello mama about it")),
    ],
)
def test_a_text_sounds_the_same_whatever_was_said_before(text: str, others: tuple[str, ...]) -> None:
    spoken: list[Spoken] = []
    for other in others:
        espeak().speak(other, formants=1.1)
        espeak().speak(other)
        spoken.append(espeak().speak(text))
    for again in spoken[1:]:
        assert np.array_equal(again.samples, spoken[0].samples)
        assert again.sounds == spoken[0].sounds


def test_nothing_but_the_text_is_heard() -> None:
    assert espeak().speak("").sounds == ()
    assert "".join(sound.ipa for sound in espeak().speak("so").sounds) == "soʊ"
