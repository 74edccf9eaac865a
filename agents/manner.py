"""How to answer which feeling: the listener's manner, by groups of the 32 labels.

The sentences are in `manner.yaml`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

SAID: Mapping[str, str] = {
    label: label
    for label in (
        "afraid angry annoyed anxious apprehensive ashamed caring confident content devastated disappointed"
        " disgusted embarrassed excited faithful furious grateful guilty hopeful impressed jealous joyful"
        " lonely nostalgic prepared proud sad sentimental surprised terrified trusting"
    ).split()
} | {"anticipating": "full of anticipation"}
"""How each label reads after "they feel"."""


@dataclass(frozen=True)
class Manner:
    """How to answer one group of feelings."""

    goals: tuple[str, ...]
    """What a reply may be for."""
    openings: tuple[str, ...]
    """First words of a reply, which the model completes from what the person said."""
    plain: tuple[str, ...]
    """First sentences that fit any such feeling, where no completion is sound."""
    closings: tuple[str, ...]
    """Second sentences to choose from."""
    examples: tuple[tuple[str, str], ...]
    """What a person said, and a good answer."""
    mark: str = "."
    """Ends a completed opening."""


def manner(label: str) -> Manner:
    """The manner for one of the 32 labels."""
    return _manners()[label]


@cache
def _manners() -> Mapping[str, Manner]:
    groups = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return {label: _manner(group) for group in groups.values() for label in group["labels"]}


def _manner(group: dict[str, Any]) -> Manner:
    return Manner(
        goals=tuple(group["goals"]),
        openings=tuple(group["openings"]),
        plain=tuple(group["plain"]),
        closings=tuple(group["closings"]),
        examples=tuple((example["said"], example["answer"]) for example in group["examples"]),
        mark=group.get("mark", "."),
    )
