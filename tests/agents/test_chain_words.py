import pytest

from agents.grounding import unsupported
from agents.manner import manner
from agents.step import UtteranceData
from agents.words import content, foreign, pieces, sentences, third_person
from runtime.chain_of_empathy import SAID
from runtime.emotions import LABELS


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("my dog left me", "their dog left them"),
        ("I am so sad", "they are so sad"),
        ("I’m tired and I was late", "they are tired and they were late"),
        ("we lost our house", "they lost their house"),
        ("I wasn’t there", "they weren't there"),
        ("The car broke", "The car broke"),
    ],
)
def test_third_person(said: str, told: str) -> None:
    assert third_person(said) == told


def test_pieces_know_their_place() -> None:
    text = "Well, my boss yelled at me, and I cried.  Then I quit my job! 😀"
    dialogue = [UtteranceData(role="listener", text="Go on."), UtteranceData(role="speaker", text=text)]
    found = pieces(dialogue)
    assert [piece.text for piece in found] == ["my boss yelled at me", "I cried", "I quit my job"]
    assert all(text[piece.start : piece.end] == piece.text and piece.utterance == 1 for piece in found)


def test_content_ignores_plain_words_and_endings() -> None:
    assert content("I was worried about the dogs") == content("dog worry")[::-1]


def test_sentences() -> None:
    assert sentences("One. Two! three") == ["One.", "Two!", "three"]


def test_every_label_has_a_manner() -> None:
    for label in LABELS:
        way = manner(label)
        assert SAID[label]
        assert len(way.goals) > 1
        assert len(way.closings) > 3
        for sentence in (*way.plain, *way.closings):
            assert sentence[-1] in ".!?"


@pytest.mark.parametrize(
    ("text", "reply", "strange"),
    [
        ("Pet loss.", False, []),
        ("I'm so sorry about your dog. You must miss him.", True, []),
        ("Academic achievement.", False, ["academic"]),
        ("I'm sorry about your dog in Paris.", True, ["paris", "Paris"]),
        ("Your cat was 12.", True, ["cat", "12"]),
    ],
)
def test_what_nobody_said_is_unsupported(text: str, reply: bool, strange: list[str]) -> None:
    dialogue = [UtteranceData(role="speaker", text="My dog died.")]
    assert set(strange) <= set(unsupported(text, dialogue, reply=reply))
    assert bool(unsupported(text, dialogue, reply=reply)) == bool(strange)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("Mon chien est mort et je suis triste.", True),
        ("Моя собака умерла", True),
        ("No es justo, mi jefe es muy malo.", True),
        ("The war in my head, die or live.", False),
        ("ugh", False),
        ("¡Hola!", False),
        ("I had café au lait with Señor Garcia in La Paz.", False),
    ],
)
def test_other_languages_are_noticed(text: str, other: bool) -> None:
    assert foreign(text) is other
