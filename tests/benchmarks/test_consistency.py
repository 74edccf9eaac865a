"""The measures of consistency on made-up signals, replies and scripted services."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.step import UtteranceData
from benchmarks.agreement import correlation, heard, similarity, words
from benchmarks.av_offset import lip_opening, offset
from benchmarks.chains import Sample
from benchmarks.consistency import evaluate
from benchmarks.consistency_figures import Measure, summary
from benchmarks.reply_media import same
from runtime.settings import Settings
from tests.fakes import FakeSystem

RATE = 16_000
TIMES = np.arange(100) / 25


def test_words_are_aligned_with_the_fewest_edits() -> None:
    said = words("I'm so sorry, that’s hard.")
    assert said == ["i'm", "so", "sorry", "that's", "hard"]
    assert heard(said, said) == (0, 5)
    assert heard(said, []) == (5, 0)
    assert heard(said, words("I'm sorry that is hard")) == (3, 3)
    assert heard([], ["noise"]) == (1, 0)


def test_similarity_is_one_for_the_same_and_none_for_strangers() -> None:
    assert similarity({"sad": 0.7, "happy": 0.3}, {"happy": 0.3, "sad": 0.7}) == pytest.approx(1)
    assert similarity({"sad": 1.0}, {"happy": 1.0}) == pytest.approx(0)
    assert similarity({"sad": 1.0}, {"sad": 0.5, "happy": 0.5}) == pytest.approx(0.6887, abs=1e-4)


def test_correlation_of_what_never_changes_is_unknown() -> None:
    assert correlation([1, 2, 3], [2, 4, 6]) == pytest.approx(1)
    assert correlation([1, 2, 3], [5, 5, 5]) is None


def _speech(late_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Lips that open and close irregularly, and a tone as loud as they are open, `late_s` after them."""

    def opening(time: np.ndarray) -> np.ndarray:
        return np.maximum(0, np.sin(2 * np.pi * 2.1 * time) + 0.7 * np.sin(2 * np.pi * 3.7 * time + 1))

    clock = np.arange(4 * RATE) / RATE
    return opening(TIMES), opening(clock - late_s) * np.sin(2 * np.pi * 1000 * clock)


@pytest.mark.parametrize("late_ms", [-150, -40, 0, 60, 200])
def test_offset_is_positive_where_the_sound_is_early(late_ms: int) -> None:
    lips, sound = _speech(late_ms / 1000)
    found = offset(TIMES, lips, sound, RATE)
    assert found is not None
    assert found.ms == pytest.approx(-late_ms, abs=10)
    assert found.correlation > 0.9


def test_no_offset_without_a_voice_or_beyond_the_search() -> None:
    lips, sound = _speech(0)
    assert offset(TIMES, lips, np.zeros_like(sound), RATE) is None
    assert offset(TIMES, np.zeros_like(lips), sound, RATE) is None


def test_no_lips_without_a_face() -> None:
    assert lip_opening([np.full((120, 120), 90, np.uint8)] * 6) is None


def test_same_sound_is_found_when_shifted() -> None:
    noise = np.random.default_rng(1).normal(size=RATE)
    later = np.concatenate([np.zeros(160), 0.5 * noise])
    fit, shift = same(noise, later, RATE)
    assert fit == pytest.approx(1, abs=0.01)
    assert shift == pytest.approx(0.01)
    assert same(noise, np.random.default_rng(2).normal(size=RATE), RATE)[0] < 0.1
    assert same(noise, np.zeros(RATE), RATE) == (0, 0)


def _reply(**changes: Any) -> dict[str, Any]:
    sad = {"sad": 0.6, "happy": 0.4}
    whole = {
        "text": "I am so sorry",
        "felt": "sad",
        "found": "sad",
        "intended": "sad",
        "intensity": 0.5,
        "controls": {"rate": -0.2},
        "unmeasured": {},
        "speech": sad,
        "face": sad,
        "edits": 1,
        "hits": 3,
        "traits": {"letters_per_s": 12.0},
        "same_sound": 0.99,
        "longer_s": 0.3,
        "offset_ms": 0.0,
    }
    return whole | changes


def _named(replies: list[dict[str, Any]]) -> dict[str, Measure]:
    return {measure.name: measure for measure in summary(replies)}


def test_summary_of_replies_that_agree() -> None:
    found = _named([_reply(), _reply(offset_ms=100.0)])
    assert found["word_error_rate"].value == 0.25
    assert found["word_error_rate"].beside == {"words_heard": 0.75}
    assert found["offset_p50"].value == 50
    assert found["content_agrees"].value == 0.5
    assert found["speech_class"].value == found["style_agrees"].value == 1
    assert found["similarity"].beside == {"of_strangers": found["similarity"].value}
    assert found["suits_the_person"].value == 1


def test_summary_says_what_is_missing_and_why() -> None:
    lost = _reply(intended="neutral", unmeasured={"speech": "silence", "offset": "no face found"})
    for key in ("speech", "edits", "hits", "offset_ms"):
        del lost[key]
    found = _named([_reply(), lost])
    assert found["word_error_rate"].n == 1
    assert found["speech_class"].unmeasured == {"silence": 1}
    assert found["face_class"].unmeasured == {"meant to be neutral, which is no class": 1}
    assert found["offset_p50"].unmeasured == {"no face found": 1}
    assert found["voice_followed"].value is None
    assert found["similarity"].beside == {"of_strangers": None}
    assert all(measure.value is None for measure in summary([]))


def test_controls_are_followed_where_the_voice_moves_with_them() -> None:
    rates = (-0.2, -0.1, 0.0, 0.1)
    replies = [_reply(controls={"rate": r}, traits={"letters_per_s": 12 + 10 * r}) for r in rates]
    replies.append(_reply(controls={"rate": 0.2}, traits={"letters_per_s": math.nan}))
    found = _named(replies)["voice_followed"]
    assert found.value == pytest.approx(1)
    assert found.n == 4


def test_anger_met_with_anger_does_not_suit() -> None:
    found = _named(
        [_reply(felt="angry", found="angry", intended="angry"), _reply(felt="angry", found="fear")]
    )
    assert found["suits_the_person"].value == 0.5
    assert found["suits_the_person"].beside == {"as_found": 0.5}


async def test_a_run_keeps_replies_and_goes_on_from_them(settings: Settings, tmp_path: Path) -> None:
    asked: list[int] = []

    async def respond(sample: Sample, seed: int, place: Path) -> None:
        asked.append(seed)
        style = {"emotion": "sad", "intensity": 0.5, "voice": {"rate": -0.2}, "face": {}}
        reply = {"text": "I am sorry.", "emotion": {"class": "sad"}, "style": style}
        (place / "reply.json").write_text(json.dumps(reply | {"speech": None, "video": None}))

    drawn = [Sample("sad", [UtteranceData(role="speaker", text=text)]) for text in ("My dog died.", "I cry.")]
    transport = FakeSystem(settings).transport()
    first = await evaluate(transport, drawn[:1], tmp_path, respond, lambda done: None)
    result = await evaluate(transport, drawn, tmp_path, respond, lambda done: None)
    assert asked == [1, 2]
    assert result["n"] == 2
    assert result["replies"][0] == first["replies"][0]
    assert result["measures"][0]["unmeasured"] == {"was not made": 2}
    json.dumps(result)
