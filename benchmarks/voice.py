"""`empatheia bench speech`: how the embedded voice sounds, measured, and how well a machine understands it.

Speech is made with the libraries themselves, in this process: no running system is needed. Words are heard by
the recognizer that perception uses, in our speech and in stock espeak-ng's, in the same run.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from typing import Any

import numpy as np
from empatheia.common.v1 import content_pb2, dialogue_pb2, style_pb2
from numpy.typing import NDArray
from scipy.signal import resample_poly

from benchmarks.agreement import heard, words
from benchmarks.voice_features import Measures, leakage, measured
from benchmarks.voice_stop import stops
from runtime.espeak import espeak
from runtime.spoken_text import spoken_text
from services.disentangler.controls import Manner as Style
from services.disentangler.tables import AGES, ANSWERS, GENDERS, PORTRAYALS, TIMBRES, profile_manner
from services.perception.modalities.asr import Recognizer
from services.speech.backends import Manner
from services.speech.backends.espeak_world import SAMPLE_RATE, EspeakWorldBackend
from services.speech.loudness import loudness
from services.synchronizer.backends.espeak import EspeakBackend

Floats = NDArray[np.float64]

SENTENCES = (
    "I am so sorry that your dog died last week.",
    "It must be hard to come home to a quiet house.",
    "You did everything that you could for your mother.",
    "I can hear how much this job means to you.",
    "That is wonderful news, and you have earned it.",
    "Take all the time you need, there is no hurry.",
    "It makes sense that you feel angry about the money.",
    "Would you like to tell me what happened at school?",
    "Your friend should not have left you waiting in the rain.",
    "Many people are afraid before they speak in public.",
    "I hope that you can rest a little this weekend.",
    "Thank you for telling me, it takes courage to say that.",
    "Losing a friend like that leaves a hole in your life.",
    "You sound proud of your daughter, and you should be.",
    "That was a cruel thing to say to you.",
    "I wonder what would make this evening easier for you.",
    "It is hard to wait for news from the doctor.",
    "What a lovely surprise to find her at the door!",
    "Nobody should have to carry all of this alone.",
    "Have you been able to sleep since the accident?",
    "Moving to a new city takes more strength than people think.",
    "Your brother must be very happy that you called.",
    "I understand why you felt left out at the party.",
    "Let us look at what you can do tomorrow.",
    "A letter from an old friend can change a whole day.",
    "The house feels empty since the children moved out.",
    "You kept your promise, even when it cost you something.",
    "Why did nobody tell you about the change of plans?",
    "I would be nervous too before such a big exam.",
    "Your grandmother sounds like a remarkable woman.",
    "After a night like that you deserve some rest.",
    "He had no right to read your private messages.",
    "It is a relief when the fever finally goes down.",
    "We could write down the things that worry you most.",
    "That teacher believed in you when others did not.",
    "Do you remember the first time you rode a horse?",
)
_HEARD = 12
"""The voice was made while listening to the first twelve; words are asked of the others alone."""
_TEN_WORDS = "I am so sorry to hear that you feel alone."
_STYLED = SENTENCES[1], SENTENCES[6], SENTENCES[8]
_SESSIONS = (1, 2, 4)
_YOUNG = ("young", "female", "mid")
_HEARD_RATE = 16000
_QUIET_S = 0.25
_ROOM = 3.0 / 32768
"""A recogniser trained on rooms stumbles over digital silence."""


@dataclass(frozen=True)
class Sound:
    """One sentence, spoken."""

    samples: Floats
    """At `SAMPLE_RATE`, full scale 1, without the pause after it."""
    segment: content_pb2.ContentSegment
    """With the times used."""
    first_ms: float
    """Wall time to the first block."""
    first_cpu_ms: float
    """CPU time of the thread to the first block: what the wall time is on a core of one's own."""
    work_s: float
    """CPU time of the thread, the source included."""


@cache
def _parts() -> tuple[EspeakBackend, EspeakWorldBackend]:
    return EspeakBackend({}), EspeakWorldBackend({})


def spoken(text: str, style: Style, seed: int = 1) -> Sound:
    """Speaks a sentence as a turn would."""
    planner, voice = _parts()
    segment = planner.plan(0, text, "en-us")
    manner = Manner(style_pb2.Style(voice=style.voice_proto()), dialogue_pb2.Profile(), seed, "en-us")
    started, cpu = time.monotonic(), time.thread_time()
    take = voice.speak(segment, manner, threading.Event())
    blocks: list[NDArray[np.int16]] = []
    first = first_cpu = 0.0
    for block in take.blocks:
        if not blocks:
            first, first_cpu = time.monotonic() - started, time.thread_time() - cpu
        blocks.append(block)
    work = time.thread_time() - cpu
    samples = np.concatenate(blocks)[: round(take.segment.duration_s * SAMPLE_RATE)] / 32768
    return Sound(samples, take.segment, 1000 * first, 1000 * first_cpu, work)


def run(progress: Callable[[str], None], *, quick: bool = False) -> dict[str, Any]:
    """Measures speed, words understood, style and leakage.

    Returns:
        `speed` and `stops`, and unless `quick` also `word_error_rate` by voice, `style` (rows of measures by
        profile and emotion) and `leakage`.
    """
    progress("speed")
    result: dict[str, Any] = {"speed": _speed()}
    progress("interruptions")
    result["stops"] = stops()
    if quick:
        return result
    result["word_error_rate"] = _word_error_rates(progress)
    made: dict[tuple[tuple[str, ...], str, int], Measures] = {}
    everyone = list(product(AGES, GENDERS, TIMBRES))
    for done, profile in enumerate(everyone, 1):
        progress(f"style: profile {done} of {len(everyone)}")
        for (emotion, offset), (i, text) in product(PORTRAYALS.items(), enumerate(_STYLED)):
            made[profile, emotion, i] = _measured(spoken(text, profile_manner(*profile).plus(offset), seed=i))
    result["style"] = _style_rows(made)
    progress("leakage")
    result["leakage"] = leakage(made)
    return result


def _speed(repeats: int = 9) -> dict[str, Any]:
    takes = [spoken(_TEN_WORDS, profile_manner(*_YOUNG), seed) for seed in range(repeats)]
    seconds = [len(take.samples) / SAMPLE_RATE for take in takes]
    sessions = {}
    for number in _SESSIONS:
        with ThreadPoolExecutor(number) as pool:
            began = time.monotonic()
            made = list(pool.map(partial(spoken, _TEN_WORDS, profile_manner(*_YOUNG)), range(2 * number)))
            wall = time.monotonic() - began
        sessions[str(number)] = {
            "seconds_of_speech_per_second": sum(len(take.samples) for take in made) / SAMPLE_RATE / wall,
            "first_chunk_ms_median": float(np.median([take.first_ms for take in made])),
            "first_chunk_ms_worst": max(take.first_ms for take in made),
        }
    return {
        "real_time_factor": float(np.median([t.work_s / s for t, s in zip(takes, seconds, strict=True)])),
        "first_chunk_cpu_ms": float(np.median([take.first_cpu_ms for take in takes])),
        "first_chunk_ms": float(np.median([take.first_ms for take in takes])),
        "first_chunk_ms_worst": max(take.first_ms for take in takes),
        "sessions": sessions,
    }


def _word_error_rates(progress: Callable[[str], None]) -> dict[str, float]:
    """Of stock espeak-ng, of our source, of all profiles, and of all manners of one woman."""
    woman, name = profile_manner(*_YOUNG), " ".join(_YOUNG)
    styles = {" ".join(profile): profile_manner(*profile) for profile in product(AGES, GENDERS, TIMBRES)}
    styles |= {f"{name}, {emotion}": woman.plus(offset) for emotion, offset in PORTRAYALS.items()}
    styles |= {f"{name}, answers {felt}": woman.plus(answer.manner) for felt, answer in ANSWERS.items()}
    del styles[f"{name}, neutral"]
    voices: dict[str, Callable[[str], Floats]] = {
        "stock espeak-ng": _stock,
        "its own source, without WORLD": _source,
    }
    voices |= {name: partial(_ours, style) for name, style in styles.items()}
    said = sum(len(words(text)) for text in SENTENCES[_HEARD:])
    recognizer = Recognizer()
    rates = {}
    try:
        for done, (name, speak) in enumerate(voices.items(), 1):
            progress(f"words understood: voice {done} of {len(voices)}")
            rates[name] = _errors(recognizer, speak) / said
    finally:
        recognizer.close()
    return rates


def _errors(recognizer: Recognizer, speak: Callable[[str], Floats]) -> int:
    """Word errors over the sentences that the voice was made without."""
    # Two at once: the recognizer works in processes of its own.
    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(partial(_errors_in, recognizer, speak), range(_HEARD, len(SENTENCES))))


def _errors_in(recognizer: Recognizer, speak: Callable[[str], Floats], number: int) -> int:
    """Word errors in one sentence, which is brought to -23 LUFS first."""
    text = SENTENCES[number]
    samples = speak(text)
    samples = samples * 10 ** ((-23.0 - loudness(samples, SAMPLE_RATE)) / 20)
    sound = np.pad(resample_poly(samples, _HEARD_RATE, SAMPLE_RATE), round(_QUIET_S * _HEARD_RATE))
    sound += np.random.default_rng(number).normal(0, _ROOM, len(sound))
    found = " ".join(word.text for word in recognizer.hear(sound.astype(np.float32)))
    return heard(words(text), words(found))[0]


def _ours(style: Style, text: str) -> Floats:
    return spoken(text, style).samples


def _stock(text: str) -> Floats:
    return _read(text, "en-us.stock", 50)


def _source(text: str) -> Floats:
    return _read(text, "en-us", 0)


def _read(text: str, voice: str, pitch_range: int) -> Floats:
    reading = espeak().speak(spoken_text(text).text, voice=voice, pitch_range=pitch_range)
    samples: Floats = resample_poly(reading.samples / 32768.0, 160, 147)
    return samples


def _measured(sound: Sound) -> Measures:
    return measured(sound.samples, SAMPLE_RATE, sound.segment.phonemes)


def _style_rows(made: Mapping[tuple[tuple[str, ...], str, int], Measures]) -> dict[str, dict[str, float]]:
    """Means over the sentences: each profile as it is, and each emotion of the young woman."""
    profiles = dict.fromkeys(profile for profile, _, _ in made)
    wanted = {" ".join(profile): (profile, "neutral") for profile in profiles}
    wanted |= {f"young female mid, {emotion}": (_YOUNG, emotion) for emotion in PORTRAYALS}
    rows = {name: _mean([made[*key, i] for i in range(len(_STYLED))]) for name, key in wanted.items()}
    for felt, answer in ANSWERS.items():
        style = profile_manner(*_YOUNG).plus(answer.manner)
        takes = [_measured(spoken(text, style, seed=i)) for i, text in enumerate(_STYLED)]
        rows[f"young female mid, answers {felt}"] = _mean(takes)
    return rows


def _mean(measures: Sequence[Measures]) -> dict[str, float]:
    return {name: float(np.mean([getattr(m, name) for m in measures])) for name in Measures.SHOWN}
