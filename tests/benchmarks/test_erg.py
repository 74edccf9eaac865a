"""The measures of the chain, on made-up answers and on scripted services."""

import pytest

from agents.step import UtteranceData
from benchmarks.chains import Sample
from benchmarks.erg import calibration_error, distinct, evaluate, macro_f1
from runtime.settings import Settings
from tests.fakes import FakeSystem


def test_macro_f1_counts_each_label_alike() -> None:
    assert macro_f1(["sad", "sad", "joyful"], ["sad", "sad", "joyful"]) == 1
    assert macro_f1(["sad", "sad", "sad"], ["sad", "sad", "joyful"]) == pytest.approx(0.4)


def test_calibration_error_is_the_gap_between_confidence_and_hits() -> None:
    assert calibration_error([0.95, 0.95], [True, True]) == pytest.approx(0.05)
    assert calibration_error([0.95, 0.15], [False, False]) == pytest.approx(0.55)
    assert calibration_error([1.0], [True]) == 0


def test_distinct_is_over_the_whole_corpus() -> None:
    assert distinct([["a", "b"], ["a", "b"]], 1) == 50
    assert distinct([["a", "b"], ["a", "c"]], 2) == 100
    assert distinct([["a"]], 2) == 0


async def test_a_run_over_scripted_services(settings: Settings) -> None:
    system = FakeSystem(settings)
    said = [UtteranceData(role="speaker", text="My dog died last night.")]
    told: list[int] = []
    result = await evaluate(system.transport(), [Sample("sad", said), Sample("angry", said)], told.append)
    assert told == [1, 2]
    assert result["n"] == 2
    assert result["accuracy_32"] == 0.5
    assert result["accuracy_7"] == 0.5
    assert result["evidence_valid"] == 1
