"""When each sound of known words is spoken: pocketsphinx follows the words through the recording.

First all words are followed at once, which gives each its time; then, in portions of some seconds, the sounds
within them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from pocketsphinx import Decoder

from services.perception.listening import Listener
from services.perception.modalities.asr import Recognizer
from services.perception.recording import SAMPLE_RATE, Floats

_FRAME_S = 0.01
_PORTION_S = 8.0
_MARGIN_S = 0.1
_LONG_VOWEL_S = 0.12
"""From here on a vowel counts as stressed; the dictionary does not say."""

# What the dictionary's sounds (ARPABET) are in IPA.
_IPA = {
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "aʊ", "AY": "aɪ", "B": "b", "CH": "tʃ", "D": "d",
    "DH": "ð", "EH": "ɛ", "ER": "ɝ", "EY": "eɪ", "F": "f", "G": "ɡ", "HH": "h", "IH": "ɪ", "IY": "i",
    "JH": "dʒ", "K": "k", "L": "l", "M": "m", "N": "n", "NG": "ŋ", "OW": "oʊ", "OY": "ɔɪ", "P": "p",
    "R": "ɹ", "S": "s", "SH": "ʃ", "T": "t", "TH": "θ", "UH": "ʊ", "UW": "u", "V": "v", "W": "w", "Y": "j",
    "Z": "z", "ZH": "ʒ",
}  # fmt: skip
_VOWELS = frozenset("AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split())
_ARPABET = {ipa: name for name, ipa in _IPA.items()} | {
    "a": "AA", "ɐ": "AH", "ə": "AH", "ᵻ": "IH", "ɚ": "ER", "ɜ": "ER", "o": "OW", "e": "EH", "ɒ": "AA",
    "ɾ": "T", "r": "R", "ɫ": "L", "x": "K", "ʔ": "T", "y": "IY", "ɬ": "L", "g": "G",
}  # fmt: skip


@dataclass(frozen=True)
class TimedWord:
    """A word and when it is spoken."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class TimedSound:
    """A sound of speech and when it is spoken."""

    ipa: str
    """Empty for a pause."""
    stress: int
    """0 or 2."""
    start_s: float
    end_s: float


class Aligner:
    """Follows known words through recordings of 16 kHz, one channel."""

    def __init__(self, pronounce: Callable[[str], Iterable[str]]) -> None:
        """Loads the recognizer's acoustic model and dictionary.

        Args:
            pronounce: The sounds, in IPA, of a word that the dictionary lacks.
        """
        self._pronounce = pronounce
        # The best path through the lattice may squeeze sounds below the three frames that following needs.
        self._decoder = Decoder(
            samprate=SAMPLE_RATE,
            loglevel="FATAL",
            lm=None,
            bestpath=False,
            beam=1e-80,
            pbeam=1e-80,
            wbeam=1e-60,
        )

    def words(self, sound: Floats, words: Sequence[str]) -> list[TimedWord]:
        """When each of some words is spoken; empty if they can't be what is said."""
        if not words or not self._follow(sound, words):
            return []
        found = [
            TimedWord(one.word.split("(")[0], one.start_frame * _FRAME_S, (one.end_frame + 1) * _FRAME_S)
            for one in self._decoder.seg()
            if one.word[0] not in "<["
        ]
        return found if len(found) == len(words) else []

    def sounds(self, sound: Floats, words: Sequence[TimedWord]) -> list[list[TimedSound]]:
        """The sounds of some words, portion by portion, pauses among them."""
        return [self._portion(sound, *portion) for portion in _portions(words)]

    def _portion(
        self, sound: Floats, start_s: float, end_s: float, words: Sequence[TimedWord]
    ) -> list[TimedSound]:
        inside = sound[round(start_s * SAMPLE_RATE) : round(end_s * SAMPLE_RATE)]
        if self._follow(inside, [word.text for word in words]):
            # Raised where the sound does not fit the words after all.
            with suppress(RuntimeError):
                self._decoder.set_alignment()
                self._decode(inside)
                return list(self._aligned(start_s))
        return [sound for word in words for sound in self._spread(word)]

    def _aligned(self, first_s: float) -> Iterator[TimedSound]:
        for word in self._decoder.get_alignment():
            for phone in word:
                start_s = first_s + phone.start * _FRAME_S
                length_s = phone.duration * _FRAME_S
                yield _sound(phone.name, start_s, start_s + length_s)

    def _spread(self, word: TimedWord) -> Iterator[TimedSound]:
        """The sounds of a word that could not be followed, as if all were equally long."""
        names = (self._decoder.lookup_word(_key(word.text)) or "").split()
        for name, (start_s, end_s) in zip(
            names, pairwise(np.linspace(word.start_s, word.end_s, len(names) + 1).tolist()), strict=True
        ):
            yield _sound(name, start_s, end_s)

    def _follow(self, sound: Floats, words: Sequence[str]) -> bool:
        for word in words:
            if self._decoder.lookup_word(_key(word)) is None:
                self._decoder.add_word(_key(word), arpabet(self._pronounce(word)), True)
        self._decoder.set_align_text(" ".join(map(_key, words)))
        try:
            self._decode(sound)
        except RuntimeError:
            return False
        return self._decoder.hyp() is not None

    def _decode(self, sound: Floats) -> None:
        gain = 0.3 / max(float(np.abs(sound).max(initial=0.0)), 1e-4)
        pcm = (np.clip(sound * gain, -1, 1) * 32767).astype("<i2").tobytes()
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()


def heard_words(sound: Floats) -> list[TimedWord]:
    """The words that the recognizer hears in a whole recording, stretch by stretch."""
    recognizer = Recognizer()
    try:
        hearing = recognizer.hearing()
        listener = Listener([hearing])
        listener.add(sound)
        listener.finish()
        return [TimedWord(word.text, word.start_s, word.end_s) for word in hearing.words(True)]
    finally:
        recognizer.close()


def arpabet(sounds: Iterable[str]) -> str:
    """Sounds in IPA as the dictionary writes them; at least one."""
    names = []
    for ipa in (sound.replace("ː", "") for sound in sounds):
        names += [_ARPABET[ipa]] if ipa in _ARPABET else [_ARPABET[sign] for sign in ipa if sign in _ARPABET]
    return " ".join(names) or "AH"


def _key(word: str) -> str:
    return word.lower()


def _sound(name: str, start_s: float, end_s: float) -> TimedSound:
    stressed = name in _VOWELS and end_s - start_s >= _LONG_VOWEL_S
    return TimedSound(_IPA.get(name, ""), 2 if stressed else 0, start_s, end_s)


def _portions(words: Sequence[TimedWord]) -> Iterator[tuple[float, float, list[TimedWord]]]:
    """Words that follow each other closely, at most some seconds of them, with a bit of the pauses around."""
    waiting: list[TimedWord] = []
    reached = 0.0
    for word, following in zip(words, [*words[1:], None], strict=True):
        waiting.append(word)
        gap_s = following.start_s - word.end_s if following else 2 * _MARGIN_S
        ahead_s = following.end_s if following else word.end_s
        if gap_s >= 2 * _MARGIN_S or ahead_s - waiting[0].start_s > _PORTION_S:
            end_s = word.end_s + min(_MARGIN_S, max(0.0, gap_s / 2))
            yield max(reached, waiting[0].start_s - _MARGIN_S), end_s, waiting
            reached, waiting = end_s, []
