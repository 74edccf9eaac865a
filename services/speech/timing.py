"""Times: the plan, what the voice makes of it, and where its source lies."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
from empatheia.common.v1 import content_pb2
from numpy.typing import NDArray

from runtime.espeak import Sound

VOWELS = frozenset("aeiouyɐɑɒæʌəɚɛɜɝɪɨɔʊʉøœɵ")
_STOPS = frozenset("pbtdkɡgʔ")
_FINAL_STRETCH = 1.12
"""Speech slows down before a pause (Klatt 1976); espeak-ng does a part of that itself."""
_JITTER = 0.05
"""Standard deviation of the length of a sound, as a share of it: no two are alike in a live voice."""


Timed = content_pb2.Word | content_pb2.Phoneme | content_pb2.Viseme
"""A part of a segment that has a start and an end."""


@dataclass(frozen=True)
class Timeline:
    """Borders of a plan's phonemes, as planned and as spoken; both in seconds from the segment's start."""

    planned: NDArray[np.float64]
    spoken: NDArray[np.float64]

    def to_spoken(self, planned_s: float) -> float:
        """The time at which a planned moment is spoken."""
        return float(np.interp(planned_s, self.planned, self.spoken))

    def to_planned(self, spoken_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """The planned moments of spoken times."""
        return np.interp(spoken_s, self.spoken, self.planned)


def timeline(
    phonemes: Sequence[content_pb2.Phoneme], rate: float, pause: float, rng: np.random.Generator
) -> Timeline:
    """Stretches a plan.

    When people slow down, vowels and pauses take most of it and stops hardly any, so each kind of sound has
    its own share.

    Args:
        phonemes: Without gaps, from 0.
        rate: log2 factor on the speed of speech.
        pause: log2 factor on the length of pauses.
        rng: Source of the small unevenness of a live voice.
    """
    planned = np.array([0.0, *(p.end_s for p in phonemes)])
    jitter = rng.normal(1.0, _JITTER, len(phonemes))
    final = _before_pauses(phonemes)
    lengths = [
        (p.end_s - p.start_s)
        * 2.0 ** -(rate * _share(p.ipa))
        * (2.0**pause if not p.ipa else jitter[i])
        * (_FINAL_STRETCH if i in final else 1.0)
        for i, p in enumerate(phonemes)
    ]
    return Timeline(planned, np.concatenate([[0.0], np.cumsum(lengths)]))


def _before_pauses(phonemes: Sequence[content_pb2.Phoneme]) -> set[int]:
    """Places of the sounds from the last vowel before each pause, and before the end, on."""
    found: set[int] = set()
    for i, phoneme in enumerate(phonemes):
        if phoneme.ipa and (i + 1 == len(phonemes) or not phonemes[i + 1].ipa):
            place = i
            while place > 0 and not VOWELS.intersection(phonemes[place].ipa) and phonemes[place - 1].ipa:
                place -= 1
            found.update(k for k in range(place, i + 1) if not _STOPS.intersection(phonemes[k].ipa))
    return found


def _share(ipa: str) -> float:
    if not ipa:
        return 1.0
    if VOWELS.intersection(ipa):
        return 1.15
    return 0.6 if _STOPS.intersection(ipa) else 0.9


def source_times(
    phonemes: Sequence[content_pb2.Phoneme], sounds: Sequence[Sound]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where in a source each moment of a plan lies, as a pair of arrays for `np.interp`.

    The source was read from the same text, so that most often its sounds are the plan's one by one. Where
    they differ (another planner, another accent) the sounds between two that match are spread evenly.
    """
    matcher = SequenceMatcher(None, [p.ipa for p in phonemes], [s.ipa for s in sounds], autojunk=False)
    planned, source = [phonemes[0].start_s], [0.0]
    for block in matcher.get_matching_blocks():
        for k in range(block.size):
            phoneme, sound = phonemes[block.a + k], sounds[block.b + k]
            planned += [phoneme.start_s, phoneme.end_s]
            source += [sound.start_s, sound.end_s]
    planned.append(phonemes[-1].end_s)
    source.append(sounds[-1].end_s if sounds else 0.0)
    return np.array(planned), np.array(source)


def as_spoken(
    segment: content_pb2.ContentSegment, line: Timeline, duration_s: float, pause_s: float
) -> content_pb2.ContentSegment:
    """The plan with the times at which it is spoken."""
    spoken = content_pb2.ContentSegment()
    spoken.CopyFrom(segment)
    items: list[Timed] = [*spoken.words, *spoken.phonemes, *spoken.visemes]
    for item in items:
        item.start_s = min(duration_s, line.to_spoken(item.start_s))
        item.end_s = min(duration_s, line.to_spoken(item.end_s))
    if spoken.phonemes:
        spoken.phonemes[-1].end_s = duration_s
    if spoken.visemes:
        spoken.visemes[-1].end_s = duration_s
    spoken.duration_s = duration_s
    spoken.pause_s = pause_s
    return spoken
