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
from runtime.safety import CHILD_AT_RISK, DANGERS, DOUBT, FIRST, MEDICAL, ONGOING

_FOLDER = Path(__file__).parent / "replies"
METHOD = "method"
"""In place of a stage: how to do harm is asked for."""
NAMELESS = "Crisis line"
"""Name of a line in the file whose own is not known."""
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
    own = [said.text for said in dialogue if said.role == "speaker"]
    told = [said.text for said in dialogue if said.role == "listener"]
    topics = [*topics_of(own[-1]), *_answered(own[-1], told[-1] if told else "")]
    chance = random.Random(f"{seed} {own[-1]} {len(dialogue)}")
    if not topics and danger.seen_by == "history":
        topics = [_SUBJECT]
    order = {topic: place for place, topic in enumerate(topics)}

    def rank(reply: WrittenReply) -> tuple[int, float]:
        named = [order[topic] for topic in reply.about if topic in order]
        return min(named, default=len(order)), chance.random()

    pools = [
        [reply for reply in pool if not reply.about or reply.about & order.keys()]
        for pool in _pools(danger, own, topics)
    ]
    for pool in pools:
        if unsaid := [reply for reply in pool if _last_said(reply, told) < 0]:
            return filled(min(unsaid, key=rank).text, danger.help, danger.language)
    longest_ago = min((reply for pool in pools for reply in pool), key=lambda reply: _last_said(reply, told))
    return filled(longest_ago.text, danger.help, danger.language)


def topics_of(text: str) -> list[str]:
    """What a message speaks of: names of `topics.yaml`, the weightiest first."""
    folded = fold(text)
    return [name for name, pattern in _topics().items() if pattern.search(folded)]


def _answered(newest: str, question: str) -> list[str]:
    """What a short answer to the listener's closing question says of the danger, if it says anything."""
    answers, questions = _patterns("answers"), _patterns("questions")
    asked = re.split(r"(?<=[.!?])\s+", fold(question))[-1]
    says = next((name for name, pattern in answers.items() if pattern.search(fold(newest))), "")
    for name, pattern in questions.items():
        if says and pattern.search(asked):
            return ["in_danger" if (says == "yes") == (name == "danger") else "not_in_danger"]
    return []


def filled(text: str, help_lines: Sequence[HelpData], language: str = "en") -> str:
    """A reply with the names and numbers of those who can help."""
    slots = dict(_general(language))
    if language == "en":
        named = (line.name for line in help_lines if line.category != "emergency")
        slots["line"] = next(named, slots["line"])
    numbered = [line for line in help_lines if line.number]
    for line in reversed(numbered):
        if line.category == "emergency":
            slots["emergency"] = line.number
        else:
            slots["line"] = _spoken(line, language)
    if numbered and all(line.category == "emergency" for line in numbered):
        slots["line"] = slots["emergency"]
    return text.format(**slots)


def _spoken(line: HelpData, language: str) -> str:
    """A line as it is said: "Samaritans (116 123)"; one without a name of its own in general words."""
    name = re.sub(r"\s*\(.*?\)", "", line.name).strip()
    if name == NAMELESS:
        name = "the crisis line" if language == "en" else _general(language)["line"]
    return name if line.number in name else f"{name} ({line.number})"


def replies(language: str, kind: str) -> Mapping[str, Sequence[WrittenReply]]:
    """Every reply to a kind of danger in a language, by stage."""
    return _replies()[language][kind]


def _pools(danger: SafetyData, own: Sequence[str], topics: Sequence[str]) -> Sequence[Sequence[WrittenReply]]:
    """Replies that suit a danger, the most fitting first; the others are for when those were said."""
    stages = replies(danger.language, danger.kind)
    wanted = [danger.stage, ONGOING, *(stage for stage in stages if stage not in (FIRST, METHOD, DOUBT))]
    if METHOD in stages and "asks_method" in topics and danger.stage in (FIRST, ONGOING):
        wanted.insert(0, METHOD)
    pools = [stages[stage] for stage in dict.fromkeys(wanted)]
    if danger.kind == MEDICAL and danger.stage == ONGOING:
        # What the body does now counts more than where the talk stands.
        pools.insert(0, [reply for reply in stages[FIRST] if reply.about & set(topics)])
    if danger.kind == CHILD_AT_RISK:
        adult = _tells_of_child(own)
        pools = [
            [reply for reply in pool if reply.adult == adult] if any(reply.adult for reply in pool) else pool
            for pool in pools
        ]
    return pools


def _tells_of_child(own: Sequence[str]) -> bool:
    """Whether an adult tells of a child, as opposed to a child of itself: the earliest message that says."""
    tellers = _patterns("tellers")
    for folded in map(fold, own):
        if tellers["itself"].search(folded):
            return False
        if tellers["of_child"].search(folded):
            return True
    return False


def _last_said(reply: WrittenReply, told: Sequence[str]) -> int:
    """Where the listener said a reply last, whatever filled its slots; -1 if never."""
    parts = [re.escape(part) for part in re.split(r"\{\w+\}", reply.text)]
    pattern = re.compile(".*".join(parts), re.DOTALL)
    return max((place for place, text in enumerate(told) if pattern.search(text)), default=-1)


@cache
def _topics() -> Mapping[str, re.Pattern[str]]:
    return {**_patterns("urgent"), **_patterns("back"), **_patterns("about")}


@cache
def _patterns(group: str) -> Mapping[str, re.Pattern[str]]:
    groups = yaml.safe_load((Path(__file__).parent / "topics.yaml").read_text(encoding="utf-8"))
    return {name: re.compile(pattern) for name, pattern in groups[group].items()}


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
