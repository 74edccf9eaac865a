"""What a reply must not do with the people of a dialogue."""

import pytest

from agents.step import UtteranceData
from agents.validation import reply_fault

DESK = "A friend of mine built this desk. He's very talented with tools."


@pytest.mark.parametrize(
    ("said", "reply", "fault"),
    [
        (DESK, "That is so cool! What kind of tools did you use?", "takes the person for another"),
        (DESK, "He sounds so talented! Did you see the desk?", ""),
        ("I built a desk with his tools.", "That is so cool! What kind of tools did you use?", ""),
        ("My sister is sick.", "I'm so sorry about your sister. How is he doing?", "takes one for another"),
        ("My sister is sick.", "I'm so sorry about your sister. How is she doing?", ""),
        ("My friend's sister is sick.", "I'm so sorry. How is he doing?", ""),
        ("My cat died.", "Oh no, that must be so hard. I hope you find your cat soon.", "hopes for the dead"),
        ("My cat is gone.", "Oh no, that must be so hard. I hope you find your cat soon.", ""),
        (
            "He never washes up. He is such a manchild!",
            "How frustrating! I'm sorry you are such a manchild.",
            "takes the person for another",
        ),
        ("They went without me.", "I can hear how much you mean to them.", "says what nobody can know"),
        ("I fell off my bike.", "That must hurt. I'm sure you feel much better now.", "waves it away"),
    ],
)
def test_people_are_not_mixed_up_nor_misread(said: str, reply: str, fault: str) -> None:
    assert reply_fault(reply, [UtteranceData(role="speaker", text=said)], comfort=True) == fault


def test_what_the_listener_has_is_not_the_persons() -> None:
    dialogue = [
        UtteranceData(role="speaker", text="We are going on a cruise!"),
        UtteranceData(role="listener", text="I should do that with my girls."),
        UtteranceData(role="speaker", text="You should, it is great!"),
    ]
    reply = "That sounds so great! I bet your girls are excited."
    assert reply_fault(reply, dialogue, comfort=False) == "takes the listener's for the person's"
    mine = [*dialogue, UtteranceData(role="speaker", text="My girls love it.")]
    assert not reply_fault(reply, mine, comfort=False)
