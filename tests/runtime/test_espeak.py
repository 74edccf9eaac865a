import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache

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


def test_threads_that_ask_first_at_the_same_time_get_one_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    def slow() -> object:
        time.sleep(0.05)
        made.append(object())
        return made[-1]

    monkeypatch.setattr("runtime.espeak._instance", cache(slow))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: espeak(), range(4)))
    assert len(made) == 1
    assert found == made * 4
