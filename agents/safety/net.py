"""The second net: plain statements of danger, as patterns over folded text.

It catches what is said in plain words, in several languages, where the classifier errs or can't be reached.
It knows nothing of what is said between the lines. Its patterns are in `net.yaml`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from runtime.folding import fold
from runtime.safety import AFTERWARDS, TAKEN_BACK


@dataclass(frozen=True)
class Catch:
    """A plain statement of danger."""

    kind: str
    """One of `runtime.safety.DANGERS`."""
    language: str
    """ISO 639-1."""
    words: str
    """What was caught, folded."""


def catch(text: str) -> Catch | None:
    """The first plain statement of danger in a message, if it holds one."""
    folded = spelt(fold(text))
    rules = _rules()
    harmless = {
        language: [match.span() for pattern in patterns for match in pattern.finditer(folded)]
        for language, patterns in rules.harmless.items()
    }
    for language, kind, pattern in rules.patterns:
        for match in pattern.finditer(folded):
            if not any(start < match.end() and match.start() < end for start, end in harmless[language]):
                return Catch(kind, language, match.group())
    return None


def stage(text: str) -> str:
    """What a message after a disclosure plainly does: `TAKEN_BACK`, `AFTERWARDS`, or empty.

    A message that plainly states a danger itself does neither: "I told him and he hit me".
    """
    if catch(text):
        return ""
    folded = spelt(fold(text))
    for name in (AFTERWARDS, TAKEN_BACK):
        if any(pattern.search(folded) for pattern in _rules().stages[name]):
            return name
    return ""


def spelt(folded: str) -> str:
    """A folded text with slang and common slips written out."""
    rules = _rules()
    return rules.spelling.sub(lambda match: rules.words[match.group()], folded)


@dataclass(frozen=True)
class _Rules:
    words: Mapping[str, str]
    spelling: re.Pattern[str]
    harmless: Mapping[str, list[re.Pattern[str]]]
    """By language: what excuses in one says nothing in another."""
    patterns: list[tuple[str, str, re.Pattern[str]]]
    stages: Mapping[str, list[re.Pattern[str]]]


@cache
def _rules() -> _Rules:
    data: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    parts: dict[str, str] = {}
    for name, alternatives in data["parts"].items():
        parts[name] = f"(?:{'|'.join(_whole(text, parts) for text in alternatives)})"

    def compiled(texts: Iterable[str]) -> list[re.Pattern[str]]:
        return [re.compile(_whole(text, parts)) for text in texts]

    words: dict[str, str] = data["words"]
    longest = sorted(words, key=len, reverse=True)
    return _Rules(
        words=words,
        spelling=re.compile(rf"(?<![\w'])(?:{'|'.join(map(re.escape, longest))})(?![\w'])"),
        harmless={language: compiled(data["harmless"].get(language, [])) for language in data["patterns"]},
        patterns=[
            (language, kind, pattern)
            for language, kinds in data["patterns"].items()
            for kind, texts in kinds.items()
            for pattern in compiled(texts)
        ],
        stages={name: compiled(texts) for name, texts in data["stages"].items()},
    )


def _whole(text: str, parts: Mapping[str, str]) -> str:
    """A pattern with its parts in place; a part may hold those that stand before it."""
    return re.sub(r"<(\w+)>", lambda match: parts[match.group(1)], text)
