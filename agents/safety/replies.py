"""Replies to somebody in danger, written with care: which one fits, and has not been said yet.

They are in `replies/`: a file for each kind in English, one for the other languages. A reply that names what
the person speaks of goes before one that fits every message. A plain "yes" or "no" is read as the answer to
the question that the listener closed with.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from agents.safety.assessment import HelpData, SafetyData, help_for
from agents.step import UtteranceData
from runtime.folding import fold
from runtime.safety import (
    AFTERWARDS,
    CHILD_AT_RISK,
    DANGERS,
    DOUBT,
    FIRST,
    MEDICAL,
    ONGOING,
    OTHER_AT_RISK,
    SELF_HARM,
    TAKEN_BACK,
)

_FOLDER = Path(__file__).parent / "replies"
METHOD = "method"
"""In place of a stage: how to do harm is asked for."""
ANYTIME = "anytime"
"""In place of a stage: suits every danger wherever the talk stands, for when the rest was said."""
_SUBJECT = "subject"
"""In place of a topic: nothing in the message has to do with the danger."""
IS_SAFE, IS_NOT_SAFE = "is_safe", "is_not_safe"
ANSWERS = {
    "safe": (IS_SAFE, IS_NOT_SAFE),
    "danger": (IS_NOT_SAFE, IS_SAFE),
    "call": ("will_do", IS_NOT_SAFE),
    "step": ("will_do", "wont_do"),
    "company": ("not_alone", "alone"),
    "alone": ("alone", "not_alone"),
}
"""What a reply asks for in the end, and the topics that a plain yes and a plain no are then."""
_UNNAMED = "Crisis line"
"""How the file of help lines calls one whose name is not known."""
_CUT = 30
"""Letters from which the beginning of a reply, broken off by the person, counts as said."""
_SENTENCE = re.compile(r"[^.!?。！？؟।]+[.!?。！？؟।”»]*")


@dataclass(frozen=True)
class WrittenReply:
    """A reply that was written beforehand."""

    text: str
    """With `{line}` and `{emergency}` where somebody who can help is named."""
    about: frozenset[str] = frozenset()
    """Topics, any of which it names; it suits every message if there is none."""
    adult: bool = False
    """Of a child at risk: whether it speaks to an adult who tells of the child."""
    asks: str = ""
    """Which of `ANSWERS` its closing question asks for; empty if yes and no would tell little."""


def choose(danger: SafetyData, dialogue: Sequence[UtteranceData], seed: int) -> str:
    """The reply to a danger: the one that names most of what was said, of those not said yet.

    Args:
        danger: What was seen.
        dialogue: Oldest first; the newest, the person's, last.
        seed: Of several that fit alike, chance decides.
    """
    newest = _newest(dialogue)
    heard = [said.text for said in dialogue if said.role == "listener"]
    topics = _topics_of(newest, heard, danger)
    order = {topic: place for place, topic in enumerate(topics)}
    slots = _slots(danger.help, danger.language)
    chance = random.Random(f"{seed} {newest} {len(dialogue)}")
    told = [_letters(text) for text in heard]
    spoken = {_letters(sentence) for text in heard for sentence in _SENTENCE.findall(text)}

    def rank(candidate: tuple[int, WrittenReply]) -> tuple[int, int, int, int, bool, float]:
        place, reply = candidate
        named = min((order[topic] for topic in reply.about if topic in order), default=len(order))
        again = sum(_letters(part) in spoken for part in _SENTENCE.findall(reply.text.format(**slots)))
        # "Call 112, or 112 if it is close": where there is no line of its own, the number is named once.
        twice = slots["line"] == slots["emergency"] and "{line}" in reply.text and "{emergency}" in reply.text
        return _times_said(reply, slots, told), place, named, again, twice, chance.random()

    fitting = [
        (place, reply)
        for place, pool in enumerate(_pools(danger, dialogue, topics))
        for reply in pool
        if not reply.about or reply.about & order.keys()
    ]
    return min(fitting, key=rank)[1].text.format(**slots)


def topics_of(text: str) -> list[str]:
    """What a message speaks of: names of `topics.yaml`, the weightiest first."""
    folded = fold(text)
    return [name for name, pattern in _topics().items() if pattern.search(folded)]


def filled(text: str, help_lines: Sequence[HelpData], language: str = "en") -> str:
    """A reply with the names and numbers of those who can help."""
    return text.format(**_slots(help_lines, language))


def replies(language: str, kind: str) -> Mapping[str, Sequence[WrittenReply]]:
    """Every reply to a kind of danger in a language, by stage."""
    return _replies()[language][kind]


def _newest(dialogue: Sequence[UtteranceData]) -> str:
    """What the person said since the listener spoke last."""
    lines: list[str] = []
    for said in reversed(dialogue):
        if said.role != "speaker":
            break
        lines.insert(0, said.text)
    return " ".join(lines)


def _topics_of(newest: str, heard: Sequence[str], danger: SafetyData) -> list[str]:
    answer = _answer(newest)
    if answer:
        asked = _asked(heard[-1], danger.language) if heard else ""
        return [topic for topic in [_meant(answer, asked)] if topic]
    return topics_of(newest) or ([_SUBJECT] if danger.seen_by == "history" else [])


def _answer(text: str) -> str:
    """Whether a message is a plain "yes", "no" or "unsure", and nothing besides."""
    folded = fold(text)
    return next((name for name, pattern in _patterns("answers").items() if pattern.search(folded)), "")


def _asked(told: str, language: str) -> str:
    """What the listener's last words asked for in the end, if they were heard to the end."""
    letters = _letters(told)
    written = (
        reply for stages in _replies()[language].values() for pool in stages.values() for reply in pool
    )
    return next((reply.asks for reply in written if reply.asks and _shape(reply).fullmatch(letters)), "")


def _meant(answer: str, asked: str) -> str:
    if not asked:
        return ""
    if answer == "unsure":
        return IS_NOT_SAFE if asked in ("safe", "danger") else ""
    return ANSWERS[asked][answer == "no"]


def _pools(
    danger: SafetyData, dialogue: Sequence[UtteranceData], topics: Sequence[str]
) -> list[Sequence[WrittenReply]]:
    """Replies to choose from; a later pool is for when all that fits was said of those before it."""
    stages = replies(danger.language, danger.kind)
    stage = _stage(danger.stage, topics)
    if METHOD in stages and "asks_method" in topics and stage in (FIRST, ONGOING):
        return [stages[METHOD], stages[ANYTIME]]
    names = (FIRST, ONGOING) if stage == FIRST else (stage,)
    own = [said.text for said in dialogue if said.role == "speaker"]
    adult = danger.kind == CHILD_AT_RISK and _tells_of_child(own, danger.language)
    pools = [[reply for reply in stages[name] if reply.adult == adult] for name in names]
    if adult:
        # What is written for somebody's friend or relative is true of a child as well.
        others = replies(danger.language, OTHER_AT_RISK)
        pools = [pool or list(others[name]) for pool, name in zip(pools, names, strict=True)]
    if danger.kind == MEDICAL and stage == ONGOING:
        # What the body does now counts more than where the talk stands.
        pools.insert(0, [reply for reply in stages[FIRST] if reply.about & set(topics)])
    return [*pools, stages[ANYTIME]]


def _stage(stage: str, topics: Sequence[str]) -> str:
    """Where the talk stands after a plain answer to whether there is danger."""
    if IS_NOT_SAFE in topics:
        return {DOUBT: FIRST, TAKEN_BACK: ONGOING, AFTERWARDS: ONGOING}.get(stage, stage)
    return TAKEN_BACK if IS_SAFE in topics and stage == DOUBT else stage


def _tells_of_child(texts: Sequence[str], language: str) -> bool:
    """Whether an adult tells of a child, as opposed to a child of itself: who told first decides."""
    tellers = _tellers()[language]
    for folded in map(fold, texts):
        for teller, pattern in tellers.items():
            if pattern.search(folded):
                return teller != "itself"
    return False


def _slots(help_lines: Sequence[HelpData], language: str) -> Mapping[str, str]:
    """Who is named: the emergency number, and the line that suits the danger best."""
    known = [*help_lines, *help_for(SELF_HARM, "")]
    emergency = next(line for line in known if line.category == "emergency")
    line = next((line for line in help_lines if line.category != "emergency"), emergency)
    return {"emergency": _spoken(emergency, language), "line": _spoken(line, language)}


def _spoken(line: HelpData, language: str) -> str:
    """A line as it is said: "Samaritans (116 123)", or, where no number is known, in general words."""
    words = _languages()[language]["words"]
    if not line.number:
        return str(words.get(line.category, line.name))
    if line.category == "emergency":
        return line.number
    name = re.sub(r"\s*\(.*?\)", "", line.name).strip()
    if name == _UNNAMED:
        name = words.get(line.category, f"the {name.lower()}")
    elif language == "en" and name.startswith("National "):
        name = f"the {name}"
    return name if line.number in name else f"{name} ({line.number})"


def _times_said(reply: WrittenReply, slots: Mapping[str, str], told: Sequence[str]) -> int:
    """How often the listener has said a reply, whatever filled its slots, or began to and was broken off."""
    whole = _letters(reply.text.format(**slots))
    return sum(
        bool(_shape(reply).search(text)) or (len(text) >= _CUT and whole.startswith(text)) for text in told
    )


def _letters(text: str) -> str:
    """Only letters and digits: spoken words come back without their marks."""
    return re.sub(r"[\W_]+", "", text).lower()


@cache
def _shape(reply: WrittenReply) -> re.Pattern[str]:
    return re.compile(".*".join(map(_letters, re.split(r"\{\w+\}", reply.text))))


def _topics() -> Mapping[str, re.Pattern[str]]:
    return {**_patterns("urgent"), **_patterns("back"), **_patterns("about")}


@cache
def _patterns(group: str) -> Mapping[str, re.Pattern[str]]:
    return {name: re.compile(pattern) for name, pattern in _topic_file()[group].items()}


@cache
def _tellers() -> Mapping[str, Mapping[str, re.Pattern[str]]]:
    return {
        language: {teller: re.compile(pattern) for teller, pattern in tellers.items()}
        for language, tellers in _topic_file()["tellers"].items()
    }


@cache
def _topic_file() -> Mapping[str, Any]:
    return _yaml(Path(__file__).parent / "topics.yaml")


@cache
def _replies() -> Mapping[str, Mapping[str, Mapping[str, Sequence[WrittenReply]]]]:
    english = {kind: _yaml(_FOLDER / f"{kind}.yaml") for kind in DANGERS}
    return {
        language: {
            kind: _stages({**stages, ANYTIME: content[ANYTIME]})
            for kind, stages in content.get("replies", english).items()
        }
        for language, content in _languages().items()
    }


@cache
def _languages() -> Mapping[str, Any]:
    return _yaml(_FOLDER / "languages.yaml")


def _yaml(path: Path) -> Mapping[str, Any]:
    content: Mapping[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def _stages(written: Mapping[str, Any]) -> Mapping[str, Sequence[WrittenReply]]:
    return {stage: tuple(_reply(one) for one in lines) for stage, lines in written.items()}


def _reply(one: Any) -> WrittenReply:
    if isinstance(one, str):
        return WrittenReply(one.strip())
    return WrittenReply(
        text=one["text"].strip(),
        about=frozenset(one.get("about", ())),
        adult=one.get("teller") == "adult",
        asks=one.get("asks", ""),
    )
