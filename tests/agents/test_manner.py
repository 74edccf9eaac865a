"""Which manner a reply takes."""

import pytest

from agents.manner import FOREIGN, UNHEARD, UNSURE, fitting, manner
from agents.step import StepContext, UtteranceData
from runtime.emotions import LABELS
from tests.agents.fakes import FakeTransport


def context(text: str, **labels: float) -> StepContext:
    said = [UtteranceData(role="speaker", text=text)]
    return StepContext(transport=FakeTransport(""), turn_id="0" * 32, seed=1, dialogue=said, labels=labels)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"sad": 0.6, "joyful": 0.4}, UNSURE),
        ({"sad": 0.7, "joyful": 0.3}, "sad"),
        # The likeliest label alone is pleasant, but most of the probability is not.
        ({"caring": 0.3, "sad": 0.25, "apprehensive": 0.25, "afraid": 0.2}, "sad"),
        ({"surprised": 0.5, "joyful": 0.25, "sad": 0.25}, "surprised"),
        ({"surprised": 0.2, "joyful": 0.5, "sad": 0.1}, "joyful"),
        ({}, UNSURE),
    ],
)
def test_the_side_is_settled_before_the_label(labels: dict[str, float], expected: str) -> None:
    assert fitting(context("My mom came home.", **labels)) == expected


def test_every_label_has_a_manner() -> None:
    for label in (*LABELS, UNSURE, UNHEARD, FOREIGN):
        assert manner(label).goals
        assert manner(label).plain
        assert manner(label).closings
