"""Checks of what opens and steers a video."""

import math
from collections.abc import Sequence

from empatheia.avatar.v1 import avatar_pb2
from empatheia.common.v1 import content_pb2, style_pb2

from runtime.errors import InvalidInput
from services.avatar.backends import AvatarBackend, VideoForm

FPS = (5.0, 60.0)
"""Least and most pictures a second."""

MOST_LIFE_S = 24 * 3600.0
"""Latest start on the clock of a face's life."""

VISEMES = frozenset(["sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U"])
"""Names of the mouth shapes in the contract."""

_RANGES = {
    "eye_openness": (-1.0, 1.0),
    "head_tilt": (-1.0, 1.0),
    "head_pitch": (-1.0, 1.0),
    "head_motion": (-4.0, 4.0),
    "blink_rate": (-4.0, 4.0),
    "articulation": (-4.0, 4.0),
}
_EARLY_S = 0.01


def check_start(start: avatar_pb2.RenderStart, backend: AvatarBackend) -> VideoForm:
    """Checks what opens a video.

    Raises:
        InvalidInput: A field is wrong.
    """
    if start.sample_rate not in backend.sample_rates:
        rates = ", ".join(map(str, backend.sample_rates))
        raise InvalidInput.of(
            "start.sample_rate", f"{start.sample_rate} Hz is none of {rates}", reason="BAD_AUDIO"
        )
    least, most = backend.sizes
    if start.size and (not least <= start.size <= most or start.size % 2):
        raise InvalidInput.of(
            "start.size",
            f"{start.size} must be even, from {least} to {most} (0: the usual)",
            reason="BAD_SIZE",
        )
    if start.fps != 0 and not FPS[0] <= start.fps <= FPS[1]:
        raise InvalidInput.of(
            "start.fps",
            f"{start.fps:g} must be from {FPS[0]:g} to {FPS[1]:g} (0: the usual)",
            reason="BAD_FPS",
        )
    if not 0 <= start.life_s <= MOST_LIFE_S:
        raise InvalidInput.of(
            "start.life_s", f"{start.life_s:g} must be from 0 to {MOST_LIFE_S:g}", reason="BAD_TIMES"
        )
    _check_face(start.style.face, "start.style.face")
    before = start.before if start.HasField("before") else None
    if before:
        _check_face(before.face, "start.before.face")
    return VideoForm(
        start.avatar_id,
        start.style,
        start.seed,
        start.sample_rate,
        start.size,
        start.fps,
        before,
        start.life_s,
    )


def _check_face(face: style_pb2.FaceControls, where: str) -> None:
    for field in face.DESCRIPTOR.fields:
        value = getattr(face, field.name)
        low, high = _RANGES.get(field.name, (0.0, 1.0))
        if not low <= value <= high:
            raise InvalidInput.of(
                f"{where}.{field.name}", f"{value:g} must be from {low:g} to {high:g}", reason="BAD_STYLE"
            )


def check_segment(segment: content_pb2.ContentSegment, where: str, after_s: float) -> float:
    """Checks a segment's mouth shapes and sounds.

    Args:
        segment: As spoken.
        where: Its place in the stream, for messages.
        after_s: End of the segment before.

    Returns:
        Where its mouth shapes end, in seconds.

    Raises:
        InvalidInput: A name is unknown, or times are not in order.
    """
    timed: dict[str, Sequence[content_pb2.Viseme | content_pb2.Phoneme]] = {
        "visemes": segment.visemes,
        "phonemes": segment.phonemes,
    }
    for kind, items in timed.items():
        before = after_s
        for i, item in enumerate(items):
            field = f"{where}.{kind}[{i}]"
            if not (math.isfinite(item.start_s) and math.isfinite(item.end_s)) or item.end_s < item.start_s:
                raise InvalidInput.of(
                    field, f"runs from {item.start_s:g} s to {item.end_s:g} s", reason="BAD_TIMES"
                )
            if item.start_s < before - _EARLY_S:
                raise InvalidInput.of(
                    field,
                    f"starts at {item.start_s:g} s, before {before:g} s, where the one in front ends",
                    reason="BAD_TIMES",
                )
            before = item.end_s
    for i, viseme in enumerate(segment.visemes):
        if viseme.name not in VISEMES:
            known = " ".join(sorted(VISEMES))
            raise InvalidInput.of(
                f"{where}.visemes[{i}].name", f"{viseme.name!r} is none of: {known}", reason="UNKNOWN_VISEME"
            )
    return max([after_s, *(viseme.end_s for viseme in segment.visemes)])
