"""What may be asked of a voice, whatever the backend."""

import math
from collections.abc import Sequence

from empatheia.common.v1 import content_pb2, style_pb2
from empatheia.speech.v1 import speech_pb2

from runtime.errors import InvalidInput, TooMuch, Violation
from services.speech.backends import Manner
from services.speech.timing import Timed

MAX_SEGMENT_S = 300.0
_MAX_PAUSE_S = 10.0
_MAX_CLOCK_S = 86_400.0
_TOLERANCE_S = 0.002
_BOUNDS: dict[str, tuple[float, float]] = {
    "pitch_shift_st": (-12, 12),
    "pitch_range": (-2, 2),
    "rate": (-1, 1),
    "energy_db": (-30, 12),
    "breathiness": (0, 1),
    "spectral_tilt_db": (-12, 12),
    "formant_shift": (-0.7, 0.7),
    "pause": (-2, 2),
    "tremor": (0, 1),
}
_BASE_PITCH_HZ = (50.0, 500.0)


def checked_manner(start: speech_pb2.SynthesizeStart, languages: Sequence[str]) -> Manner:
    """Reads how a reply is to be spoken.

    Raises:
        InvalidInput: A value is out of range or not a number, or the language is not spoken.
    """
    _check_voice(start.style.voice)
    language = start.language.lower() or languages[0]
    if language == "en":
        language = languages[0]
    if language not in languages:
        raise InvalidInput.of(
            "start.language",
            f"{start.language!r} is not spoken; there are: {', '.join(languages)}",
            reason="UNKNOWN_LANGUAGE",
        )
    return Manner(start.style, start.profile, start.seed % 2**64, language)


def checked_time(field: str, value: float) -> float:
    """Reads a time of the speech clock.

    Raises:
        InvalidInput: It is not one.
    """
    return _within(field, value, 0.0, _MAX_CLOCK_S)


def check_segment(segment: content_pb2.ContentSegment, expected: int | None, max_chars: int) -> None:
    """Refuses a plan that can't be spoken.

    Args:
        segment: The plan.
        expected: The index it must have; None for the first of a call, which may have any.
        max_chars: Bound on its text.

    Raises:
        InvalidInput: Order, times or word numbers are wrong.
        TooMuch: It is too long.
    """
    if segment.index < 0 or (expected is not None and segment.index != expected):
        wanted = "0 or more" if expected is None else str(expected)
        raise InvalidInput.of("segment.index", f"is {segment.index}, must be {wanted}")
    if len(segment.text) > max_chars:
        description = f"has {len(segment.text)} characters, more than {max_chars}; split it"
        raise TooMuch(
            f"segment.text: {description}",
            reason="TEXT_TOO_LONG",
            violations=[Violation("segment.text", description)],
        )
    duration = _within("segment.duration_s", segment.duration_s, 0.0, MAX_SEGMENT_S)
    _within("segment.pause_s", segment.pause_s, 0.0, _MAX_PAUSE_S)
    if segment.words and not segment.phonemes:
        raise InvalidInput.of("segment.phonemes", "is empty: plan the text with the synchronizer first")
    reached = 0.0
    for i, phoneme in enumerate(segment.phonemes):
        where = f"segment.phonemes[{i}]"
        _within(f"{where}.start_s", phoneme.start_s, reached - _TOLERANCE_S, reached + _TOLERANCE_S)
        reached = _within(f"{where}.end_s", phoneme.end_s, phoneme.start_s, duration + _TOLERANCE_S)
        if not -1 <= phoneme.word < max(1, len(segment.words)):
            raise InvalidInput.of(f"{where}.word", f"is {phoneme.word}, there are {len(segment.words)} words")
    if segment.phonemes and abs(reached - duration) > _TOLERANCE_S:
        raise InvalidInput.of(
            "segment.duration_s", f"is {duration}, but the phonemes end at {reached}", reason="OUT_OF_RANGE"
        )
    rows: dict[str, Sequence[Timed]] = {"words": segment.words, "visemes": segment.visemes}
    for name, row in rows.items():
        for i, item in enumerate(row):
            where = f"segment.{name}[{i}]"
            start = _within(f"{where}.start_s", item.start_s, 0.0, duration + _TOLERANCE_S)
            _within(f"{where}.end_s", item.end_s, start, duration + _TOLERANCE_S)


def _check_voice(voice: style_pb2.VoiceControls) -> None:
    for name, (least, most) in _BOUNDS.items():
        _within(f"start.style.voice.{name}", getattr(voice, name), least, most)
    if voice.base_pitch_hz != 0:
        _within("start.style.voice.base_pitch_hz", voice.base_pitch_hz, *_BASE_PITCH_HZ)


def _within(field: str, value: float, least: float, most: float) -> float:
    if not (math.isfinite(value) and least <= value <= most):
        raise InvalidInput.of(
            field, f"is {value:g}, must be from {least:g} to {most:g}", reason="OUT_OF_RANGE"
        )
    return value
