"""Which feeling to answer to, and what to say where the model's own words are no use.

The sentences are in `manner.yaml`, by groups of the 32 labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from agents.step import StepContext
from agents.words import foreign
from runtime.emotions import CLASS_OF_LABEL

UNSURE = "unsure"
"""Not a feeling: it is not clear enough whether the person is glad or not."""
FOREIGN = "foreign"
"""Not a feeling: the person speaks a language that is not understood."""
UNHEARD = "unheard"
"""Not a feeling: the words were heard too badly to answer them."""

_PLEASANT = frozenset(label for label, klass in CLASS_OF_LABEL.items() if klass == "happy") | {"impressed"}
_OPEN = frozenset({"nostalgic", "sentimental", "surprised"})
"""Labels that may be pleasant or not."""
_CLEAR = 0.65
"""Share that the likelier side must have.

On 400 dialogues of the validation part it leaves 11 % unsure; glad for the sad, or sorry for the glad, are
then 7 % of the replies instead of 11 %. Chosen on these same dialogues.
"""


@dataclass(frozen=True)
class Manner:
    """How to answer one group of feelings without a model."""

    goals: tuple[str, ...]
    """What a reply may be for."""
    plain: tuple[str, ...]
    """First sentences that fit any such feeling."""
    closings: tuple[str, ...]
    """Second sentences."""


def manner(label: str) -> Manner:
    """The manner for one of the 32 labels, `UNSURE`, `UNHEARD` or `FOREIGN`."""
    return _manners()[label]


def fitting(context: StepContext) -> str:
    """What to answer to: a label, or `UNSURE`, `UNHEARD` or `FOREIGN`.

    To be glad for somebody who is sad hurts more than a label that is slightly off. So the side of the
    feeling, pleasant or not, is settled first, by all the probability on it, then the likeliest label there.
    """
    if context.unheard:
        return UNHEARD
    if foreign(context.dialogue[-1].text):
        return FOREIGN
    emotion = context.step("user_emotion")
    shares = emotion.distribution if emotion and emotion.distribution else context.labels
    if not shares:
        return UNSURE
    likeliest = max(shares, key=shares.__getitem__)
    if likeliest in _OPEN and shares[likeliest] > 1 - _CLEAR:
        return likeliest
    pleasant = {label: share for label, share in shares.items() if label in _PLEASANT}
    unpleasant = {label: share for label, share in shares.items() if label not in _PLEASANT | _OPEN}
    side = max(pleasant, unpleasant, key=lambda labels: sum(labels.values()))
    if sum(side.values()) < _CLEAR * (sum(pleasant.values()) + sum(unpleasant.values())):
        return UNSURE
    return max(side, key=side.__getitem__)


@cache
def _manners() -> Mapping[str, Manner]:
    groups = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return {label: _manner(group) for group in groups.values() for label in group["labels"]}


def _manner(group: dict[str, Any]) -> Manner:
    return Manner(goals=tuple(group["goals"]), plain=tuple(group["plain"]), closings=tuple(group["closings"]))


def pleasant(label: str) -> bool:
    """Whether a feeling is one to be glad with."""
    return label in _PLEASANT


def open_feeling(label: str) -> bool:
    """Whether a feeling may be pleasant or not."""
    return label in _OPEN
