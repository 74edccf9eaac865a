"""What a text claims that the dialogue does not hold.

A word is supported if it, or a word that implies it, was said; if it is too general to claim anything; or, in
the steps of the chain, if it names a kind of event. Names and numbers must have been said. The words are in
`lexicon.yaml`. This is a measure by words: it misses a false claim made of words that were said.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import yaml

from agents.step import UtteranceData
from agents.words import content, words

_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]+")
_NUMBER = re.compile(r"\d+")


def unsupported(text: str, dialogue: Sequence[UtteranceData], *, reply: bool) -> list[str]:
    """The words of a text that claim something of which the dialogue says nothing, in order.

    Args:
        text: A conclusion, or a reply.
        dialogue: What was said by either.
        reply: Whether it is a reply, where fewer words pass.
    """
    said = " ".join(utterance.text for utterance in dialogue)
    known = _supported(said)
    heard = set(words(said))
    general, abstract, _ = _lexicon()
    free = general if reply else general | abstract
    strange = [
        word for word in words(text) if any(stem not in known and stem not in free for stem in content(word))
    ]
    strange += [
        name for name in _NAME.findall(text) if not set(words(name)) & heard and not _free(name, known, free)
    ]
    strange += [number for number in _NUMBER.findall(text) if number not in said]
    return list(dict.fromkeys(strange))


def _free(name: str, known: set[str], free: frozenset[str]) -> bool:
    return all(stem in known or stem in free for stem in content(name))


def _supported(said: str) -> set[str]:
    stems = set(content(said))
    kin = _lexicon()[2]
    return stems | {other for stem in stems for other in kin.get(stem, ())}


@cache
def _lexicon() -> tuple[frozenset[str], frozenset[str], Mapping[str, frozenset[str]]]:
    data = yaml.safe_load(Path(__file__).with_name("lexicon.yaml").read_text(encoding="utf-8"))
    kin: dict[str, frozenset[str]] = {}
    for line in data["kin"]:
        all_of_it = frozenset(content(line))
        for stem in content(line.partition(">")[0]):
            kin[stem] = kin.get(stem, frozenset()) | all_of_it
    return frozenset(content(data["general"])), frozenset(content(data["abstract"])), kin
