"""The measures of the chain, on made-up answers and on scripted services."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from agents.step import UtteranceData
from benchmarks.chains import Sample, samples
from benchmarks.erg import measure
from benchmarks.erg_figures import calibration_error, distinct, macro_f1, rouge_l, summarise, tokens
from benchmarks.erg_log import Log
from cli import erg
from runtime.errors import EmpatheiaError, InvalidInput
from runtime.settings import Settings
from services.reasoning.corpus import Annotation
from tests.fakes import FakeSystem, broken

PROMISED = {
    "n", "accuracy_32", "accuracy_7", "macro_f1_32", "ece", "ppl", "dist_1", "dist_2", "evidence_valid",
    "unsupported_rate", "tokens_per_s",
}  # fmt: skip


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


def test_rouge_l_is_of_the_longest_common_subsequence() -> None:
    assert rouge_l(tokens("the cat sat"), tokens("the cat sat")) == 1
    assert rouge_l(tokens("the gunman police killed"), tokens("police killed the gunman")) == 0.5
    assert rouge_l([], ["a"]) == rouge_l(["b"], ["a"]) == 0
    assert tokens("I'm SO sorry!") == ["i'm", "so", "sorry", "!"]


async def test_a_run_over_scripted_services(settings: Settings) -> None:
    transport = FakeSystem(settings).transport()
    said = [UtteranceData(role="speaker", text="My dog died last night.")]
    annotation = Annotation("The person's dog died.", "The dog is gone.", "To comfort the person.")
    rows = [
        await measure(transport, Sample("sad", said, "I am so sorry!", annotation, "a/0"), 1),
        await measure(transport, Sample("angry", said, id="b/0"), 2),
    ]
    result = summarise(json.loads(json.dumps(rows)))
    assert result.keys() > PROMISED
    assert (result["n"], result["accuracy_32"], result["accuracy_7"]) == (2, 0.5, 0.5)
    assert result["evidence_valid"] == 1
    # Of the one human reply: four words of two tokens each.
    assert result["ppl"] == pytest.approx(math.exp(3.0))
    assert result["ppl_token"] == pytest.approx(math.exp(1.5))
    assert result["unsupported_human"] == 0
    assert set(result["chain_similarity"]) == {"event_scenario", "emotion_cause", "response_goal"}
    assert all(0.3 < value <= 1 for value in result["chain_similarity"].values())


def test_a_file_of_results_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "rows.jsonl"
    log = Log(path, {"seed": 1})
    log.add({"id": "a"})
    with path.open("a") as file:
        file.write('{"id": "b", "tex')  # a crash cut it short
    log = Log(path, {"seed": 1})
    assert list(log.rows) == ["a"]
    log.add({"id": "c"})
    assert list(Log(path, {"seed": 1}).rows) == ["a", "c"]
    with pytest.raises(InvalidInput, match=r"another run \(of other seed\).*--anew"):
        Log(path, {"seed": 2})
    assert not Log(path, {"seed": 2}, anew=True).rows
    path.write_text("something else\n")
    with pytest.raises(InvalidInput, match="no results of this evaluation"):
        Log(path, {"seed": 2})
    with pytest.raises(InvalidInput, match="can't be used"):
        Log(tmp_path, {"seed": 2})


def dialogues(path: Path, number: int) -> Path:
    turns = [{"role": "speaker", "text": "My dog died last night."}, {"role": "listener", "text": "Oh no."}]
    rows = [{"conv_id": f"c{index}", "emotion": "sad", "turns": turns} for index in range(number)]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


@pytest.fixture
def system(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> FakeSystem:
    """The command finds scripted services in place of the running system."""
    fake = FakeSystem(settings)

    class Transport:
        def __init__(self, settings: Settings) -> None:
            self._within = fake.transport()

        async def __aenter__(self) -> Any:
            return self._within

        async def __aexit__(self, *error: object) -> None:
            return

    async def models(settings: Settings) -> dict[str, str]:
        return {"reasoning": "scripted"}

    monkeypatch.setattr("cli.start.ensure_running", lambda settings, preset, config: settings)
    monkeypatch.setattr("runtime.clients.grpc_transport.GrpcTransport", Transport)
    monkeypatch.setattr(erg, "_models", models)
    return fake


def run(data: Path, limit: int, **more: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "seed": 0, "cut": "last", "replicas": 1, "output": None, "anew": False, "preset": None, "config": None
    }  # fmt: skip
    return erg.run(data, limit, **(values | more))


def test_a_broken_run_goes_on(system: FakeSystem, tmp_path: Path) -> None:
    data = dialogues(tmp_path / "d.jsonl", 5)
    assert run(data, 2)["n"] == 2
    perception = system.perception
    assert perception.calls["perceive"] == 2
    perception.failures = [broken("perception")]
    with pytest.raises(EmpatheiaError, match="down"):
        run(data, 5)
    result = run(data, 5)
    assert result["n"] == 5
    assert result.keys() > PROMISED
    assert perception.calls["perceive"] == 6
    run(data, 5)
    assert perception.calls["perceive"] == 6
    run(data, 5, anew=True)
    assert perception.calls["perceive"] == 11
    # Another cut is another run, with a file of its own.
    assert run(data, 5, cut="first")["results"] != result["results"]
    with pytest.raises(InvalidInput, match="of other cut"):
        run(data, 5, cut="random", output=Path(result["results"]))
    erg.show(result)


def test_cuts(tmp_path: Path) -> None:
    turns = [{"role": ("speaker", "listener")[index % 2], "text": str(index)} for index in range(7)]
    path = tmp_path / "d.jsonl"
    path.write_text(json.dumps({"conv_id": "c", "emotion": "sad", "turns": turns}))
    assert [len(samples(path, 1, 0, cut)[0].dialogue) for cut in ("first", "last")] == [1, 7]
    assert {len(samples(path, 1, seed)[0].dialogue) for seed in range(30)} == {1, 3, 5, 7}
    (first,) = samples(path, 9, 0, "first")
    assert (first.response, first.id) == ("1", "c/0")


def test_replicas_share_the_work(settings: Settings, tmp_path: Path) -> None:
    from benchmarks.erg_replicas import measure_all

    drawn = samples(dialogues(tmp_path / "d.jsonl", 4), 4, 0, "last")
    servicers = {
        "perception": "tests.fakes:FakePerception",
        "reasoning": "tests.fakes:FakeReasoning",
    }
    rows = list(measure_all(settings, [(sample, 1) for sample in drawn], 2, servicers))
    assert sorted(row["id"] for row in rows) == sorted(sample.id for sample in drawn)
    assert summarise(rows)["accuracy_32"] == 1
