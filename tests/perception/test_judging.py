"""The parts that need no model: fusion, conflicts, networks, speech activity."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from empatheia.common.v1 import affect_pb2

from runtime.emotions import CLASS_OF_LABEL, CLASSES, LABELS, NEUTRAL
from runtime.errors import WeightsMissing
from services.perception import circumplex, fusion
from services.perception.fitting import Part, Recipe, Training, calibration_error, fit, macro_f1
from services.perception.judgement import Judgement, flatten_neutral, spread
from services.perception.listening import Listener, speech_spans
from services.perception.model import Judge
from services.perception.training import measure
from tests.perception import samples


def sure(klass: str, share: float = 0.9, reliability: float = 0.5, **more) -> Judgement:
    classes = {k: share if k == klass else (1 - share) / 6 for k in CLASSES}
    evidence = affect_pb2.Evidence(audio=affect_pb2.TimeSpan(start_s=1, end_s=2))
    return Judgement(spread(classes), (evidence,), reliability, word=klass, **more)


def worded(text: str) -> Judgement:
    words = affect_pb2.Evidence(text=affect_pb2.TextSpan(text=text, end=len(text)))
    return replace(sure("happy"), evidence=(words,))


def classes_of(affect: affect_pb2.Affect) -> dict[str, float]:
    return {entry.label: entry.probability for entry in affect.classes.entries}


def test_one_modality_is_kept_as_it_is() -> None:
    alone = sure("sad")
    fused = fusion.fuse({"text": alone})
    assert classes_of(fused) == pytest.approx(alone.classes)
    assert fused.confidence == pytest.approx(alone.confidence)


def test_the_more_reliable_modality_wins() -> None:
    fused = fusion.fuse({"text": sure("happy", reliability=0.3), "speech": sure("sad", reliability=0.9)})
    assert fused.classes.entries[0].label == "sad"


def test_agreement_is_surer_than_disagreement() -> None:
    agreed = fusion.fuse({"text": sure("sad"), "speech": sure("sad")})
    torn = fusion.fuse({"text": sure("happy"), "speech": sure("sad")})
    assert agreed.confidence > torn.confidence + 0.2


def test_the_words_choose_the_label_inside_a_class() -> None:
    labels = dict.fromkeys(LABELS, 0.0) | {"lonely": 0.6, "guilty": 0.2, "joyful": 0.2}
    text = Judgement(labels, (), 0.5, word="lonely")
    fused = fusion.fuse({"text": text, "speech": sure("sad")})
    assert fused.labels.entries[0].label == "lonely"
    summed = dict.fromkeys(CLASSES, 0.0)
    for entry in fused.labels.entries:
        summed[CLASS_OF_LABEL[entry.label]] += entry.probability
    assert summed == pytest.approx(classes_of(fused))


def test_no_model_rules_out_what_the_others_see() -> None:
    """A voice judge that knows no contempt is sure of anger; words and face say contempt."""
    voice = replace(sure("angry", 0.9999), reliability=0.4)
    fused = fusion.fuse({"text": sure("contempt"), "speech": voice, "face": sure("contempt")})
    assert fused.classes.entries[0].label == "contempt"


def test_misheard_words_weigh_less() -> None:
    voice = sure("sad")
    clear = fusion.fuse({"text": sure("happy"), "speech": voice})
    unclear = fusion.fuse({"text": sure("happy", trust=0.2), "speech": voice})
    assert classes_of(unclear)["sad"] > classes_of(clear)["sad"]
    alone = fusion.fuse({"text": sure("happy", trust=0.2)})
    assert 0 < alone.confidence < fusion.fuse({"text": sure("happy")}).confidence


def test_conflict_is_named_with_its_evidence() -> None:
    (conflict,) = fusion.conflicts({"text": worded("I'm fine"), "speech": sure("sad")})
    assert conflict.description == 'the words say happy ("I\'m fine"), the voice says sad (1.0-2.0 s)'
    assert conflict.strength == pytest.approx(0.9 - 0.1 / 6)
    assert len(conflict.evidence) == 2


def test_long_words_are_cut_and_the_shortest_seconds_are_named() -> None:
    whole = affect_pb2.Evidence(face=affect_pb2.TimeSpan(start_s=0, end_s=9))
    clearest = affect_pb2.Evidence(face=affect_pb2.TimeSpan(start_s=3.04, end_s=4.5))
    face = replace(sure("angry"), evidence=(whole, clearest))
    (conflict,) = fusion.conflicts({"text": worded("a b c d e f g h i"), "face": face})
    assert '("a b c d e f g h…")' in conflict.description
    assert conflict.description.endswith("the face says angry (3.0-4.5 s)")


@pytest.mark.parametrize(
    "other",
    [sure("happy", 0.8), sure("sad", 0.2), Judgement(reason="silence")],
    ids=["agrees", "unsure", "absent"],
)
def test_no_conflict(other: Judgement) -> None:
    assert not fusion.conflicts({"text": sure("happy"), "face": other})


def test_neutral_is_flat_unsure_and_in_no_conflict() -> None:
    rest = Judgement(spread(flatten_neutral({"sad": 0.1}, 0.9)), (), 0.5, word=NEUTRAL)
    assert rest.confidence < 0.15
    assert sum(rest.classes.values()) == pytest.approx(1)
    assert not fusion.conflicts({"text": sure("happy"), "face": rest})


def test_every_label_has_its_place() -> None:
    assert set(circumplex.VALENCE) == set(circumplex.AROUSAL) == set(LABELS)
    assert all(-1 <= v <= 1 for table in (circumplex.VALENCE, circumplex.AROUSAL) for v in table.values())


def test_judge_learns_and_comes_back_from_its_file(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    target = random.integers(0, 3, 600)
    features = (random.normal(0, 1, (600, 8)) + 2 * np.eye(3, 8)[target]).astype(np.float32)
    group, copy = np.arange(400) // 10, np.arange(400) % 10 > 7
    train, valid = Training(features[:400], target[:400], group, copy), Part(features[400:], target[400:])
    names = {"a": "a", "b": "b", "c": "c"}
    recipe = Recipe(hidden=16, members=1, epochs=8, rate=2e-2)
    judge = fit(train, ("a", "b", "c"), recipe, names, seed=3)
    probabilities = judge.probabilities(valid.features)
    assert macro_f1(probabilities.argmax(axis=1), valid.target) > 0.75
    assert judge.reliability > 0.6
    assert calibration_error(probabilities, valid.target) < 0.12
    judge.save(tmp_path / "j.safetensors")
    again = Judge.load(tmp_path / "j.safetensors")
    assert again.labels == judge.labels
    assert again.probabilities(valid.features) == pytest.approx(probabilities, abs=2e-2)
    same = fit(train, ("a", "b", "c"), recipe, names, seed=3)
    assert np.array_equal(same.w1, judge.w1)


def test_figures_leave_out_what_is_neutral_or_too_rare() -> None:
    eye = np.eye(3, dtype=np.float32)
    none = np.zeros((1, 1, 3), np.float32)
    judge = Judge(
        ("anger", "fear", "neutral"), eye[0] * 0, eye[0] * 0 + 1, eye[None], none, eye[None], none, 1, 0
    )
    rows = np.array([[1, 0, 0], [0, 1, 0], [0.6, 0, 1], [1, 0, 0.5]], np.float32)
    classes = {"anger": "angry", "fear": "fear", "neutral": NEUTRAL}
    figures = measure(judge, Part(rows, np.array([0, 1, 0, 2])), classes, frozenset({"anger", "neutral"}))
    assert figures["accuracy"] == 0.5
    # Anger is likeliest among what the contract knows, though neutral is likelier.
    assert (figures["n_7"], figures["accuracy_7"]) == (3, 1)
    assert (figures["n_usable"], figures["accuracy_usable"]) == (3, pytest.approx(1 / 3))


def test_missing_weights_say_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="make it with"):
        Judge.load(tmp_path / "none.safetensors")


def test_speech_is_found_between_pauses() -> None:
    silence = np.zeros(16000, np.float32)
    burst = samples.tone(1.0)
    spans = speech_spans(np.concatenate((silence, burst, silence, burst, silence)))
    assert [(round(s.start_s), round(s.end_s)) for s in spans] == [(1, 2), (3, 4)]


def silent(sound: np.ndarray) -> bool:
    listener = Listener([])
    listener.add(sound)
    listener.finish()
    return listener.silent


@pytest.mark.parametrize("samples_count", [0, 1, 100, 16000])
def test_nothing_is_no_speech(samples_count: int) -> None:
    nothing = np.zeros(samples_count, np.float32)
    assert not speech_spans(nothing)
    assert silent(nothing)


def test_steady_noise_is_no_speech() -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, 48000).astype(np.float32)
    assert not speech_spans(noise)
    assert not silent(noise)
