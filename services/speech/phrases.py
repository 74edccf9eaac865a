"""Cuts long segments at phrase borders, so that speech starts before all of it has been worked out."""

from collections.abc import Sequence
from dataclasses import dataclass

from empatheia.common.v1 import content_pb2

_LONG_S = 6.0
"""Segments up to this length are spoken in one go."""
_LEAST_S, _MOST_S = 1.5, 6.0
"""A phrase ends at the first pause behind the one, and between any two words behind the other."""


@dataclass(frozen=True)
class Phrase:
    """A part of a segment."""

    first: int
    """Its first phoneme."""
    end: int
    """One past its last."""
    text: str
    """As written."""


def phrases(segment: content_pb2.ContentSegment) -> list[Phrase]:
    """The phrases of a segment: one if it is short. Pauses stand at the end of the phrase before them."""
    phonemes = segment.phonemes
    if segment.duration_s <= _LONG_S:
        return [Phrase(0, len(phonemes), segment.text)]
    cuts, start_s = [0], 0.0
    for i in range(1, len(phonemes)):
        before, phoneme = phonemes[i - 1], phonemes[i]
        length = before.end_s - start_s
        at_pause = not before.ipa and length >= _LEAST_S
        between_words = phoneme.word != before.word and phoneme.ipa and length >= _MOST_S
        if (at_pause or between_words) and _has_words(phonemes[i:]) and _has_words(phonemes[cuts[-1] : i]):
            cuts.append(i)
            start_s = before.end_s
    return [
        Phrase(first, end, _text(segment, first, end))
        for first, end in zip(cuts, [*cuts[1:], len(phonemes)], strict=True)
    ]


def _has_words(phonemes: Sequence[content_pb2.Phoneme]) -> bool:
    return any(phoneme.word >= 0 for phoneme in phonemes)


def _text(segment: content_pb2.ContentSegment, first: int, end: int) -> str:
    """From the first word of the phrase up to the word behind it."""
    own = [p.word for p in segment.phonemes[first:end] if p.word >= 0]
    after = next((p.word for p in segment.phonemes[end:] if p.word >= 0), -1)
    words = segment.words
    start = words[own[0]].start_char if first else 0
    return segment.text[start : words[after].start_char if after >= 0 else None]
