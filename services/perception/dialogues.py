"""Reads EmpatheticDialogues as texts with labels, the way that the judge of the words sees them."""

import gzip
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runtime.emotions import LABELS
from runtime.errors import InvalidInput
from services.perception.fitting import Ints
from services.perception.modalities.text import joined

_BARE = re.compile(r"[^\w\s']+")
_POOL = 32
"""Batches that are sorted by length together."""


@dataclass(frozen=True)
class Mixture:
    """What one epoch shows beside the dialogues, each cut after a random turn of the person."""

    situations: float = 0.5
    """Share of the dialogues whose situation is shown, too: what the person wrote before they talked."""
    bare: float = 0.2
    """Share of the texts without punctuation, as a transcript of speech has none."""
    gaps: float = 0.3
    """Share of the texts from which words are left out, each with a chance of one in ten."""


@dataclass(frozen=True)
class Dialogue:
    """What one person told."""

    turns: tuple[str, ...]
    situation: str
    target: int
    """Index of the label."""


def dialogues(path: Path) -> list[Dialogue]:
    """EmpatheticDialogues: lines of {emotion, situation, turns: [{role, text}]}, gzipped.

    Raises:
        InvalidInput: There is no such file.
    """
    if not path.exists():
        problem = f"{path} is not there; the folder holds train.jsonl.gz and valid.jsonl.gz"
        raise InvalidInput.of("--data", problem, reason="NO_FILE")
    found = []
    with gzip.open(path, "rt") as file:
        for line in file:
            row: dict[str, Any] = json.loads(line)
            turns = tuple(turn["text"] for turn in row["turns"] if turn["role"] == "speaker")
            if turns:
                found.append(Dialogue(turns, row.get("situation", ""), LABELS.index(row["emotion"])))
    return found


def views(data: Sequence[Dialogue], seed: int) -> dict[str, tuple[list[str], Ints]]:
    """The texts that a judge is measured on, with the indices of their labels, by how much was said.

    Args:
        data: Dialogues that nothing was learnt from.
        seed: Of the random cuts.
    """
    random = np.random.default_rng(seed)
    target = np.array([one.target for one in data])
    counts = {
        "first turn": [1 for _ in data],
        "random cut": [int(random.integers(1, len(one.turns) + 1)) for one in data],
        "all turns": [len(one.turns) for one in data],
    }
    return {
        name: ([joined(one.turns[:count]) for one, count in zip(data, turns, strict=True)], target)
        for name, turns in counts.items()
    }


def epoch_texts(
    data: Sequence[Dialogue], mixture: Mixture, random: np.random.Generator
) -> tuple[list[str], Ints]:
    """The texts of one epoch with the indices of their labels."""
    texts, target = [], []
    for one in data:
        texts.append(joined(one.turns[: random.integers(1, len(one.turns) + 1)]))
        target.append(one.target)
        if one.situation and random.random() < mixture.situations:
            texts.append(one.situation)
            target.append(one.target)
    return [_changed(text, mixture, random) for text in texts], np.array(target)


def _changed(text: str, mixture: Mixture, random: np.random.Generator) -> str:
    if random.random() < mixture.bare:
        text = _BARE.sub(" ", text)
    if random.random() < mixture.gaps:
        words = text.split()
        kept = [word for word, draw in zip(words, random.random(len(words)), strict=True) if draw > 0.1]
        text = " ".join(kept or words)
    return text


def batches(texts: Sequence[str], size: int, random: np.random.Generator) -> list[Ints]:
    """Random batches of texts of like length, so that little is padded."""
    order = random.permutation(len(texts))
    found = []
    for start in range(0, len(order), size * _POOL):
        pool = order[start : start + size * _POOL]
        pool = pool[np.argsort([len(texts[i]) for i in pool], kind="stable")]
        found += [pool[i : i + size] for i in range(0, len(pool), size)]
    return [found[i] for i in random.permutation(len(found))]
