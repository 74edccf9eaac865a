"""The second net: plain statements of danger, as patterns over folded text.

It catches what is said in plain words, in several languages, where the classifier errs or can't be reached.
It knows nothing of what is said between the lines. Its patterns are in `net.yaml`.
"""

import re
from collections.abc import Iterator, Mapping
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
    folded = _spelt(fold(text))
    rules = _rules()
    harmless = [match.span() for pattern in rules.harmless for match in pattern.finditer(folded)]
    for language, kind, pattern in rules.patterns:
        for match in pattern.finditer(folded):
            if not any(start < match.end() and match.start() < end for start, end in harmless):
                return Catch(kind, language, match.group())
    return None


def stage(text: str) -> str:
    """What a message after a disclosure plainly does: `TAKEN_BACK`, `AFTERWARDS`, or empty."""
    folded = _spelt(fold(text))
    for name in (AFTERWARDS, TAKEN_BACK):
        if any(pattern.search(folded) for pattern in _rules().stages[name]):
            return name
    return ""


@dataclass(frozen=True)
class _Rules:
    words: Mapping[str, str]
    spelling: re.Pattern[str]
    harmless: list[re.Pattern[str]]
    patterns: list[tuple[str, str, re.Pattern[str]]]
    stages: Mapping[str, list[re.Pattern[str]]]


@cache
def _rules() -> _Rules:
    data: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    words: dict[str, str] = data["words"]
    longest = sorted(words, key=len, reverse=True)
    return _Rules(
        words=words,
        spelling=re.compile(rf"(?<![\w'])(?:{'|'.join(map(re.escape, longest))})(?![\w'])"),
        harmless=[re.compile(pattern) for pattern in data["harmless"]],
        patterns=list(_patterns(data["patterns"], data["parts"])),
        stages={
            name: [re.compile(pattern) for pattern in patterns] for name, patterns in data["stages"].items()
        },
    )


def _patterns(
    patterns: Mapping[str, Mapping[str, list[str]]], parts: Mapping[str, str]
) -> Iterator[tuple[str, str, re.Pattern[str]]]:
    for language, kinds in patterns.items():
        for kind, written in kinds.items():
            for text in written:
                for name, part in parts.items():
                    text = text.replace(f"<{name}>", part)
                yield language, kind, re.compile(text)


def _spelt(folded: str) -> str:
    """With slang and common slips written out."""
    rules = _rules()
    return rules.spelling.sub(lambda match: rules.words[match.group()], folded)
