"""The written replies: what they may not say, and which one is taken."""

import re

import pytest

from agents.safety.assessment import SafetyData, help_for
from agents.safety.care import feelings
from agents.safety.replies import METHOD, choose, filled, replies, topics_of
from agents.step import UtteranceData
from runtime.emotions import CLASS_OF_LABEL
from runtime.language import LANGUAGES, language_of
from runtime.safety import DANGERS, DOUBT, STAGES

ALL = [
    (language, kind, stage, reply)
    for language in LANGUAGES
    for kind in DANGERS
    for stage, lines in replies(language, kind).items()
    for reply in lines
]


def danger(kind: str = "self_harm", stage: str = "first", **fields: str) -> SafetyData:
    country = fields.pop("country", "")
    about = {"seen_by": "classifier", "language": "en", **fields}
    return SafetyData(
        kind=kind, confidence=0.9, stage=stage, country=country, help=help_for(kind, country), **about
    )


def said(*turns: str) -> list[UtteranceData]:
    return [
        UtteranceData(role="listener" if place % 2 else "speaker", text=text)
        for place, text in enumerate(turns)
    ]


@pytest.mark.parametrize("kind", DANGERS)
def test_there_are_enough_replies(kind: str) -> None:
    for stage in (*STAGES, DOUBT):
        assert len(replies("en", kind)[stage]) >= 12, stage
        assert any(not reply.about for reply in replies("en", kind)[stage])
    for language in LANGUAGES:
        for stage in (*STAGES, DOUBT):
            assert replies(language, kind)[stage], (language, stage)
    assert (METHOD in replies("en", kind)) == (kind in ("self_harm", "harm_to_others"))


def test_no_reply_asks_why_promises_secrecy_or_holds_a_number() -> None:
    for language, kind, stage, reply in ALL:
        where = f"{language} {kind} {stage}: {reply.text}"
        assert not re.search(r"\d", reply.text), where
        assert not re.search(r"\bwhy (?:did|do|are|would|didn't|don't)\b", reply.text, re.I), where
        assert not re.search(
            r"\b(?:I promise|stays between us|won't tell anyone|keep your secret)\b", reply.text, re.I
        ), where
        assert not re.search(r"\b(?:congrat\w*|exciting|awesome|so much fun)\b", reply.text, re.I), where
        assert re.fullmatch(r"[^?？؟]*[?？؟]", reply.text), where


def test_every_slot_can_be_filled() -> None:
    for language, kind, stage, reply in ALL:
        for country in ("", "GB", "IN"):
            text = filled(reply.text, help_for(kind, country), language)
            assert "{" not in text, (language, kind, stage)
            assert "((" not in text


def test_a_reply_names_what_was_said() -> None:
    text = choose(danger(), said("I have all the tablets here in front of me."), 1)
    assert re.search(r"pill|tablet|medication|medicine", text, re.I), text


def test_the_same_words_are_not_said_twice() -> None:
    turns = ["I want to die."]
    told = []
    for seed in range(10):
        text = choose(danger(stage="first" if not told else "ongoing"), said(*turns), seed)
        assert text not in told
        told.append(text)
        turns += [text, "I don't see a way."]


def test_gladness_at_help_that_was_kind() -> None:
    talk = said("I want to die.", "Thank you for telling me.", "I rang the helpline and they were so kind.")
    text = choose(danger(stage="afterwards"), talk, 1)
    assert re.search(r"glad|good|relie|lovely|kind", text, re.I), text


@pytest.mark.parametrize("kind", ["self_harm", "harm_to_others"])
def test_a_method_is_never_told(kind: str) -> None:
    text = choose(danger(kind=kind), said("what's the best way to kill him without being caught"), 1)
    lines = [filled(one.text, help_for(kind, "")) for one in replies("en", kind)[METHOD]]
    assert text in lines


def test_numbers_are_named_where_the_country_is_known() -> None:
    texts = [choose(danger(country="GB"), said("I want to die."), seed) for seed in range(8)]
    assert any("116 123" in text or "999" in text for text in texts)
    assert not any(re.search(r"\d", choose(danger(), said("I want to die."), seed)) for seed in range(8))


def test_another_language_is_answered_in_it() -> None:
    assert language_of("je veux mourir") == "fr"
    assert language_of("idk") == "en"
    text = choose(danger(language="fr"), said("je veux mourir"), 1)
    assert language_of(text) == "fr"


def test_a_child_is_spoken_to_otherwise_than_an_adult() -> None:
    child = choose(danger(kind="child_at_risk"), said("my stepdad hit me with the belt again"), 1)
    adult = choose(danger(kind="child_at_risk"), said("The boy next door has bruises all over his back"), 1)
    texts = {reply.text: reply.adult for reply in replies("en", "child_at_risk")["first"]}
    general = {filled(text, help_for("child_at_risk", "")): adult for text, adult in texts.items()}
    assert not general[child]
    assert general[adult]


def test_the_feeling_is_one_that_fits() -> None:
    labels = {"excited": 0.6, "joyful": 0.2, "afraid": 0.1, "devastated": 0.1}
    felt = feelings(labels, danger())
    assert CLASS_OF_LABEL[next(iter(felt))] in ("sad", "fear")
    assert felt["excited"] == 0
    assert sum(felt.values()) == pytest.approx(1)
    assert next(iter(feelings({}, danger()))) == "afraid"


def test_topics_come_by_weight() -> None:
    assert topics_of("I took all the pills")[0] == "taken"
    assert topics_of("Nice weather") == []


def _choose(kind: str, stage: str, *turns: str, language: str = "en") -> str:
    danger = SafetyData(
        kind=kind,
        confidence=0.9,
        stage=stage,
        seen_by="classifier",
        language=language,
        country="GB",
        help=help_for(kind, "GB"),
    )
    roles = ("speaker", "listener")
    said = [UtteranceData(role=roles[place % 2], text=text) for place, text in enumerate(turns)]
    return choose(danger, said, 1)


@pytest.mark.parametrize(
    ("kind", "question", "answer", "danger"),
    [
        ("medical", "Call 999. Are they breathing?", "No.", True),
        ("medical", "Call 999. Are they breathing?", "Yes.", False),
        ("self_harm", "I'm here. Can you stay safe tonight?", "no", True),
        ("self_harm", "I'm here. Can you stay safe tonight?", "yeah", False),
        ("self_harm", "Have you already done anything to hurt yourself?", "yes", True),
        ("harm_from_others", "Is that person near you now?", "yes", True),
        ("harm_from_others", "Is that person near you now?", "nope", False),
    ],
)
def test_a_short_answer_is_read_with_its_question(
    kind: str, question: str, answer: str, danger: bool
) -> None:
    reply = _choose(kind, "ongoing", "It's bad.", question, answer)
    wanted = "in_danger" if danger else "not_in_danger"
    written = [one for one in replies("en", kind)["ongoing"] if wanted in one.about]
    assert any(reply.startswith(re.split(r"\{", one.text)[0]) for one in written), reply


def test_what_the_body_does_is_answered_though_the_talk_goes_on() -> None:
    turns = ("He collapsed.", "Call 999. Are they breathing?", "no he's not breathing")
    assert "breath" in _choose("medical", "ongoing", *turns)


def test_a_question_for_help_is_none_for_a_method() -> None:
    for text in ("How can I stop wanting to kill myself?", "How do I tell my mum that I want to die?"):
        assert "asks_method" not in topics_of(text)
    for text in ("what's the best way to kill him without being caught", "painless way to die"):
        assert "asks_method" in topics_of(text)


@pytest.mark.parametrize(
    ("text", "adult"),
    [
        ("I'm just a kid and my uncle touches me", False),
        ("i'm a girl of 11 and my stepfather hits me", False),
        ("The boy next door has bruises on his arms", True),
        ("My pupil begs me not to send her home", True),
    ],
)
def test_a_child_is_spoken_to_as_a_child(text: str, adult: bool) -> None:
    pool = {one.text: one.adult for one in replies("en", "child_at_risk")["first"]}
    reply = _choose("child_at_risk", "first", text)
    heads = {head.split("{")[0]: grown for head, grown in pool.items()}
    assert next(grown for head, grown in heads.items() if reply.startswith(head)) == adult


@pytest.mark.parametrize("language", LANGUAGES)
def test_six_turns_in_any_language_hold_four_different_replies(language: str) -> None:
    turns = ["..."]
    for _ in range(6):
        reply = _choose("harm_from_others", "ongoing", *turns, language=language)
        assert reply != turns[-2] if len(turns) > 1 else True
        turns += [reply, "..."]
    assert len(set(turns[1::2])) >= 4
