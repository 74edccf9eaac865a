"""Folding, and the net of plain phrases over folded text."""

import itertools
import re
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from agents.safety import net
from agents.safety.net import catch, spelt, stage
from runtime.folding import fold

_SAID = yaml.safe_load(Path(__file__).with_name("plain_statements.yaml").read_text(encoding="utf-8"))
_DANGERS = [
    (said, kind, language)
    for language, sentences in _SAID.items()
    for kind, told in sentences["dangers"].items()
    for said in told
]
_HARMLESS = [said for sentences in _SAID.values() for said in sentences["harmless"]]
_RULES = net._rules()
_PATTERNS = [pattern for _, _, pattern in _RULES.patterns] + [
    pattern for patterns in (*_RULES.harmless.values(), *_RULES.stages.values()) for pattern in patterns
]


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
        ("i took 30pills, 5tablets", "i took 30pills, 5tablets"),
        ("30p1lls", "30pills"),
        ("5uicide, 0verdose", "suicide, overdose"),
        ("d.i.e", "die"),
        ("我 想 死", "我想死"),
        ("दिल न टूटे", "दिल न टूटे"),
    ],
)
def test_look_alikes_are_folded(typed: str, folded: str) -> None:
    assert fold(typed) == folded
    assert fold(folded) == folded


@pytest.mark.parametrize(("said", "kind", "language"), _DANGERS)
def test_plain_statements_of_every_language_are_caught(said: str, kind: str, language: str) -> None:
    found = catch(said)
    assert found is not None
    assert (found.kind, found.language) == (kind, language)


@pytest.mark.parametrize("said", _HARMLESS)
def test_ordinary_talk_is_not(said: str) -> None:
    assert catch(said) is None


def test_every_language_is_tried_both_ways() -> None:
    for language in _RULES.harmless:
        assert sum(map(len, _SAID[language]["dangers"].values())) >= 10
        assert len(_SAID[language]["harmless"]) >= 10


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
        ("I was just kidding", "taken_back"),
        ("I'm fine", "taken_back"),
        ("I called the ambulance", "afterwards"),
        ("I told my sister", "afterwards"),
        ("my friend is here", "afterwards"),
        ("I flushed them", "afterwards"),
        ("I'm safe now", "afterwards"),
        ("It hurts.", ""),
    ],
)
def test_what_a_later_message_plainly_does(said: str, expected: str) -> None:
    assert stage(said) == expected


@pytest.mark.parametrize(
    "said",
    [
        "he's here",
        "he is here now",
        "He is with me now, I'm scared",
        "I told you, I want to die",
        "I told him and he hit me",
        "I told my mum but she was angry",
        "The police are here to take my kids",
        "he threw the plate",
        "he locked the door",
        "I'm not safe now",
        "I'm fine with dying",
        "I'm ok with killing him",
        "I'm not joking",
        "they all ignore me",
        "he said he didn't mean it",
        "he says I'm overreacting",
        "I can't forget it",
        "it's nothing, he only broke my arm",
    ],
)
def test_what_sounds_like_relief_is_not_taken_for_it(said: str) -> None:
    assert stage(said) == ""


@pytest.mark.parametrize(
    ("excused", "kept"),
    [
        ("I used to want to die", "I used to want a dog, now I want to die"),
        ("Ten years ago he raped me", "Ten years ago we met. Tonight he raped me"),
        ("When I was little I wanted to die", "When I was little we were poor, I wanted to die last night"),
        ("I cut myself years ago", "I cut myself again, like years ago"),
        ("I'm reading a book about a girl who wants to die", "I'm reading a book and I want to die"),
        ("In the film she kills herself", "We saw the film. She wants to kill herself"),
        ("I don't want to kill myself", "I don't want to kill myself, I want to kill him"),
        ("I've never wanted to die", "I've never wanted to die so much"),
        ("I wanted to die in 2019", "I want to die like in 2019"),
        ("I want to die of shame", "I want to die tonight, not of shame"),
        ("A training about suicidal thoughts", "In training I had suicidal thoughts"),
        ("In this episode of the series she kills herself", "He's in an episode and wants to kill himself"),
        ("I'm going to kill him haha", "I'm going to kill him. Everybody is laughing, haha"),
        ("He beats me at cards", "He beats me at night"),
        ("He kicked me in the final", "He kicked me on the stairs"),
        ("He hit me with a pillow", "He hit me with a hammer"),
        ("He stabbed me in the back", "He stabbed me in the back with a knife"),
        ("I can't breathe, it's so funny", "I can't breathe, it's not funny at all. Help"),
        ("I can't breathe when she sings", "I can't breathe when I lie down"),
        ("she won't wake up at six", "she won't wake up at all"),
        ("je vais mourir de rire", "mdr il me frappe encore"),
        ("krieg keine Luft vor Lachen", "ich krieg keine Luft. Vorhin noch gelacht"),
        ("voglio farla finita con il fumo", "voglio farla finita con la vita"),
    ],
)
def test_what_excuses_one_sentence_excuses_no_other(excused: str, kept: str) -> None:
    assert catch(excused) is None
    assert catch(kept) is not None


def test_an_excuse_counts_in_its_own_language_only() -> None:
    assert catch("haha, voglio morire, mdr lol") is not None


def _literals(pattern: str) -> Iterator[str]:
    """The words that a pattern names, and its signs beyond ASCII one by one."""
    bare = re.sub(r"\\[a-zA-Z]|\[[^\]]*\]", " ", pattern)
    for in_word, signs in itertools.groupby(
        bare, lambda sign: sign.isalnum() or sign == "'" or _is_mark(sign)
    ):
        if in_word:
            yield "".join(signs)
    yield from (sign for sign in pattern if not sign.isascii() and not _is_mark(sign))


def _is_mark(sign: str) -> bool:
    return unicodedata.category(sign).startswith("M")


def test_every_word_of_a_pattern_survives_folding() -> None:
    # A text is folded and its slang written out before it is searched: no other word could ever match.
    lost = {word for pattern in _PATTERNS for word in _literals(pattern.pattern) if spelt(fold(word)) != word}
    assert lost == set()


@pytest.mark.parametrize(
    "said",
    [
        *(
            "i ",
            "so just really ",
            "i want to ",
            "he said he'd ",
            "my husband and ",
            "the film i ",
            "years ago ",
        ),
        *(
            "took all ",
            "i told my ",
            "hit me ",
            "k.i.l.l ",
            "1",
            "!",
            "ich will nicht ",
            "اريد ان ",
            "मुझे ",
            "我想",
        ),
    ],
)
def test_no_text_takes_long(said: str) -> None:
    text = (said * 4000)[:4000]
    begun = time.process_time()
    stage(text)
    assert time.process_time() - begun < 1
