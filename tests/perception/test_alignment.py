"""When the sounds of known words are spoken, against a voice whose times are known."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import resample_poly

from runtime.espeak import espeak
from services.perception.modalities.alignment import Aligner, TimedWord, arpabet, heard_words

SENTENCE = "Maybe my brother will bring the map, before we climb up the mountain."
WORDS = "maybe my brother will bring the map before we climb up the mountain".split()
LIPS = ("p", "b", "m")


def pronounced(word: str) -> list[str]:
    return [sound.ipa for sound in espeak().speak(word).sounds]


@pytest.fixture(scope="module")
def aligner() -> Aligner:
    return Aligner(pronounced)


@pytest.fixture(scope="module")
def voice():
    return espeak().speak(SENTENCE, pitch_range=50)


@pytest.fixture(scope="module")
def sound(voice) -> np.ndarray:
    pause = np.zeros(8000, np.float32)
    said = resample_poly(voice.samples.astype(np.float32) / 32768, 320, 441).astype(np.float32)
    return np.concatenate([pause, said, pause])


def test_sounds_are_found_where_they_are_spoken(aligner, voice, sound):
    words = aligner.words(sound, WORDS)
    assert [word.text for word in words] == WORDS
    found = [(one.ipa, one.start_s, one.end_s) for part in aligner.sounds(sound, words) for one in part]
    lips = [(start, end) for ipa, start, end in found if ipa in LIPS]
    true = [(0.5 + s.start_s, 0.5 + s.end_s) for s in voice.sounds if s.ipa in LIPS]
    assert len(lips) == len(true) == 11
    apart = [abs(sum(a) - sum(b)) / 2 for a, b in zip(lips, true, strict=True)]
    assert np.median(apart) < 0.03
    assert max(apart) < 0.1


def test_sounds_are_in_order_and_do_not_overlap(aligner, sound):
    # Wrong words, some at wrong places, as a recognizer may hear them.
    heard = [TimedWord("baby", 0.5, 0.8), TimedWord("mob", 0.8, 1.0), TimedWord("zzyx", 1.0, 1.02)]
    heard += [TimedWord("mountain", 1.5, 1.9), TimedWord("up", 2.0, 2.4)]
    parts = aligner.sounds(sound, heard)
    assert len(parts) == 2
    times = [(one.start_s, one.end_s) for part in parts for one in part]
    assert times
    assert all(start <= end for start, end in times)
    assert all(a[1] <= b[0] + 0.02 for a, b in pairwise(times))


def test_words_that_nobody_says_are_not_found(aligner, sound):
    assert aligner.words(sound[:16000], ["supercalifragilistic"] * 40) == []
    assert aligner.words(sound, []) == []


def test_hears_words_with_times(sound):
    words = heard_words(sound)
    assert len(words) > 6
    assert 0.3 < words[0].start_s < 0.8
    assert words[-1].end_s < len(sound) / 16000
    assert heard_words(np.zeros(32000, np.float32)) == []


def test_names_are_pronounced():
    assert arpabet(pronounced("Bo")) == "B OW"
    assert arpabet([]) == "AH"
    assert arpabet(pronounced("woodcutters")).split()[0] == "W"
