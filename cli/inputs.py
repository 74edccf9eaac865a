"""Reads what a person gives on the command line into a request, before anything is started."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from empatheia.common.v1 import dialogue_pb2 as common_pb2
from empatheia.common.v1 import media_pb2
from empatheia.dialogue.v1 import dialogue_pb2

from runtime.errors import InvalidInput
from runtime.request import (
    HEAD_BYTES,
    ROLES,
    check_country,
    check_fields,
    check_seed,
    check_text,
    media_header,
    parse_history,
    parse_json,
    too_large,
)
from runtime.settings import LimitSettings

_KINDS = {"audio": media_pb2.MEDIA_KIND_AUDIO, "video": media_pb2.MEDIA_KIND_VIDEO}


@dataclass
class Query:
    """What a person says in one turn, and how it is to be answered."""

    text: str = ""
    audio: Path | None = None
    video: Path | None = None
    avatar: str = ""
    seed: int | None = None
    history: list[common_pb2.Utterance] = field(default_factory=list)
    resume: str = ""
    """Turn to resume; then everything else may be empty."""
    country: str = ""
    """Where the person is, ISO 3166-1 alpha-2, for the numbers of those who can help."""

    def to_request(self, limits: LimitSettings) -> dialogue_pb2.RespondRequest:
        """Reads the recordings and makes the request.

        Raises:
            InvalidInput: Nothing was said, or a file can't be read.
            TooMuch: A bound was passed.
        """
        check_text("text", self.text, limits)
        paths = {name: path for name, path in (("audio", self.audio), ("video", self.video)) if path}
        if not (self.text.strip() or paths or self.resume):
            raise InvalidInput.of(
                "text", "nothing was said: give --text, --audio, --video or --dialogue", reason="EMPTY_QUERY"
            )
        sizes = {name: _size(name, path) for name, path in paths.items()}
        if sum(sizes.values()) > limits.max_media_bytes:
            raise too_large(max(sizes, key=sizes.__getitem__), sum(sizes.values()), limits)
        return dialogue_pb2.RespondRequest(
            history=self.history,
            text=self.text,
            media=[_recording(name, path) for name, path in paths.items()],
            options=dialogue_pb2.TurnOptions(
                avatar_id=check_text("avatar", self.avatar, limits),
                seed=check_seed("seed", self.seed or 0),
                resume_turn_id=check_text("resume", self.resume, limits),
                country=check_country("--country", self.country),
            ),
        )


def read_dialogue(path: Path, limits: LimitSettings) -> Query:
    """Reads a dialogue file.

    It holds an object with `history` and `query`, or a list of utterances whose last one is the query.
    Paths in it are relative to the file.

    Raises:
        InvalidInput: It can't be read, or has the wrong shape; the message names the field.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InvalidInput.of(
            "--dialogue", f"{path} can't be read: {error.strerror}", reason="NO_FILE"
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidInput.of("--dialogue", f"{path} is no UTF-8: {error}", reason="BAD_DIALOGUE") from error
    data = parse_json("--dialogue", text)
    if isinstance(data, list):
        return _from_utterances(data, limits)
    content = check_fields("dialogue", data, ("history", "query", "avatar", "seed"))
    query = check_fields("query", content.get("query", {}), ("text", "audio", "video"))
    return Query(
        text=check_text("query.text", query.get("text", ""), limits),
        audio=_path("query.audio", query.get("audio"), path.parent),
        video=_path("query.video", query.get("video"), path.parent),
        avatar=_typed("avatar", content.get("avatar", ""), str, "a text"),
        seed=check_seed("seed", content.get("seed", 0)),
        history=parse_history("history", content.get("history", []), limits),
    )


def _from_utterances(data: list[Any], limits: LimitSettings) -> Query:
    if not data:
        raise InvalidInput.of("dialogue", "the list is empty", reason="BAD_DIALOGUE")
    *history, query = parse_history("dialogue", data, limits)
    if query.role != ROLES["speaker"]:
        raise InvalidInput.of(
            f"dialogue[{len(history)}].role",
            "the last utterance must be the speaker's",
            reason="BAD_DIALOGUE",
        )
    return Query(text=query.text, history=history)


def _typed(field_name: str, value: Any, kind: type, name: str) -> Any:
    if not isinstance(value, kind):
        raise InvalidInput.of(field_name, f"must be {name}, not {value!r}", reason="BAD_DIALOGUE")
    return value


def _path(field_name: str, value: object, folder: Path) -> Path | None:
    return None if value is None else folder / str(_typed(field_name, value, str, "a path"))


def _size(name: str, path: Path) -> int:
    if not path.is_file():
        what = "is no file" if path.exists() else "does not exist"
        raise InvalidInput.of(name, f"{path} {what}", reason="NO_FILE")
    return path.stat().st_size


def _recording(name: str, path: Path) -> dialogue_pb2.MediaFile:
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            header = media_header(name, _KINDS[name], path.name, head, path.stat().st_size)
            return dialogue_pb2.MediaFile(header=header, data=head + file.read())
    except OSError as error:
        raise InvalidInput.of(name, f"{path} can't be read: {error.strerror}", reason="NO_FILE") from error
