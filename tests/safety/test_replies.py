"""The written replies: what they may not say, and which one is taken."""

import re
from collections.abc import Iterator, Sequence

import pytest

from agents.safety.assessment import HelpData, SafetyData, help_for
from agents.safety.care import conclude, feelings
from agents.safety.replies import (
    ANSWERS,
    ANYTIME,
    METHOD,
    WrittenReply,
    choose,
    filled,
    replies,
    topics_of,
)
from agents.step import StepContext, UtteranceData
from runtime.clients.in_process import InProcessTransport
from runtime.emotions import CLASS_OF_LABEL
from runtime.help_lines import countries
from runtime.language import LANGUAGES, language_of
from runtime.safety import DANGERS, DOUBT, STAGES

ALL = [
    (language, kind, stage, reply)
    for language in LANGUAGES
    for kind in DANGERS
    for stage, lines in replies(language, kind).items()
    for reply in lines
]
TELLS_OF_CHILD = {
    "en": "The boy next door has bruises all over his back",
    "es": "Al niño de al lado le pegan",
    "fr": "L'enfant des voisins est battu",
    "de": "Das Kind nebenan wird geschlagen",
    "pt": "A criança do vizinho apanha",
    "it": "Il bambino del vicino viene picchiato",
    "pl": "Dziecko sąsiadów jest bite",
    "tr": "Komşu çocuğunu dövüyor",
    "ar": "الطفل عند الجيران يضرب كل يوم",
    "hi": "पड़ोसी बच्चे को मारता है",
    "zh": "邻居的孩子被打",
}
IS_CHILD = {
    "en": "my stepdad hit me with the belt again",
    "es": "mi papá me pega",
    "fr": "mon père me bat",
    "de": "mein Vater schlägt mich",
    "pt": "meu padrasto bate em mim",
    "it": "mio padre mi picchia",
    "pl": "tata mnie bije",
    "tr": "babam beni dövüyor",
    "ar": "أبي يضربني",
    "hi": "पापा मुझे मारते हैं",
    "zh": "爸爸打我",
}


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


def written(text: str, kind: str, language: str = "en") -> WrittenReply:
    """The reply that a text was made from."""
    return next(
        reply
        for of, stages in ((of, replies(language, of)) for of in (kind, *DANGERS))
        for pool in stages.values()
        for reply in pool
        if filled(reply.text, help_for(kind, ""), language) == text
    )


def answered(reply: WrittenReply, kind: str, answer: str, stage: str = "ongoing") -> WrittenReply:
    """What is replied to an answer to the closing question of a reply."""
    opening = TELLS_OF_CHILD["en"] if reply.adult else "Something happened."
    text = filled(reply.text, help_for(kind, ""))
    return written(choose(danger(kind, stage), said(opening, text, answer), 1), kind)


def sentences(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"(?<=[.!?。！？؟।])", text) if part.strip()]


def asking() -> Iterator[tuple[str, WrittenReply]]:
    for kind in DANGERS:
        for lines in replies("en", kind).values():
            yield from ((kind, reply) for reply in lines if reply.asks)


@pytest.mark.parametrize("kind", DANGERS)
def test_there_are_enough_replies(kind: str) -> None:
    for stage in (*STAGES, DOUBT):
        assert len(replies("en", kind)[stage]) >= 12, stage
        assert any(not reply.about for reply in replies("en", kind)[stage])
    for language in LANGUAGES:
        assert len(replies(language, kind)[ANYTIME]) >= 3
        for stage in (*STAGES, DOUBT):
            assert len(replies(language, kind)[stage]) >= 3, (language, stage)
    assert (METHOD in replies("en", kind)) == (kind in ("self_harm", "harm_to_others"))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("told", ["plainly", "by an adult of a child"])
def test_six_turns_at_one_stage_repeat_no_sentence(language: str, told: str) -> None:
    adult = told != "plainly"
    for kind in ["child_at_risk"] if adult else DANGERS:
        for stage in (*STAGES, DOUBT):
            turns = [TELLS_OF_CHILD[language] if adult else "It rained."]
            heard: list[str] = []
            for seed in range(6):
                text = choose(danger(kind, stage, language=language), said(*turns), seed)
                heard += sentences(text)
                turns += [text, "It rained again."]
            assert len(heard) == len(set(heard)), (kind, stage, sorted(heard))


def test_no_reply_asks_why_promises_secrecy_or_holds_a_number() -> None:
    why = {
        "en": r"\bwhy (?:did|do|are|would|didn't|don't)\b",
        "es": r"\bpor qué\b",
        "fr": r"\bpourquoi\b",
        "de": r"\b(?:warum|wieso|weshalb)\b",
        "pt": r"\bpor qu[eê]\b",
        "it": r"\bperché [^.]*\?",
        "pl": r"\bdlaczego\b",
        "tr": r"\b(?:neden|niye|niçin)\b",
        "ar": r"لماذا|ليش|\bليه\b",
        "hi": r"क्यों",
        "zh": r"为什么|為什麼",
    }
    secrecy = {
        "en": r"\b(?:I promise|stays between us|won't tell anyone|keep your secret)\b",
        "es": r"\b(?:prometo|entre nosotros|secreto)\b",
        "fr": r"\b(?:promets|entre nous|secret)\b",
        "de": r"\b(?:verspreche|unter uns|geheim\w*)\b",
        "pt": r"\b(?:prometo|entre nós|segredo)\b",
        "it": r"\b(?:prometto|fra noi|tra noi|segreto)\b",
        "pl": r"\b(?:obiecuję|między nami|tajemnic\w*)\b",
        "tr": r"\b(?:söz veriyorum|aramızda|sır)\b",
        "ar": r"أعدك|بيننا|سر بين",
        "hi": r"वादा|हमारे बीच|राज़",
        "zh": r"保证|我们之间|秘密",
    }
    for language, kind, stage, reply in ALL:
        where = f"{language} {kind} {stage}: {reply.text}"
        assert not re.search(r"\d", reply.text), where
        assert not re.search(why[language], reply.text, re.I), where
        assert not re.search(secrecy[language], reply.text, re.I), where
        assert not re.search(r"\b(?:congrat\w*|exciting|awesome|so much fun)\b", reply.text, re.I), where


def test_every_reply_ends_with_its_one_question() -> None:
    for language, kind, stage, reply in ALL:
        where = f"{language} {kind} {stage}: {reply.text}"
        assert len(re.findall(r"[?？؟]", reply.text)) == 1, where
        assert re.search(r"[?？؟]$", reply.text), where


def test_no_reply_stands_twice() -> None:
    for language in LANGUAGES:
        for kind in DANGERS:
            texts = [reply.text for lines in replies(language, kind).values() for reply in lines]
            assert len(texts) == len(set(texts)), (language, kind)


def test_every_slot_reads_well_with_and_without_a_country() -> None:
    for language, kind, stage, reply in ALL:
        where = f"{language} {kind} {stage}: {reply.text}"
        # General words begin with a small letter: no sentence may begin with them.
        assert not re.search(r"(?:^|[.!?。！？؟।]\s*)\{", reply.text), where
        assert kind != "medical" or "{line}" not in reply.text, where
        for country in ("", "GB", "IN"):
            text = filled(reply.text, help_for(kind, country), language)
            assert "{" not in text, where
            assert "((" not in text, where
        assert not re.search(r"\d", filled(reply.text, help_for(kind, ""), language)), where


def test_in_general_words_the_line_is_the_one_that_is_shown() -> None:
    for kind in DANGERS:
        first = next((line for line in help_for(kind, "") if line.category != "emergency"), None)
        if first:
            assert filled("{line}", help_for(kind, "")) == first.name
    spoken = {filled("{line}", help_for(kind, ""), "de") for kind in DANGERS if kind != "medical"}
    assert spoken == {
        "eine Krisenhotline in deinem Land",
        "ein Hilfetelefon bei Gewalt in deinem Land",
        "ein Kinder- und Jugendtelefon in deinem Land",
    }


def test_a_line_is_named_as_one_says_it() -> None:
    emergency = HelpData(name="All emergencies", number="112", category="emergency")
    unnamed = HelpData(name="Crisis line", number="1411", category="suicide")
    named = HelpData(name="National Help (day and night)", number="1234", category="suicide")
    assert (
        filled("Call {line}, or {emergency}.", [unnamed, emergency]) == "Call the crisis line (1411), or 112."
    )
    assert filled("appelez {line}", [unnamed, emergency], "fr") == "appelez une ligne d'écoute (1411)"
    assert filled("Call {line}.", [emergency, named]) == "Call the National Help (1234)."
    assert filled("Call {line}.", [emergency]) == "Call 112."
    assert any(line.name == "Crisis line" for known in countries().values() for line in known.suicide)


def test_one_number_is_not_offered_as_two() -> None:
    alone = SafetyData(
        kind="harm_from_others",
        confidence=0.9,
        stage="first",
        seen_by="net",
        language="en",
        country="XX",
        help=[HelpData(name="All emergencies", number="112", category="emergency")],
    )
    texts = [choose(alone, said("I am afraid of him."), seed) for seed in range(12)]
    assert all(text.count("112") <= 1 for text in texts), texts


def test_a_reply_names_what_was_said() -> None:
    text = choose(danger(), said("I have all the tablets here in front of me."), 1)
    assert re.search(r"pill|tablet|medication|medicine", text, re.I), text


def test_a_reply_that_was_broken_off_is_not_begun_again() -> None:
    opening = "I can't go on."
    first = choose(danger(), said(opening), 1)
    heard = " ".join(first.split()[:12]).rstrip(".,")
    for seed in range(200):
        assert choose(danger(), said(opening, heard, "hello"), seed) != first


def test_where_everything_was_said_the_talk_goes_on() -> None:
    turns, told = ["Ich kann nicht mehr."], []
    for seed in range(20):
        told.append(choose(danger(stage="doubt", language="de"), said(*turns), seed))
        turns += [told[-1], "Ja."]
    assert len(set(told)) >= 6
    assert max(map(told.count, told)) <= 20 // len(set(told)) + 1


def test_an_answer_is_read_by_its_question() -> None:
    wrong = {
        "is_safe": {"is_not_safe"},
        "is_not_safe": {"is_safe", "will_do", "not_alone"},
        "will_do": {"wont_do", "is_not_safe"},
        "wont_do": {"will_do", "is_safe"},
        "not_alone": {"alone"},
        "alone": {"not_alone"},
    }
    asked = list(asking())
    assert len(asked) > 250
    for kind, reply in asked:
        for answer, meant in zip(("Yes.", "no"), ANSWERS[reply.asks], strict=True):
            about = answered(reply, kind, answer).about
            assert not about & wrong[meant], (kind, reply.text, answer)
            if meant in ("is_safe", "is_not_safe"):
                assert meant in about, (kind, reply.text, answer)


@pytest.mark.parametrize(
    ("kind", "question", "answer", "expected"),
    [
        ("medical", "Are they breathing?", "No.", r"call now"),
        ("medical", "Are they breathing?", "no he's not breathing", r"about breathing|isn't breathing"),
        (
            "harm_to_others",
            "Is that person breathing and awake?",
            "No.",
            r"doesn't answer|in danger this minute",
        ),
        ("self_harm", "Can you stay safe for the next hour?", "no", r"emergency number"),
        ("self_harm", "Are you somewhere safe at this moment?", "Yes.", r"relief|glad|Good"),
        ("harm_from_others", "Are you safe where you are right now?", "yes i am", r"relieved|Good"),
        ("harm_from_others", "Is that person near you now?", "yeah", r"other people|may start again"),
        ("self_harm", "Are you calling?", "nope", r"emergency number"),
        ("self_harm", "Are you safe right now?", "maybe", r"emergency number"),
    ],
)
def test_short_answers(kind: str, question: str, answer: str, expected: str) -> None:
    reply = next(
        one for lines in replies("en", kind).values() for one in lines if one.text.endswith(f" {question}")
    )
    text = answered(reply, kind, answer).text.replace("{emergency}", "your local emergency number")
    assert re.search(expected, text), text


def test_after_an_open_question_yes_and_no_tell_nothing() -> None:
    told = "I'm listening. What is the hardest part right now?"
    for answer in ("Yes.", "No.", "maybe"):
        text = choose(danger(stage="ongoing", seen_by="history"), said("I want to die.", told, answer), 3)
        assert not written(text, "self_harm").about


@pytest.mark.parametrize(
    ("kind", "stage", "then"),
    [
        ("child_at_risk", "taken_back", "ongoing"),
        ("self_harm", "afterwards", "ongoing"),
        ("self_harm", "doubt", "first"),
    ],
)
def test_a_danger_that_is_affirmed_is_not_let_rest(kind: str, stage: str, then: str) -> None:
    asking_back = (one for one in replies("en", kind)[stage] if one.asks == "danger" and not one.adult)
    found = answered(next(asking_back), kind, "Yes.", stage)
    assert found in replies("en", kind)[then], found.text


def test_gladness_at_help_that_was_kind() -> None:
    talk = said("I want to die.", "Thank you for telling me.", "I rang the helpline and they were so kind.")
    for stage in ("ongoing", "afterwards"):
        assert "line_good" in written(choose(danger(stage=stage), talk, 1), "self_harm").about


@pytest.mark.parametrize("kind", ["child_at_risk", "harm_from_others"])
@pytest.mark.parametrize("stage", ["ongoing", "afterwards"])
@pytest.mark.parametrize("newest", ["he's home now", "he's coming", "my dad is here", "he is here"])
def test_whoever_is_near_may_be_who_hurts_them(kind: str, stage: str, newest: str) -> None:
    talk = said("My stepdad hits me.", "I believe you. Where are you?", newest)
    for seed in range(6):
        text = choose(danger(kind, stage), talk, seed)
        if written(text, kind).about:
            assert re.search(r"If it's the (?:one|person) you're (?:scared|afraid) of|be safe first", text), (
                text
            )


@pytest.mark.parametrize("kind", ["self_harm", "harm_to_others"])
def test_a_method_is_never_told(kind: str) -> None:
    text = choose(danger(kind=kind), said("what's the best way to kill him without being caught"), 1)
    lines = [filled(one.text, help_for(kind, "")) for one in replies("en", kind)[METHOD]]
    assert text in lines


@pytest.mark.parametrize(
    "asked",
    [
        "How can I stop wanting to kill myself?",
        "How do I tell my mum that I want to die?",
        "How much longer do I have to hurt like this? I want to die",
        "what would be the best way to stop wanting to die",
        "How many times do I have to say that I want to die?",
    ],
)
def test_who_asks_for_help_is_not_refused(asked: str) -> None:
    assert "asks_method" not in topics_of(asked)


@pytest.mark.parametrize(
    "asked", ["how many of these does it take to never wake up", "painless way to die", "best way to end it"]
)
def test_how_a_method_is_asked_for(asked: str) -> None:
    assert topics_of(asked)[0] == "asks_method"
    relieved = choose(danger(stage="afterwards"), said("I want to die.", "I hear you.", asked), 1)
    assert written(relieved, "self_harm") not in replies("en", "self_harm")[METHOD]


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("I can't hang on any longer", "rope"),
        ("I'm on edge", "height"),
        ("I've lost my will to live", "goodbye"),
        ("It hurts so much that he left", "pain"),
        ("People keep telling me to cheer up", "voices"),
        ("my daughter is unconscious and not breathing", "baby"),
        ("he was so nice to me at first", "line_good"),
        ("I was busy", "line_bad"),
        ("the police didn't believe me", "help_came"),
        ("please no police", "help_came"),
        ("I don't want to go to hospital", "help_came"),
        ("The police are here to take my kids", "help_came"),
        ("he told my mum I'm crazy", "told"),
        ("I never told my mum", "told"),
        ("he's home now", "someone_here"),
        ("please tell me what to do", "dont_tell"),
        ("I hate school", "kids"),
    ],
)
def test_what_a_message_does_not_speak_of(text: str, topic: str) -> None:
    assert topic not in topics_of(text)


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("I want to hang myself", "rope"),
        ("I'm standing at the edge of the roof", "height"),
        ("I have written my will", "goodbye"),
        ("the doctor says the cancer is back", "pain"),
        ("the voices tell me to do it", "voices"),
        ("my wife is bleeding heavily, our children are at school", "bleeding"),
        ("I rang the number and the woman was lovely", "line_good"),
        ("i rang the line and nobody answered", "line_bad"),
        ("they're here with the stretcher", "help_came"),
        ("we went to the police", "help_came"),
        ("I told my teacher", "told"),
        ("my sister is here", "someone_here"),
        ("he's in the next room", "cant_talk"),
        ("please don't tell anybody", "dont_tell"),
        ("did i do something wrong", "my_fault"),
        ("she says sorry every time", "apologised"),
    ],
)
def test_what_a_message_speaks_of(text: str, topic: str) -> None:
    assert topic in topics_of(text)


def test_numbers_are_named_where_the_country_is_known() -> None:
    texts = [choose(danger(country="GB"), said("I want to die."), seed) for seed in range(8)]
    assert any("116 123" in text or "999" in text for text in texts)
    assert not any(re.search(r"\d", choose(danger(), said("I want to die."), seed)) for seed in range(8))


def test_another_language_is_answered_in_it() -> None:
    assert language_of("je veux mourir") == "fr"
    assert language_of("idk") == "en"
    text = choose(danger(language="fr"), said("je veux mourir"), 1)
    assert language_of(text) == "fr"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_child_is_spoken_to_otherwise_than_an_adult(language: str) -> None:
    case = danger(kind="child_at_risk", language=language)
    child = written(choose(case, said(IS_CHILD[language]), 1), "child_at_risk", language)
    adult = written(choose(case, said(TELLS_OF_CHILD[language]), 1), "child_at_risk", language)
    assert (child.adult, adult.adult) == (False, True), (child.text, adult.text)


@pytest.mark.parametrize(
    ("turns", "adult"),
    [
        (["I'm just a kid and my uncle touches me"], False),
        (["i'm a girl of 11 and my stepfather hits me"], False),
        (["im 12 and my mums boyfriend locks me in the cellar"], False),
        (["my husband hits me and my son"], True),
        (["I'm a teacher, a girl told me about her dad"], True),
        (["The boy next door has bruises.", "Where is he now?", "I don't know, his father came home."], True),
        (["The boy next door has bruises.", "Where is he now?", "No."], True),
        (["my dad hits me", "I believe you. Where are you?", "the kid upstairs heard it"], False),
    ],
)
def test_who_tells_of_a_child_is_known_from_the_whole_talk(turns: Sequence[str], adult: bool) -> None:
    stage = "first" if len(turns) == 1 else "ongoing"
    for seed in range(4):
        found = written(choose(danger("child_at_risk", stage), said(*turns), seed), "child_at_risk")
        assert found.adult is adult, found.text


def test_the_feeling_is_one_that_fits() -> None:
    labels = {"excited": 0.6, "joyful": 0.2, "afraid": 0.1, "devastated": 0.1}
    felt = feelings(labels, danger())
    assert CLASS_OF_LABEL[next(iter(felt))] in ("sad", "fear")
    assert felt["excited"] == 0
    assert sum(felt.values()) == pytest.approx(1)
    assert next(iter(feelings({}, danger()))) == "afraid"


def test_the_evidence_is_what_told_the_danger() -> None:
    dialogue = said(
        "I have packed for where nobody comes back.", "I hear you. Where are you?", "Nice weather."
    )
    context = StepContext(InProcessTransport({}), "0" * 32, seed=1, dialogue=dialogue)
    told = danger(stage="ongoing", seen_by="history").model_copy(update={"utterance": 0})
    assert conclude("emotion_cause", context, told).evidence[0].text == dialogue[0].text
    assert conclude("emotion_cause", context, danger()).evidence[0].text == dialogue[2].text


@pytest.mark.parametrize("message", ["想死" * 2000, "I want to die " * 400])
def test_a_long_message_is_quoted_from_its_beginning(message: str) -> None:
    context = StepContext(InProcessTransport({}), "0" * 32, seed=1, dialogue=said(message))
    quoted = conclude("emotion_cause", context, danger()).text
    assert len(quoted) < 170
    assert quoted.endswith("…”")
    short = StepContext(InProcessTransport({}), "0" * 32, seed=1, dialogue=said("I want to die."))
    assert conclude("emotion_cause", short, danger()).text == "“I want to die.”"


def test_topics_come_by_weight() -> None:
    assert topics_of("I took all the pills")[0] == "taken"
    assert topics_of("Nice weather") == []
