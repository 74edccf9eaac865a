"""What classifier and net together conclude, and what is done where one of them is missing."""

from pathlib import Path
from typing import Any

import pytest

from agents.safety.assessment import NET_CONFIDENCE, AssessmentData, assess, help_for
from agents.step import UtteranceData
from runtime.clients.in_process import InProcessTransport
from runtime.clients.transport import CallKey
from runtime.help_lines import countries
from runtime.safety import DANGERS
from runtime.settings import Settings
from tests.fakes import FakeSafety, broken

VEILED = "I have given the dog away for good."


class Case:
    """A scripted classifier behind a transport."""

    def __init__(self, settings: Settings) -> None:
        self.safety = FakeSafety(settings)
        self.transport = InProcessTransport({"safety": self.safety})

    async def of(self, *turns: str, country: str = "") -> AssessmentData:
        dialogue = [
            UtteranceData(role="listener" if place % 2 else "speaker", text=text)
            for place, text in enumerate(turns)
        ]
        return await assess(self.transport, CallKey("0" * 32, "assess"), dialogue, country)


@pytest.fixture
async def case(settings: Settings):
    made = Case(settings)
    await made.transport.start()
    yield made
    await made.transport.stop()


async def test_what_the_classifier_sees_counts(case: Case) -> None:
    case.safety.kinds = {VEILED: "self_harm"}
    found = (await case.of(VEILED)).danger
    assert found
    assert (found.kind, found.stage, found.seen_by) == ("self_harm", "first", "classifier")
    assert found.confidence == pytest.approx(0.9)


async def test_the_net_catches_what_the_classifier_lets_through(case: Case) -> None:
    found = (await case.of("I want to end my life")).danger
    assert found
    assert (found.kind, found.seen_by, found.confidence) == ("self_harm", "net", NET_CONFIDENCE)


async def test_small_talk_is_none(case: Case) -> None:
    assessment = await case.of("The tomatoes are ripe.")
    assert assessment.danger is None
    assert assessment.model
    assert not assessment.unreachable


async def test_in_doubt_the_person_is_asked(case: Case) -> None:
    case.safety.kinds = {"I can't do this.": "self_harm"}
    case.safety.shares = {"I can't do this.": 0.4}
    found = (await case.of("I can't do this.")).danger
    assert found
    assert found.stage == "doubt"


async def test_without_the_classifier_the_net_decides_and_says_so(case: Case) -> None:
    case.safety.failures = [broken("safety")] * 8
    assessment = await case.of("My boyfriend hit me.", "Are you safe now?", "lol forget it")
    assert assessment.danger
    assert (assessment.danger.kind, assessment.danger.stage) == ("harm_from_others", "taken_back")
    assert assessment.model is None
    assert "down" in assessment.unreachable


async def test_a_disclosure_is_remembered_for_two_messages(case: Case) -> None:
    talk = ["I want to end my life", "Thank you for telling me. Tonight?", "Yes, tonight."]
    case.safety.stages = {"Yes, tonight.": "ongoing", "Nice weather.": "ongoing"}
    found = (await case.of(*talk)).danger
    assert found
    assert (found.kind, found.stage, found.seen_by) == ("self_harm", "ongoing", "history")
    found = (await case.of(*talk, "Who is with you?", "Nice weather.")).danger
    assert found
    assert found.seen_by == "history"
    third = await case.of(*talk, "Who is with you?", "Nice weather.", "It is.", "What shall I cook?")
    assert third.danger is None


async def test_a_second_disclosure_is_no_first(case: Case) -> None:
    case.safety.stages = {"I'm going to kill myself.": "first"}
    found = (await case.of("I want to end my life", "Are you alone?", "I'm going to kill myself.")).danger
    assert found
    assert found.stage != "first"
    assert found.seen_by == "net"


async def test_help_is_that_of_the_country(case: Case) -> None:
    found = (await case.of("I want to end my life", country="gb")).danger
    assert found
    assert found.country == "GB"
    assert found.help[0].category == "suicide"
    assert all(line.number for line in found.help)
    found = (await case.of("I want to end my life", country="ZZ")).danger
    assert found
    assert found.country == ""
    assert not any(line.number for line in found.help)


async def test_lines_in_a_row_are_one_message(case: Case) -> None:
    said = [
        UtteranceData(role="speaker", text=text) for text in ("I want to end my life", "hello?", "ok", "?")
    ]
    assessment = await assess(case.transport, CallKey("0" * 32, "assess"), said)
    assert assessment.danger
    assert (assessment.danger.stage, assessment.danger.utterance) == ("first", 3)


async def test_after_a_disclosure_less_is_needed_to_speak_of_it(case: Case) -> None:
    talk = ["I want to end my life", "Are you alone?", "The door is locked."]
    case.safety.stages = {talk[-1]: "ongoing"}
    case.safety.shares = {talk[-1]: 0.2}
    found = (await case.of(*talk)).danger
    assert found
    assert (found.seen_by, found.utterance) == ("classifier", 0)
    case.safety.shares = {talk[-1]: 0.05}
    found = (await case.of(*talk)).danger
    assert found
    assert found.seen_by == "history"


async def test_a_plain_statement_tells_the_kind(case: Case) -> None:
    text = "My father is not breathing."
    case.safety.kinds = {text: "other_at_risk"}
    found = (await case.of(text)).danger
    assert found
    assert (found.kind, found.seen_by) == ("medical", "both")


@pytest.mark.parametrize(("told", "kind"), [("medical", "medical"), ("harm_from_others", "self_harm")])
async def test_what_follows_goes_on_unless_it_can_not_wait(case: Case, told: str, kind: str) -> None:
    case.safety.kinds = {"My arm feels odd.": told}
    found = (await case.of("I want to end my life", "Tell me more?", "My arm feels odd.")).danger
    assert found
    assert found.kind == kind


async def test_the_language_is_that_of_the_whole_message(case: Case) -> None:
    seizure = "my daughter is on the kitchen floor and has convulsions, please help me"
    case.safety.kinds = {seizure: "medical"}
    for text, language in ((seizure, "en"), ("je veux mourir", "fr")):
        found = (await case.of(text)).danger
        assert found
        assert found.language == language


@pytest.mark.parametrize("fault", ["label", "thresholds", "empty"])
async def test_an_answer_against_the_contract_is_none(case: Case, fault: str, monkeypatch: Any) -> None:
    assess_well = case.safety.assess

    async def assess_badly(request: Any, call: Any) -> Any:
        response = await assess_well(request, call)
        for one in response.assessments:
            if fault == "label":
                one.kinds.entries[0].label = "weather"
            elif fault == "thresholds":
                one.ClearField("ask_from")
            else:
                one.ClearField("kinds")
        return response

    monkeypatch.setattr(case.safety, "assess", assess_badly)
    assessment = await case.of("I want to end my life")
    assert assessment.danger
    assert assessment.danger.seen_by == "net"
    assert assessment.model is None
    assert "safety service" in assessment.unreachable


async def test_an_unreadable_file_of_lines_leaves_general_words(case: Case, tmp_path: Path) -> None:
    said = [UtteranceData(role="speaker", text="I want to end my life")]
    key = CallKey("0" * 32, "assess")
    found = (await assess(case.transport, key, said, "GB", tmp_path / "none.yaml")).danger
    assert found
    assert not any(line.number for line in found.help)


def test_for_somebody_who_is_beaten_help_is_against_violence() -> None:
    assert help_for("other_at_risk", "GB")[0].category == "suicide"
    assert help_for("other_at_risk", "GB", by_others=True)[0].category == "violence"


@pytest.mark.parametrize("kind", DANGERS)
def test_every_danger_has_help_everywhere(kind: str) -> None:
    for code in ("", *countries()):
        lines = help_for(kind, code)
        assert lines
        assert any(line.category == "emergency" for line in lines)
