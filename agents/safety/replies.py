"""Replies to somebody in danger, written with care: which one fits, and has not been said yet.

They are in `replies/`: a file for each kind in English, one for the other languages. A reply that names what
the person speaks of goes before one that fits every message.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from agents.safety.assessment import HelpData, SafetyData
from agents.step import UtteranceData
from runtime.folding import fold
from runtime.safety import CHILD_AT_RISK, DANGERS

_FOLDER = Path(__file__).parent / "replies"
METHOD = "method"
"""In place of a stage: how to do harm is asked for."""
_SUBJECT = "subject"
"""In place of a topic: nothing in the message has to do with the danger."""


@dataclass(frozen=True)
class WrittenReply:
    """A reply that was written beforehand."""

    text: str
    """With `{line}` and `{emergency}` where somebody who can help is named."""
    about: frozenset[str] = frozenset()
    """Topics, any of which it names; it suits every message if there is none."""
    adult: bool = False
    """Of a child at risk: whether it speaks to an adult who tells of the child."""


def choose(danger: SafetyData, dialogue: Sequence[UtteranceData], seed: int) -> str:
    """The reply to a danger: the one that names most of what was said, of those not said yet.

    Args:
        danger: What was seen.
        dialogue: Oldest first; the newest, the person's, last.
        seed: Of several that fit alike, chance decides.
    """
    newest = dialogue[-1].text
    told = [said.text for said in dialogue if said.role == "listener"]
    topics = topics_of(newest)
    pool = _fitting(danger, newest, topics)
    chance = random.Random(f"{seed} {newest} {len(dialogue)}")
    if not topics and danger.seen_by == "history":
        topics = [_SUBJECT]
    order = {topic: place for place, topic in enumerate(topics)}

    def rank(reply: WrittenReply) -> tuple[int, int, float]:
        named = [order[topic] for topic in reply.about if topic in order]
        return int(_said(reply, told)), min(named, default=len(order)), chance.random()

    fitting = [reply for reply in pool if not reply.about or reply.about & order.keys()]
    return filled(min(fitting, key=rank).text, danger.help, danger.language)


def topics_of(text: str) -> list[str]:
    """What a message speaks of: names of `topics.yaml`, the weightiest first."""
    folded = fold(text)
    return [name for name, pattern in _topics().items() if pattern.search(folded)]


def filled(text: str, help_lines: Sequence[HelpData], language: str = "en") -> str:
    """A reply with the names and numbers of those who can help."""
    slots = dict(_general(language))
    numbered = [line for line in help_lines if line.number]
    for line in reversed(numbered):
        if line.category == "emergency":
            slots["emergency"] = line.number
        else:
            slots["line"] = _spoken(line)
    if numbered and all(line.category == "emergency" for line in numbered):
        slots["line"] = slots["emergency"]
    return text.format(**slots)


def _spoken(line: HelpData) -> str:
    """A line as it is said: "Samaritans (116 123)"."""
    name = re.sub(r"\s*\(.*?\)", "", line.name).strip()
    return name if line.number in name else f"{name} ({line.number})"


def replies(language: str, kind: str) -> Mapping[str, Sequence[WrittenReply]]:
    """Every reply to a kind of danger in a language, by stage."""
    return _replies()[language][kind]


def _fitting(danger: SafetyData, newest: str, topics: Sequence[str]) -> Sequence[WrittenReply]:
    stages = replies(danger.language, danger.kind)
    if METHOD in stages and "asks_method" in topics:
        return stages[METHOD]
    pool = stages[danger.stage]
    if danger.kind == CHILD_AT_RISK and any(reply.adult for reply in pool):
        adult = _tells_of_child(newest)
        pool = [reply for reply in pool if reply.adult == adult]
    return pool


_OF_CHILD = re.compile(
    r"\b(?:(?:my|the|a|this|that|his|her|their|our) (?:\w+ ){0,2}(?:child|kid|son|daughter|pupil|student"
    r"|niece|nephew|grand\w+|boy|girl|baby|toddler|class)\b|kids? (?:next|up|down|in my)|children"
    r"|neighbou?rs?'?s? (?:kid|child|son|daughter|boy|girl))"
)
_OWN_PARENT = re.compile(
    r"\bmy (?:\w+ )?(?:mum|mom|mother|dad|father|stepdad|stepmum|parents|foster\w*|teacher|coach)\b"
)


def _tells_of_child(text: str) -> bool:
    """Whether an adult tells of a child, as opposed to a child of itself."""
    folded = fold(text)
    return bool(_OF_CHILD.search(folded)) and not _OWN_PARENT.search(folded)


def _said(reply: WrittenReply, told: Sequence[str]) -> bool:
    """Whether the listener has said a reply before, whatever filled its slots."""
    parts = [re.escape(part) for part in re.split(r"\{\w+\}", reply.text)]
    pattern = re.compile(".*".join(parts), re.DOTALL)
    return any(pattern.search(text) for text in told)


@cache
def _topics() -> Mapping[str, re.Pattern[str]]:
    groups = yaml.safe_load((Path(__file__).parent / "topics.yaml").read_text(encoding="utf-8"))
    order = ("urgent", "back", "about")
    return {name: re.compile(pattern) for group in order for name, pattern in groups[group].items()}


@cache
def _replies() -> Mapping[str, Mapping[str, Mapping[str, Sequence[WrittenReply]]]]:
    english = {kind: _stages(_read(kind)) for kind in DANGERS}
    others = yaml.safe_load((_FOLDER / "languages.yaml").read_text(encoding="utf-8"))
    return {"en": english} | {
        language: {kind: _stages(stages) for kind, stages in kinds["replies"].items()}
        for language, kinds in others.items()
    }


@cache
def _general(language: str) -> Mapping[str, str]:
    if language == "en":
        return {"line": "a crisis line where you live", "emergency": "your local emergency number"}
    others = yaml.safe_load((_FOLDER / "languages.yaml").read_text(encoding="utf-8"))
    words: Mapping[str, str] = others[language]["words"]
    return words


def _read(kind: str) -> Mapping[str, Any]:
    content: Mapping[str, Any] = yaml.safe_load((_FOLDER / f"{kind}.yaml").read_text(encoding="utf-8"))
    return content


def _stages(written: Mapping[str, Any]) -> Mapping[str, Sequence[WrittenReply]]:
    return {stage: tuple(_reply(one) for one in lines) for stage, lines in written.items()}


def _reply(one: Any) -> WrittenReply:
    if isinstance(one, str):
        return WrittenReply(one.strip())
    return WrittenReply(one["text"].strip(), frozenset(one.get("about", ())), one.get("teller") == "adult")
