"""Files of dialogues: the three forms, and files that are none of them."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import InvalidInput
from services.reasoning.corpus import load

DIALOGUE = {
    "conv_id": "c1",
    "emotion": "sad",
    "turns": [
        {"role": "speaker", "text": "My dog died."},
        {"role": "listener", "text": "I'm sorry. What was his name?"},
        {"role": "speaker", "text": "Rex."},
        {"role": "speaker", "text": "I miss him."},
    ],
}
CHAIN = {"event_scenario": "A loss.", "emotion_cause": "The dog died."}
ANNOTATED = {
    "conv_id": "c1",
    "emotion": "sad",
    "history": DIALOGUE["turns"][:1],  # type: ignore[index]
    "response": "I'm sorry.",
    "goal": "To comfort.",
    **CHAIN,
}
AVAMERG = {
    "conversation_id": "01118",
    "turns": [
        {
            "context": "My dog died.",
            "dialogue_history": [{"index": 0, "role": "speaker", "utterance": "My dog died."}],
            "response": "I'm sorry.",
            "chain_of_empathy": {"speaker_emotion": "sad", "goal_to_response": "To comfort.", **CHAIN},
        }
    ],
}


def write(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def test_every_turn_of_a_dialogue_counts(tmp_path: Path) -> None:
    (conversation,) = load(write(tmp_path / "d.jsonl", DIALOGUE))
    assert [(len(turn.history), turn.response) for turn in conversation.turns] == [
        (1, "I'm sorry. What was his name?"),
        (4, ""),
    ]
    assert {turn.emotion for turn in conversation.turns} == {"sad"}


def test_annotated_turns_of_a_dialogue_come_together(tmp_path: Path) -> None:
    path = tmp_path / "chain.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join([json.dumps(ANNOTATED)] * 2).encode()))
    (conversation,) = load(path)
    first, _ = conversation.turns
    assert first.annotation is not None
    assert (first.annotation.event_scenario, first.annotation.goal) == ("A loss.", "To comfort.")


def test_avamerg_is_one_list(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    path.write_text(json.dumps([AVAMERG]))
    (conversation,) = load(path)
    (turn,) = conversation.turns
    assert (conversation.id, turn.emotion, turn.response) == ("01118", "sad", "I'm sorry.")
    assert turn.history[0].text == "My dog died."
    assert turn.annotation is not None
    assert turn.annotation.goal == "To comfort."


def changed(**values: Any) -> dict[str, Any]:
    return {**DIALOGUE, **values}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no dialogue"),
        (b"not JSON", "is not JSON"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
        (b"[1, 2]", "holds no dialogues as this reads them"),
        (b'{"text": "hello"}', "needs emotion and turns"),
        (json.dumps(changed(emotion="sleepy")).encode(), "'sleepy' is none of the 32 labels"),
        (json.dumps(changed(turns=[{"role": "robot", "text": "Hi"}])).encode(), "'robot' is neither"),
        (json.dumps(changed(turns=[{"role": "speaker"}])).encode(), "line 1: lacks 'text'"),
        (json.dumps(changed(turns=["Hi"])).encode(), "line 1: is not as the other lines are"),
        (json.dumps(changed(turns=[])).encode(), "in which the person speaks"),
        (json.dumps(DIALOGUE).encode() + b'\n{"conv_id": "c2"}', "line 2: lacks 'turns'"),
    ],
)
def test_wrong_files_say_what_is_wrong(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "d.jsonl"
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        load(path)
    assert message in caught.value.message
    assert str(path) in caught.value.message


@pytest.mark.parametrize("content", [b"no archive", gzip.compress(b"text " * 1000)[:40]])
def test_broken_archives(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "d.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="can't be"):
        load(path)
    with pytest.raises(InvalidInput, match="No such file"):
        load(tmp_path / "nothing.jsonl")


def test_reccon_gives_the_cause_of_every_emotion(tmp_path: Path) -> None:
    said = [
        {"turn": 1, "speaker": "A", "utterance": "I lost my keys.", "emotion": "neutral"},
        {
            "turn": 2,
            "speaker": "B",
            "utterance": "That makes me so angry!",
            "emotion": "anger",
            "expanded emotion cause span": ["b", "lost my keys"],
        },
    ]
    path = tmp_path / "reccon.json"
    path.write_text(json.dumps({"tr_1": [said]}, indent=1))
    (found,) = load(path)
    (turn,) = found.turns
    assert [one.role for one in turn.history] == ["listener", "speaker"]
    assert turn.emotion == "angry"
    assert turn.annotation is not None
    assert turn.annotation.emotion_cause == "lost my keys"


def test_esconv_joins_messages_in_a_row(tmp_path: Path) -> None:
    turns = [
        {"speaker": "seeker", "text": "Hi."},
        {"speaker": "seeker", "text": "I can't sleep."},
        {"speaker": "supporter", "text": "Since when?", "strategy": "Question"},
    ]
    path = write(tmp_path / "esconv.jsonl", {"id": "dev-0", "turns": turns})
    (found,) = load(path)
    (turn,) = found.turns
    assert turn.history[0].text == "Hi. I can't sleep."
    assert turn.response == "Since when?"
    assert turn.emotion == ""
