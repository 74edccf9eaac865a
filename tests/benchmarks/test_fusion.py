"""The benchmark of fusion, on judgements that are made up."""

import pytest

from benchmarks.fusion import measure
from runtime.emotions import CLASSES
from services.perception.judgement import Judgement, spread


def judgement(klass: str, share: float) -> Judgement:
    classes = {name: share if name == klass else (1 - share) / 6 for name in CLASSES}
    return Judgement(spread(classes), reliability=0.5, word=klass)


def test_persons_are_put_together_by_class() -> None:
    sure = {klass: [judgement(klass, 0.6)] * 8 for klass in ("happy", "sad", "angry")}
    del sure["angry"][7:]
    result = measure(dict.fromkeys(("text", "speech", "face"), sure), 0)
    assert result["classes"] == ["happy", "sad"]
    assert result["n"] == 16
    assert result["text"] == {"accuracy": 1, "ece": pytest.approx(0.4), "mean": pytest.approx(0.6)}
    assert 0.6 < result["speech+face"]["mean"] < result["text+speech+face"]["mean"] < 1
    assert result["conflicts"] == {"one class": 0, "words of another": 1}
