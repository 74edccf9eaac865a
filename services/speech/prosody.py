"""The melody of a sentence: declination, accents on content words, a tune at the end of every phrase.

Falling lines and local bumps are added up on a logarithmic scale, after Fujisaki & Hirose (1984), "Analysis
of voice fundamental frequency contours for declarative sentences of Japanese". Each accent is lower than the
one before it in its phrase (downstep), and the last of a phrase carries its tune, as in Pierrehumbert (1980),
"The phonology and phonetics of English intonation": statements and wh-questions fall, yes-no questions rise,
a pause inside a sentence is announced by a small rise. Consonants pull the pitch as in Silverman (1987), "The
structure and processing of fundamental frequency contours". Sizes are this project's own.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from empatheia.common.v1 import style_pb2
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from services.speech.timing import VOWELS

FRAME_S = 0.005
OWN_PITCH_HZ = 118.0
"""Median pitch where the style names none."""
_LOWEST_HZ, _HIGHEST_HZ = 50.0, 520.0
_WH = re.compile(r"\W*(who|whom|whose|what|when|where|which|why|how)\b", re.IGNORECASE)

_PLAIN = frozenset(
    "a an the and or but nor of to in on at by for from with as than that this these those there it its he "
    "him his she her we us our you your they them their i me my is am are was were be been do does did has "
    "have had can could will would should may might must shall if so not too very".split()
)
"""Words that carry no accent as a rule."""
_DECLINATION_ST = 3.0
"""Fall of the line from start to end of a phrase, in semitones; a short one falls less."""
_LOWERED_ST = 0.8
"""How much lower each further phrase of a sentence lies."""
_ACCENT_ST = {1: 0.7, 2: 3.9}
_PLAIN_SHARE = 0.25
_FIRST_ACCENT, _DOWNSTEP, _LOWEST_STEP = 1.2, 0.88, 0.55
_SMOOTHING_S = 0.025
_FALL_ST, _RISE_ST, _MORE_ST = 5.5, 7.5, 2.2
_LEAST_FALL_S = 0.16
_VOICELESS, _OBSTRUENTS = frozenset("ptkfθsʃh"), frozenset("bdɡgvðzʒ")
_AFTER_VOICELESS_ST, _IN_OBSTRUENT_ST = 0.7, -0.6
_LONGEST_PAUSE_S = 0.08
"""A longer one parts phrases."""
_DRIFT_ST = 0.22
_TREMOR_HZ = 5.2
_TREMOR_ST = 0.7
_EASY_ST, _ROOM_ST = 5.0, 4.0
"""Excursions over the one are bent, so that none is larger than both together."""
_LOUDER_DB = 0.35
"""For each semitone higher; people who read have 0.2 to 0.7, as correlations."""
_FADING_DB, _FADING_S = -5.0, 0.25
"""What a phrase loses at its end."""
_SHIMMER_DB = 0.25


@dataclass(frozen=True)
class Sounding:
    """A sound with the times at which it is spoken."""

    ipa: str
    stress: int
    start_s: float
    end_s: float
    word: str = ""
    """The word it belongs to, as written."""

    def moved(self, by_s: float) -> "Sounding":
        """The same at another time."""
        return replace(self, start_s=self.start_s + by_s, end_s=self.end_s + by_s)

    @property
    def is_vowel(self) -> bool:
        """Whether a syllable is built around it."""
        return bool(VOWELS.intersection(self.ipa))

    @property
    def is_voiced(self) -> bool:
        """Whether it has a pitch."""
        return bool(self.ipa) and self.ipa[0] not in _VOICELESS


@dataclass(frozen=True)
class Melody:
    """What a voice does over time, a value for each frame of `FRAME_S`."""

    pitch: NDArray[np.float64]
    """In hertz, as if all were voiced."""
    level: NDArray[np.float64]
    """In decibels; power is 1 on the mean over the sounds."""


def melody(
    sounds: Sequence[Sounding],
    text: str,
    controls: style_pb2.VoiceControls,
    frames: int,
    rng: np.random.Generator,
) -> Melody:
    """The melody of a sentence of so many frames."""
    time = np.arange(frames, dtype=np.float64) * FRAME_S
    line = np.zeros(frames)
    found = phrases(sounds)
    for number, phrase in enumerate(found):
        line += _line(time, phrase, number)
        line += _accents(time, phrase, rng) + _tune(time, phrase, text, last=number == len(found) - 1)
    line += _pulled(time, sounds)
    line = gaussian_filter1d(line, _SMOOTHING_S / FRAME_S, mode="nearest")
    speaking = np.zeros(frames, bool)
    for sound in sounds:
        if sound.ipa:
            speaking[int(sound.start_s / FRAME_S) : int(sound.end_s / FRAME_S) + 1] = True
    if speaking.any():
        line -= np.median(line[speaking])
    line = _bent(line * 2.0**controls.pitch_range)
    level = _LOUDER_DB * line + _SHIMMER_DB * gaussian_filter1d(rng.standard_normal(frames), 1.0)
    for phrase in found:
        end = phrase[-1].end_s
        level += _ramp(time, end - _FADING_S, end, _FADING_DB) * (time < end + _FADING_S)
    if speaking.any():
        level -= 10 * np.log10(np.mean(10 ** (level[speaking] / 10)))
    line += _drift(frames, rng)
    phase = 2 * np.pi * _TREMOR_HZ * time + rng.uniform(0, 2 * np.pi)
    line += controls.tremor * _TREMOR_ST * np.sin(phase + 0.6 * np.sin(phase * 0.23))
    base = controls.base_pitch_hz or OWN_PITCH_HZ
    hertz: NDArray[np.float64] = base * 2.0 ** ((line + controls.pitch_shift_st) / 12)
    return Melody(np.clip(hertz, _LOWEST_HZ, _HIGHEST_HZ), gaussian_filter1d(level, 2.0, mode="nearest"))


def phrases(sounds: Sequence[Sounding]) -> list[list[Sounding]]:
    """Parts of a sentence between its pauses; each has something to say, unless the sentence has nothing."""
    found: list[list[Sounding]] = [[]]
    for sound in sounds:
        if not sound.ipa and sound.end_s - sound.start_s > _LONGEST_PAUSE_S:
            found.append([])
        elif sound.ipa:
            found[-1].append(sound)
    return [phrase for phrase in found if phrase] or [list(sounds)]


def _line(time: NDArray[np.float64], phrase: Sequence[Sounding], number: int) -> NDArray[np.float64]:
    """The declination of one phrase; outside of it nothing."""
    start, end = phrase[0].start_s, phrase[-1].end_s
    size = _DECLINATION_ST * min(1.0, (end - start) / 1.5)
    line = size * (0.5 - (time - start) / max(end - start, 0.1)) - _LOWERED_ST * min(number, 3)
    return np.where((time >= start) & (time < end), line, 0.0)


def _accents(
    time: NDArray[np.float64], phrase: Sequence[Sounding], rng: np.random.Generator
) -> NDArray[np.float64]:
    line = np.zeros_like(time)
    step = _FIRST_ACCENT
    for sound in phrase:
        if not sound.stress or not sound.is_vowel:
            continue
        plain = sound.word.lower().replace("’", "'").partition("'")[0] in _PLAIN
        size = _ACCENT_ST[sound.stress] * rng.uniform(0.75, 1.25) * step * (_PLAIN_SHARE if plain else 1.0)
        if sound.stress == 2 and not plain:
            step = max(_LOWEST_STEP, step * _DOWNSTEP)
        # English peaks lie late in the stressed vowel.
        line += _bump(time, sound.start_s + 0.6 * (sound.end_s - sound.start_s), 0.075, 0.11, size)
    return line


def _tune(
    time: NDArray[np.float64], phrase: Sequence[Sounding], text: str, *, last: bool
) -> NDArray[np.float64]:
    """What the pitch does from the last accent of a phrase to its last voiced sound."""
    vowels = [s for s in phrase if s.is_vowel] or list(phrase)
    stressed = [s for s in vowels if s.stress == 2]
    content = [s for s in stressed if s.word.lower() not in _PLAIN]
    nucleus = (content or stressed or vowels)[-1]
    end = max((s.end_s for s in phrase if s.is_voiced), default=phrase[-1].end_s)
    early = nucleus.start_s + 0.25 * (nucleus.end_s - nucleus.start_s)
    ending = text.rstrip(" \"'”’)]*")[-1:] if last else ","
    if ending == "?" and not _WH.match(text):
        return _bump(time, early, 0.09, 0.09, -3.5) + _ramp(time, early, end, _RISE_ST)
    if ending in {",", ";", ":"}:
        middle = max(nucleus.end_s, end - 0.2)
        return _ramp(time, early, middle, -1.5) + _ramp(time, min(middle, end - 0.1), end, _MORE_ST + 1.5)
    # The fall must be heard: it starts in time to be over before the voice ends.
    start = min(early, end - _LEAST_FALL_S)
    peak = _bump(time, start, 0.08, 0.06, 2.0 if ending == "!" else 0.8)
    return peak + _ramp(time, start, end - 0.03, -_FALL_ST)


def _pulled(time: NDArray[np.float64], sounds: Sequence[Sounding]) -> NDArray[np.float64]:
    """What consonants do to the pitch around them."""
    line = np.zeros_like(time)
    for before, sound in pairwise(sounds):
        if before.ipa and not before.is_voiced and sound.is_voiced:
            inside = (time >= sound.start_s) & (time < sound.start_s + 0.12)
            line[inside] += _AFTER_VOICELESS_ST * np.exp(-(time[inside] - sound.start_s) / 0.04)
        if sound.ipa and sound.ipa[0] in _OBSTRUENTS:
            line += _bump(time, 0.5 * (sound.start_s + sound.end_s), 0.025, 0.025, _IN_OBSTRUENT_ST)
    return line


def _bent(line: NDArray[np.float64]) -> NDArray[np.float64]:
    over = np.maximum(np.abs(line) - _EASY_ST, 0.0)
    return np.sign(line) * (np.minimum(np.abs(line), _EASY_ST) + _ROOM_ST * np.tanh(over / _ROOM_ST))


def _ramp(time: NDArray[np.float64], start: float, end: float, size: float) -> NDArray[np.float64]:
    share = np.clip((time - start) / max(end - start, 0.05), 0.0, 1.0)
    ramp: NDArray[np.float64] = size * share * share * (3 - 2 * share)
    return ramp


def _bump(
    time: NDArray[np.float64], centre: float, before_s: float, after_s: float, size: float
) -> NDArray[np.float64]:
    """A hill whose sides have widths of their own."""
    width = np.where(time < centre, before_s, after_s)
    bump: NDArray[np.float64] = size * np.exp(-0.5 * ((time - centre) / width) ** 2)
    return bump


def _drift(frames: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """The slow wandering and the small roughness that no living voice is without."""
    slow = gaussian_filter1d(rng.standard_normal(frames + 200), 22)[100:-100]
    fast = gaussian_filter1d(rng.standard_normal(frames), 1.5)
    drift: NDArray[np.float64] = _DRIFT_ST * slow * 8.8 + 0.06 * fast
    return drift
