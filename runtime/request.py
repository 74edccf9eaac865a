"""Puts a turn's request together from what a person gave, and refuses early what can't work.

The command line and the HTTP door share these checks; what only a decoder can tell (a truncated file, a
recording too long) is found by the perception service.
"""

import json
import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from empatheia.common.v1 import dialogue_pb2 as common_pb2
from empatheia.common.v1 import media_pb2

from runtime.emotions import LABELS
from runtime.errors import InvalidInput, TooMuch, Violation
from runtime.settings import LimitSettings

HEAD_BYTES = 64
"""How much of a file `media_header` wants to see."""

ROLES = {"speaker": common_pb2.ROLE_SPEAKER, "listener": common_pb2.ROLE_LISTENER}
"""Who speaks, as written in JSON."""

# (offset, bytes) of a container, and its MIME subtype.
_CONTAINERS: Sequence[tuple[int, bytes, str]] = (
    (8, b"WAVE", "wav"),
    (8, b"AVI ", "x-msvideo"),
    (8, b"AIFF", "aiff"),
    (0, b"fLaC", "flac"),
    (0, b"ID3", "mpeg"),
    (0, b"OggS", "ogg"),
    (0, b"\x1a\x45\xdf\xa3", "webm"),
    (4, b"ftyp", "mp4"),
    (4, b"moov", "quicktime"),
    (0, b"\x00\x00\x01\xba", "mpeg"),
    (0, b"\x00\x00\x01\xb3", "mpeg"),
    (0, b"#!AMR", "amr"),
    (0, b"\x30\x26\xb2\x75", "x-ms-asf"),
    (0, b"\xff\xf1", "aac"),
    (0, b"\xff\xf9", "aac"),
    (0, b"\xff\xfb", "mpeg"),
    (0, b"\xff\xf3", "mpeg"),
    (0, b"\xff\xf2", "mpeg"),
)
_SOUND_ONLY = frozenset({"wav", "aiff", "flac", "amr", "aac"})
_EXTENSIONS = {
    **{".wav": "wav", ".flac": "flac", ".mp3": "mpeg", ".ogg": "ogg", ".oga": "ogg", ".opus": "ogg"},
    **{".m4a": "mp4", ".aac": "aac", ".aiff": "aiff", ".aif": "aiff", ".wma": "x-ms-asf", ".amr": "amr"},
    **{".mp4": "mp4", ".m4v": "mp4", ".mov": "quicktime", ".webm": "webm", ".mkv": "webm", ".weba": "webm"},
    **{".mpg": "mpeg", ".mpeg": "mpeg", ".ts": "mp2t", ".avi": "x-msvideo", ".wmv": "x-ms-asf"},
    **{".ogv": "ogg", ".3gp": "mp4"},
}
# (offset, bytes) of what people send by mistake.
_OTHERS: Sequence[tuple[int, bytes, str]] = (
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"GIF8", "a GIF picture, still or animated"),
    (8, b"WEBP", "a WebP picture, still or animated"),
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"\x7fELF", "a program"),
    (0, b"<", "markup"),
    (0, b"{", "JSON"),
)


def check_text(field: str, text: object, limits: LimitSettings) -> str:
    """Checks a text and returns it.

    Raises:
        InvalidInput: It is no text, or can't be written as UTF-8.
        TooMuch: It is too long.
    """
    if not isinstance(text, str):
        raise InvalidInput.of(field, f"must be a text, not {_kind(text)}", reason="BAD_TEXT")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput.of(
            field, f"character {error.start} is no valid Unicode character", reason="BAD_TEXT"
        ) from error
    if len(text) > limits.max_text_chars:
        raise TooMuch(
            f"{field}: {len(text):,} characters; at most {limits.max_text_chars:,} can be taken, shorten it",
            reason="TEXT_TOO_LONG",
            violations=[Violation(field, f"at most {limits.max_text_chars} characters")],
        )
    return text


def check_country(field: str, country: str) -> str:
    """Checks a country and returns it.

    Raises:
        InvalidInput: It is no code of two letters.
    """
    if country and not re.fullmatch(r"[A-Za-z]{2}", country):
        raise InvalidInput.of(
            field,
            f"{country!r} must be a country's code of two letters (ISO 3166-1), such as GB",
            reason="BAD_COUNTRY",
        )
    return country


def check_seed(field: str, seed: object) -> int:
    """Checks a seed and returns it.

    Raises:
        InvalidInput: It is no whole number of 64 bits.
    """
    if not isinstance(seed, int) or isinstance(seed, bool) or not -(2**63) <= seed < 2**63:
        raise InvalidInput.of(field, f"must be a whole number of 64 bits, not {seed!r}", reason="BAD_SEED")
    return seed


def parse_json(field: str, text: str) -> object:
    """Reads JSON.

    Raises:
        InvalidInput: It is none.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput.of(field, f"is no JSON: {error}", reason="BAD_DIALOGUE") from error


def parse_history(field: str, data: object, limits: LimitSettings) -> list[common_pb2.Utterance]:
    """Reads utterances `{"role", "text", "emotion"?}` from JSON data.

    Raises:
        InvalidInput: The shape is wrong; the message names the field.
        TooMuch: There are too many, or one is too long.
    """
    if not isinstance(data, list):
        raise InvalidInput.of(
            field, f"must be a list of utterances, not {_kind(data)}", reason="BAD_DIALOGUE"
        )
    if len(data) > limits.max_history_utterances:
        raise TooMuch(
            f"{field}: {len(data)} utterances; at most {limits.max_history_utterances} can be taken,"
            " drop the oldest",
            reason="HISTORY_TOO_LONG",
            violations=[Violation(field, f"at most {limits.max_history_utterances} utterances")],
        )
    return [_utterance(f"{field}[{index}]", item, limits) for index, item in enumerate(data)]


def check_fields(field: str, data: object, known: Sequence[str]) -> dict[str, Any]:
    """Checks that JSON data is an object with no unknown fields, and returns it.

    Raises:
        InvalidInput: It is not.
    """
    if not isinstance(data, dict):
        raise InvalidInput.of(field, f"must be an object, not {_kind(data)}", reason="BAD_DIALOGUE")
    for key in data:
        if key not in known:
            raise InvalidInput.of(
                f"{field}.{key}", f"unknown field; there are: {', '.join(known)}", reason="BAD_DIALOGUE"
            )
    return data


def media_header(
    field: str, kind: media_pb2.MediaKind, file_name: str, head: bytes, size: int
) -> media_pb2.MediaHeader:
    """Says what a recording is, from its name and its first bytes.

    Args:
        field: Where it was given, for messages: "--audio", "media[0]".
        kind: What the person says it is.
        file_name: Its name, with extension if it has one.
        head: Its first `HEAD_BYTES` bytes.
        size: All its bytes.

    Raises:
        InvalidInput: It is empty, or no recording of that kind.
    """
    # A file system takes names that are no valid Unicode; the wire does not.
    name = PurePath(file_name).name.encode(errors="replace").decode()
    if size == 0:
        raise InvalidInput.of(field, f"{name} is empty (0 bytes)", reason="EMPTY_MEDIA")
    subtype = next((sub for at, magic, sub in _CONTAINERS if head[at : at + len(magic)] == magic), "")
    if not subtype:
        if mistaken := no_recording(head):
            raise InvalidInput.of(field, f"{name} is {mistaken}, no recording", reason="UNKNOWN_MEDIA")
        subtype = _EXTENSIONS.get(PurePath(name).suffix.lower(), "")
    if not subtype:
        raise InvalidInput.of(
            field,
            f"{name} is no known audio or video file; wav, flac, mp3, ogg, m4a, mp4, webm and mpg are",
            reason="UNKNOWN_MEDIA",
        )
    if kind == media_pb2.MEDIA_KIND_VIDEO and subtype in _SOUND_ONLY:
        raise InvalidInput.of(field, f"{name} holds sound only; give it as audio", reason="WRONG_MEDIA_KIND")
    family = "video" if kind == media_pb2.MEDIA_KIND_VIDEO else "audio"
    return media_pb2.MediaHeader(kind=kind, mime_type=f"{family}/{subtype}", file_name=name, total_bytes=size)


def no_recording(head: bytes) -> str:
    """What a file is that was sent by mistake, by its first bytes: "a PNG picture"; empty if unknown."""
    return next((what for at, magic, what in _OTHERS if head[at : at + len(magic)] == magic), "")


def too_large(field: str, size: int, limits: LimitSettings) -> TooMuch:
    """Makes the error for recordings that pass the bound on bytes."""
    allowed = f"{limits.max_media_bytes / 1_000_000:,.0f} MB"
    return TooMuch(
        f"{field}: {size / 1_000_000:,.1f} MB; at most {allowed} can be taken, send a shorter recording",
        reason="MEDIA_TOO_LARGE",
        violations=[Violation(field, f"at most {limits.max_media_bytes} bytes in all")],
    )


def _utterance(field: str, data: object, limits: LimitSettings) -> common_pb2.Utterance:
    item = check_fields(field, data, ("role", "text", "emotion"))
    for name in ("role", "text"):
        if name not in item:
            raise InvalidInput.of(f"{field}.{name}", "is missing", reason="BAD_DIALOGUE")
    role = item["role"]
    if not isinstance(role, str) or role not in ROLES:
        raise InvalidInput.of(
            f"{field}.role", f"must be {' or '.join(ROLES)}, not {role!r}", reason="BAD_DIALOGUE"
        )
    emotion = item.get("emotion") or ""
    if emotion and emotion not in LABELS:
        raise InvalidInput.of(
            f"{field}.emotion", f"{emotion!r} is none of the 32 labels", reason="BAD_DIALOGUE"
        )
    text = check_text(f"{field}.text", item["text"], limits)
    return common_pb2.Utterance(role=ROLES[role], text=text, emotion=emotion)


def _kind(data: object) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    return names.get(type(data), "a number")
