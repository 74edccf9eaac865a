"""What may come in: checks a request before any work is done for it."""

import unicodedata
from collections.abc import Sequence
from typing import Literal

from empatheia.common.v1 import dialogue_pb2 as common_dialogue_pb2
from empatheia.common.v1 import media_pb2
from empatheia.dialogue.v1 import dialogue_pb2

from agents.step import UtteranceData
from runtime.errors import InvalidInput, TooMuch, Violation
from runtime.request import HEAD_BYTES, check_text, media_header, too_large
from runtime.settings import LimitSettings

_KEPT_CONTROLS = frozenset("\n\t\u200c\u200d")
"""Besides line ends and tabs: the joiners that emoji and several scripts are written with."""

_ROLES: dict[int, Literal["speaker", "listener"]] = {
    common_dialogue_pb2.ROLE_SPEAKER: "speaker",
    common_dialogue_pb2.ROLE_LISTENER: "listener",
}


def admit_text(text: str, limits: LimitSettings) -> str:
    """Checks what the person typed, and takes control characters out."""
    return clean(check_text("text", text, limits))


def admit_history(
    history: Sequence[common_dialogue_pb2.Utterance], limits: LimitSettings
) -> list[UtteranceData]:
    """Checks what was said before.

    Raises:
        InvalidInput: An utterance has no role.
        TooMuch: There are too many utterances, or one is too long.
    """
    if len(history) > limits.max_history_utterances:
        raise TooMuch(
            f"history: {len(history)} utterances; at most {limits.max_history_utterances} can be taken, "
            "drop the oldest",
            reason="HISTORY_TOO_LONG",
            violations=[Violation("history", f"at most {limits.max_history_utterances} utterances")],
        )
    said = []
    for index, utterance in enumerate(history):
        field = f"history[{index}]"
        if utterance.role not in _ROLES:
            raise InvalidInput.of(f"{field}.role", "must be speaker or listener", reason="BAD_DIALOGUE")
        text = clean(check_text(f"{field}.text", utterance.text, limits))
        said.append(UtteranceData(role=_ROLES[utterance.role], text=text, emotion=utterance.emotion))
    return said


def admit_media(
    media: Sequence[dialogue_pb2.MediaFile], limits: LimitSettings
) -> list[dialogue_pb2.MediaFile]:
    """Checks recordings: at most one of each kind, none empty, together within the bound.

    Raises:
        InvalidInput: A recording is none, or there are two of a kind.
        TooMuch: They are too large.
    """
    total = sum(len(file.data) for file in media)
    if total > limits.max_media_bytes:
        raise too_large("media", total, limits)
    admitted: dict[int, dialogue_pb2.MediaFile] = {}
    for index, file in enumerate(media):
        field = f"media[{index}]"
        kind = file.header.kind or media_pb2.MEDIA_KIND_AUDIO
        if kind in admitted:
            raise InvalidInput.of(field, "is the second recording of its kind", reason="TOO_MANY_MEDIA")
        name = file.header.file_name or f"recording {index + 1}"
        header = media_header(field, kind, name, file.data[:HEAD_BYTES], len(file.data))
        admitted[kind] = dialogue_pb2.MediaFile(header=header, data=file.data)
    return list(admitted.values())


def clean(text: str) -> str:
    """Takes out control characters, which no one can read, hear or answer."""
    kept = (c for c in text if c in _KEPT_CONTROLS or unicodedata.category(c) not in ("Cc", "Cs"))
    return "".join(kept).strip()
