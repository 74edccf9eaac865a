"""Folding, and the net of plain phrases over folded text."""

import pytest

from agents.safety.net import catch, stage
from runtime.folding import fold


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("end  my\nlife", "end my life"),
        ("I donʼt", "i don't"),
        ("I don’t", "i don't"),
        ("my\u200bself", "myself"),
        ("ｋｉｌｌ", "kill"),
        ("𝐤𝐢𝐥𝐥", "kill"),
        ("kіll mуself", "kill myself"),
        ("k1ll mys3lf", "kill myself"),
        ("k i l l  m y s e l f", "kill myself"),
        ("K.I.L.L", "kill"),
        ("não, já", "nao, ja"),
        ("kendimi öldürmek", "kendimi oldurmek"),
        ("मरना", "मरना"),
        ("20mg at 5pm, I'm 15f", "20mg at 5pm, i'm 15f"),
    ],
)
def test_look_alikes_are_folded(typed: str, folded: str) -> None:
    assert fold(typed) == folded
    assert fold(folded) == folded


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("I am going to end my life on Sunday", "self_harm"),
        ("i wanna   d1e", "self_harm"),
        ("thinking about kms again", "self_harm"),
        ("I want to unalive myslef", "self_harm"),
        ("I don\u02bct want to be alive any more", "self_harm"),
        ("everybody would be better off without me", "self_harm"),
        ("I took all the pills", "self_harm"),
        ("My husband beats me when he drinks", "harm_from_others"),
        ("he put his hands around my throat", "harm_from_others"),
        ("I was raped by a man from work", "harm_from_others"),
        ("I'm going to stab my boss tomorrow", "harm_to_others"),
        ("I have thoughts of hurting my baby", "harm_to_others"),
        ("my gran won't wake up", "medical"),
        ("I have chest pain and can't breathe", "medical"),
        ("my stepdad hits me with a cable", "child_at_risk"),
        ("my brother said he wants to kill himself", "other_at_risk"),
        ("me quiero matar", "self_harm"),
        ("mi marido me golpea todos los dias", "harm_from_others"),
        ("j'ai envie de mourir", "self_harm"),
        ("il n'arrive plus à respirer, il ne respire plus", "medical"),
        ("ich will sterben", "self_harm"),
        ("mein Mann hat mich geschlagen", "harm_from_others"),
        ("não quero mais viver", "self_harm"),
        ("voglio farla finita", "self_harm"),
        ("chcę umrzeć", "self_harm"),
        ("yaşamak istemiyorum", "self_harm"),
        ("لا أريد أن أعيش", "self_harm"),
        ("मैं जीना नहीं चाहता", "self_harm"),
        ("main marna chahti hoon", "self_harm"),
        ("我想自杀", "self_harm"),
    ],
)
def test_plain_statements_are_caught(said: str, kind: str) -> None:
    found = catch(said)
    assert found is not None
    assert found.kind == kind


@pytest.mark.parametrize(
    "said",
    [
        "These shoes are killing me",
        "I nearly died laughing at the wedding",
        "The Suicide Squad sequel is on tonight",
        "Three years ago I wanted to die. Today I opened my own shop.",
        "Ten months free of self-harm!",
        "My mum is going to kill me, I broke her vase",
        "I don't want to die, I want to dance",
        "I don't want to live in the city any more",
        "The news hit me hard",
        "She beat me at tennis again",
        "In the novel she kills herself in the last chapter",
        "We jumped off the pier into the lake",
        "me muero de hambre",
        "je suis morte de rire",
        "ich lach mich tot",
        "umieram ze śmiechu",
        "笑死我了",
        "",
        "😀",
    ],
)
def test_figures_of_speech_are_not(said: str) -> None:
    assert catch(said) is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("The paramedics are here.", "afterwards"),
        ("I'm at the hospital now", "afterwards"),
        ("lol just kidding", "taken_back"),
        ("nvm", "taken_back"),
        ("It hurts.", ""),
    ],
)
def test_what_a_later_message_plainly_does(said: str, expected: str) -> None:
    assert stage(said) == expected
