"""Causes that people marked, against what is chosen."""

import gzip
import json
from pathlib import Path

import pytest

from benchmarks.cause_spans import marked, overlap, simple, table
from runtime.errors import InvalidInput

TURNS = [
    {"turn": 1, "speaker": "A", "utterance": "You look sad .", "emotion": "neutral"},
    {
        "turn": 2,
        "speaker": "B",
        "utterance": "My dog died , I 'm lost .",
        "emotion": "sadness",
        "expanded emotion cause evidence": [1, 2, "b"],
        "expanded emotion cause span": ["You look sad .", "My dog died", "elsewhere"],
    },
]


def test_only_the_persons_own_words_count(tmp_path: Path) -> None:
    path = tmp_path / "reccon.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"one": [TURNS]}).encode()))
    (only,) = marked(path)
    assert [said.role for said in only.dialogue] == ["listener", "speaker"]
    assert only.dialogue[-1].text == "My dog died, I'm lost."
    assert only.spans == ["My dog died"]
    choices = simple([only])
    assert choices["its last clause"] == ["I'm lost"]
    assert "| its last clause | 0.000 | 0.000 |" in table([only], choices)


def test_overlap_is_of_words() -> None:
    assert overlap("my dog died", ["My dog died!", "cat"]) == 1.0
    assert overlap("my dog", ["the dog"]) == 0.5
    assert overlap("", ["dog"]) == 0.0


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json.gz"
    path.write_bytes(gzip.compress(b"[]"))
    with pytest.raises(InvalidInput, match="RECCON"):
        marked(path)
