"""Dialogues with known emotions, causes or chains, from whichever of these files: for tuning and measuring.

- EmpatheticDialogues (Rashkin et al. 2019), one a line: `conv_id`, `emotion`, `turns` (`role`, `text`).
- Annotated turns (EmpathyEar's set), a listener's turn a line: `conv_id`, `emotion`, `history`, `response`,
  `event_scenario`, `emotion_cause`, `goal`, `rationale`.
- AvaMERG (Zhang et al. 2025), one list: `conversation_id`, `turns` of `context`, `dialogue_history`,
  `response` and `chain_of_empathy`.
- RECCON (Poria et al. 2021), one object of dialogues by name: `turn`, `speaker`, `utterance`, `emotion`,
  `expanded emotion cause span`; the speaker of an emotion is the person, the longest span is its cause.
- ESConv (Liu et al. 2021), one a line: `id`, `turns` (`speaker` seeker or supporter, `text`); no emotion.

A name that ends in `.gz` is unpacked. What a file is, its first dialogue tells.
"""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from runtime.emotions import CLASSES, LABELS
from runtime.errors import InvalidInput

Role = Literal["speaker", "listener"]


@dataclass(frozen=True)
class Said:
    """One thing said."""

    role: Role
    text: str


@dataclass(frozen=True)
class Annotation:
    """The chain as somebody wrote it for one turn; what they left out is empty."""

    event_scenario: str
    emotion_cause: str
    goal: str
    rationale: str = ""


@dataclass(frozen=True)
class Turn:
    """What the person said last, with all before it, and how the listener went on."""

    history: tuple[Said, ...]
    """Oldest first; ends with the speaker."""
    response: str
    """The human reply; empty where the dialogue ends with the speaker."""
    emotion: str
    """One of the 32 labels, or of the 7 classes where the file knows no more; empty where it knows none."""
    annotation: Annotation | None = None


@dataclass(frozen=True)
class Conversation:
    """A dialogue, one turn for each time that the person has spoken."""

    id: str
    emotion: str
    """What the person felt: of the last turn, if turns differ."""
    turns: tuple[Turn, ...]


def load(path: Path) -> list[Conversation]:
    """Reads a file whole; dialogues in which nobody speaks are left out.

    Raises:
        InvalidInput: It is not there, none of the three, or a line of it is wrong: the message says which.
    """
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    except OSError as error:
        # A broken archive is an OSError, too, but one without a number.
        raise _bad(f"{path} can't be read: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise _bad(f"{path} can't be unpacked: {error}") from error
    except UnicodeDecodeError as error:
        raise _bad(f"{path} is not text in UTF-8: {error.reason} at byte {error.start}") from error
    rows = list(_rows(path, text))
    if not rows:
        raise _bad(f"{path} holds no dialogue")
    parse = _form(path, rows[0][1])
    found: dict[str, list[Turn]] = {}
    for where, row in rows:
        try:
            name, turns = parse(row)
        except (KeyError, TypeError, AttributeError) as error:
            raise _bad(f"{path}, {where}: {_fault(error)}") from error
        except ValueError as error:
            raise _bad(f"{path}, {where}: {error}") from error
        found.setdefault(name or where, []).extend(turns)
    conversations = [
        Conversation(name, turns[-1].emotion, tuple(turns)) for name, turns in found.items() if turns
    ]
    if not conversations:
        raise _bad(f"{path} holds no dialogue in which the person speaks")
    return conversations


def _rows(path: Path, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object of the file, with where it stands."""
    try:
        if text.lstrip().startswith("["):
            for index, row in enumerate(json.loads(text)):
                yield f"dialogue {index}", row
            return
        if text.lstrip()[:1] == "{" and isinstance(whole := _whole(text), dict):
            for name, dialogues in whole.items():
                yield f"dialogue {name}", {"reccon": name, "dialogues": dialogues}
            return
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                yield f"line {number}", json.loads(line)
    except json.JSONDecodeError as error:
        raise _bad(f"{path} is not JSON: {error}") from error


def _whole(text: str) -> Any:
    """The one object that a file holds, or nothing if it holds one a line."""
    head = text.lstrip().partition("\n")[0]
    try:
        first = json.loads(head)
    except json.JSONDecodeError:
        return json.loads(text)  # an object over several lines
    return (
        first if all(isinstance(value, list) for value in first.values()) and "turns" not in first else None
    )


def _form(path: Path, row: Any) -> Callable[[dict[str, Any]], tuple[str, list[Turn]]]:
    keys = set(row) if isinstance(row, dict) else set()
    if {"history", "response"} <= keys:
        return _annotated
    if "conversation_id" in keys:
        return _avamerg
    if "reccon" in keys:
        return _reccon
    if "turns" in keys:
        return _dialogue if "emotion" in keys else _support
    raise _bad(
        f"{path} holds no dialogues as this reads them: a line needs emotion and turns (EmpatheticDialogues),"
        " or history and response (annotated turns), or conversation_id and turns (AvaMERG), or turns of a"
        " seeker and a supporter (ESConv); RECCON is one object"
    )


def _dialogue(row: dict[str, Any]) -> tuple[str, list[Turn]]:
    said = [_said(turn["role"], turn["text"]) for turn in row["turns"]]
    emotion = _emotion(row["emotion"])
    turns = []
    for index, one in enumerate(said):
        follows = said[index + 1] if index + 1 < len(said) else None
        if one.role == "speaker" and not (follows and follows.role == "speaker"):
            turns.append(Turn(tuple(said[: index + 1]), follows.text if follows else "", emotion))
    return str(row.get("conv_id", "")), turns


def _annotated(row: dict[str, Any]) -> tuple[str, list[Turn]]:
    history = tuple(_said(said["role"], said["text"]) for said in row["history"])
    annotation = Annotation(
        _text(row, "event_scenario"), _text(row, "emotion_cause"), _text(row, "goal"), _text(row, "rationale")
    )
    turn = Turn(history, row["response"].strip(), _emotion(row["emotion"]), annotation)
    return str(row.get("conv_id", "")), [turn] if history and history[-1].role == "speaker" else []


def _avamerg(row: dict[str, Any]) -> tuple[str, list[Turn]]:
    turns = []
    for turn in row["turns"]:
        history = tuple(_said(said["role"], said["utterance"]) for said in turn["dialogue_history"])
        if not history:
            history = (_said("speaker", turn["context"]),)
        chain: Mapping[str, Any] = turn["chain_of_empathy"]
        annotation = Annotation(
            _text(chain, "event_scenario"), _text(chain, "emotion_cause"), _text(chain, "goal_to_response")
        )
        if history[-1].role == "speaker":
            emotion = _emotion(chain["speaker_emotion"])
            turns.append(Turn(history, turn["response"].strip(), emotion, annotation))
    return str(row["conversation_id"]), turns


def _support(row: dict[str, Any]) -> tuple[str, list[Turn]]:
    roles: dict[str, Role] = {"seeker": "speaker", "supporter": "listener"}
    said: list[Said] = []
    for turn in row["turns"]:
        role, text = roles[turn["speaker"]], turn["text"].strip()
        if said and said[-1].role == role:  # several messages in a row are one turn
            text = f"{said.pop().text} {text}"
        said.append(Said(role, text))
    turns = [
        Turn(tuple(said[: index + 1]), said[index + 1].text if index + 1 < len(said) else "", "")
        for index, one in enumerate(said)
        if one.role == "speaker"
    ]
    return str(row.get("id", "")), turns


_RECCON = {
    "happiness": "joyful", "happy": "joyful", "excited": "excited", "sadness": "sad", "sad": "sad",
    "anger": "angry", "angry": "angry", "fear": "afraid", "surprise": "surprised", "surprised": "surprised",
    "disgust": "disgusted", "frustrated": "annoyed",
}  # fmt: skip
"""RECCON's emotions as the nearest of the 32 labels."""


def _reccon(row: dict[str, Any]) -> tuple[str, list[Turn]]:
    turns = []
    for dialogue in row["dialogues"]:
        for index, turn in enumerate(dialogue):
            # "b" marks a cause that is in no words.
            spans = [span.strip() for span in turn.get("expanded emotion cause span", []) if span != "b"]
            label = _RECCON.get(turn["emotion"], "")
            if not any(spans) or not label:
                continue
            history = tuple(
                _said("speaker" if other["speaker"] == turn["speaker"] else "listener", other["utterance"])
                for other in dialogue[: index + 1]
            )
            turns.append(Turn(history, "", label, Annotation("", max(spans, key=len), "")))
    return row["reccon"], turns


def _said(role: str, text: str) -> Said:
    if role not in ("speaker", "listener"):
        raise ValueError(f"role {role!r} is neither speaker nor listener")
    return Said(role, text.strip())  # type: ignore[arg-type]


def _emotion(name: str) -> str:
    known = name.strip().lower()
    if known not in LABELS and known not in CLASSES:
        raise ValueError(f"{name!r} is none of the 32 labels")
    return known


def _text(row: Mapping[str, Any], key: str) -> str:
    return str(row.get(key) or "").strip()


def _fault(error: Exception) -> str:
    return f"lacks {error}" if isinstance(error, KeyError) else "is not as the other lines are"


def _bad(problem: str) -> InvalidInput:
    return InvalidInput.of("--data", problem, reason="BAD_DATA")
