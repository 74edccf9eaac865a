"""The melody of a sentence: declination, accents on stressed syllables, a tune at its end.

A superposition of a falling line and local bumps on a logarithmic scale, after Fujisaki & Hirose (1984),
"Analysis of voice fundamental frequency contours for declarative sentences of Japanese", with the final
tunes of English as in Pierrehumbert (1980): statements and wh-questions fall, yes-no questions rise, a comma
announces more to come. Sizes are this project's own choice.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

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

_DECLINATION_ST = 3.5
"""Fall of the line from start to end of a sentence, in semitones."""
_ACCENT_ST = {1: 1.0, 2: 3.2}
_FIRST_ACCENT = 1.25
_SMOOTHING_S = 0.035
_DRIFT_ST = 0.22
_TREMOR_HZ = 5.2
_TREMOR_ST = 0.7


@dataclass(frozen=True)
class Sounding:
    """A sound with the times at which it is spoken."""

    ipa: str
    stress: int
    start_s: float
    end_s: float


def pitch(
    sounds: Sequence[Sounding],
    text: str,
    controls: style_pb2.VoiceControls,
    frames: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """The pitch contour, in hertz, for every frame of `FRAME_S`, as if all were voiced."""
    time = np.arange(frames, dtype=np.float64) * FRAME_S
    line = _line(time, sounds) + _accents(time, sounds, rng) + _tunes(time, sounds, text)
    line = gaussian_filter1d(line, _SMOOTHING_S / FRAME_S, mode="nearest")
    speaking = np.zeros(frames, bool)
    for sound in sounds:
        if sound.ipa:
            speaking[int(sound.start_s / FRAME_S) : int(sound.end_s / FRAME_S) + 1] = True
    if speaking.any():
        line -= np.median(line[speaking])
    line = line * 2.0**controls.pitch_range + _drift(frames, rng)
    phase = 2 * np.pi * _TREMOR_HZ * time + rng.uniform(0, 2 * np.pi)
    line += controls.tremor * _TREMOR_ST * np.sin(phase + 0.6 * np.sin(phase * 0.23))
    base = controls.base_pitch_hz or OWN_PITCH_HZ
    hertz: NDArray[np.float64] = base * 2.0 ** ((line + controls.pitch_shift_st) / 12)
    return np.clip(hertz, _LOWEST_HZ, _HIGHEST_HZ)


def _line(time: NDArray[np.float64], sounds: Sequence[Sounding]) -> NDArray[np.float64]:
    """The declination, which starts anew in part after each pause."""
    end = sounds[-1].end_s
    line = _DECLINATION_ST * (0.5 - time / max(end, 0.5))
    phrase_start = 0.0
    for sound in [*sounds, Sounding("", 0, end, end)]:
        if not sound.ipa:
            inside = (time >= phrase_start) & (time < sound.start_s)
            length = max(sound.start_s - phrase_start, 0.3)
            line[inside] += 0.9 * (0.5 - (time[inside] - phrase_start) / length)
            phrase_start = sound.end_s
    return line


def _accents(
    time: NDArray[np.float64], sounds: Sequence[Sounding], rng: np.random.Generator
) -> NDArray[np.float64]:
    line = np.zeros_like(time)
    first = True
    for sound in sounds:
        if not sound.stress or not VOWELS.intersection(sound.ipa):
            continue
        size = _ACCENT_ST[sound.stress] * rng.uniform(0.75, 1.25) * (_FIRST_ACCENT if first else 1.0)
        first = False
        # English peaks lie late in the stressed vowel.
        centre = sound.start_s + 0.6 * (sound.end_s - sound.start_s)
        width = np.where(time < centre, 0.075, 0.11)
        line += size * np.exp(-0.5 * ((time - centre) / width) ** 2)
    return line


def _tunes(time: NDArray[np.float64], sounds: Sequence[Sounding], text: str) -> NDArray[np.float64]:
    """What the pitch does at the end of the sentence, and before each pause inside it."""
    line = np.zeros_like(time)
    ending = text.rstrip(" \"'”’)]*")[-1:]
    for i, sound in enumerate(sounds):
        if not sound.ipa and 0 < i < len(sounds) - 1 and sound.end_s - sound.start_s > 0.08:
            line += _ramp(time, sound.start_s - 0.18, sound.start_s, 1.6) * (time < sound.end_s)
    end = sounds[-1].end_s
    vowels = [s for s in sounds if VOWELS.intersection(s.ipa)]
    nucleus = next((s for s in reversed(vowels) if s.stress == 2), vowels[-1] if vowels else sounds[-1])
    middle = 0.5 * (nucleus.start_s + nucleus.end_s)
    if ending == "?" and not _WH.match(text):
        return line - _bump(time, nucleus, 3.0) + _ramp(time, middle, end, 6.5)
    if ending in {",", ";", ":"}:
        return line + _ramp(time, max(middle, end - 0.25), end, 2.0)
    return line + _bump(time, nucleus, 1.2 if ending == "!" else 0.4) - _ramp(time, middle, end, 4.2)


def _ramp(time: NDArray[np.float64], start: float, end: float, size: float) -> NDArray[np.float64]:
    share = np.clip((time - start) / max(end - start, 0.05), 0.0, 1.0)
    ramp: NDArray[np.float64] = size * share * share * (3 - 2 * share)
    return ramp


def _bump(time: NDArray[np.float64], sound: Sounding, size: float) -> NDArray[np.float64]:
    centre, width = 0.5 * (sound.start_s + sound.end_s), 0.09
    bump: NDArray[np.float64] = size * np.exp(-0.5 * ((time - centre) / width) ** 2)
    return bump


def _drift(frames: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """The slow wandering and the small roughness that no living voice is without."""
    slow = gaussian_filter1d(rng.standard_normal(frames + 200), 22)[100:-100]
    fast = gaussian_filter1d(rng.standard_normal(frames), 1.5)
    drift: NDArray[np.float64] = _DRIFT_ST * slow * 8.8 + 0.06 * fast
    return drift
