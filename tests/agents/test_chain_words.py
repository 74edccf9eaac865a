import pytest

from agents.manner import SAID, manner
from agents.step import UtteranceData
from agents.words import content, pieces, sentences, third_person
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
        for opening in way.openings:
            assert opening[-1].isalpha()
        for sentence in (*way.plain, *way.closings):
            assert sentence[-1] in ".!?"
