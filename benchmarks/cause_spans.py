"""Whether the words that the cause of a feeling is said to rest on are those that people marked.

    python -m benchmarks.cause_spans reccon_valid.json.gz [--number 100] [--seed 0]

The file is one of RECCON (Poria et al. 2021): everyday dialogues in which people marked the words that caused
each feeling. Only causes in what the person said themselves count: the chain looks for them there alone.
A choice is measured by the F1 of its words with the marked span it fits best; it hits where that is a half or
more. Reasoning runs in this process; perception doesn't, so the emotion is the language model's own.
"""

import argparse
import asyncio
import gzip
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agents import emotion_cause, event_scenario, user_emotion
from agents.step import StepContext, UtteranceData
from agents.words import pieces, weightiest, words
from runtime.clients.in_process import InProcessTransport
from runtime.errors import InvalidInput
from runtime.settings import load_settings
from services.reasoning.service import ReasoningService

_HIT = 0.5


@dataclass(frozen=True)
class Marked:
    """A dialogue up to an utterance with a feeling, and what caused it."""

    dialogue: list[UtteranceData]
    spans: list[str]
    """The person's own words that people marked."""


def marked(path: Path) -> list[Marked]:
    """Reads a file of RECCON: the utterances whose cause the same person said, then or before.

    Raises:
        InvalidInput: The file is not of that form.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            dialogues = [turns for (turns,) in json.load(file).values()]
        found = [_marked(turns, index) for turns in dialogues for index in range(len(turns))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput.of("file", f"{path} is no file of RECCON: {error}", reason="BAD_DATA") from error
    return [one for one in found if one.spans]


def _marked(turns: Sequence[dict[str, object]], index: int) -> Marked:
    person = turns[index]["speaker"]
    dialogue = [
        UtteranceData(
            role="speaker" if turn["speaker"] == person else "listener", text=_tidy(str(turn["utterance"]))
        )
        for turn in turns[: index + 1]
    ]
    evidence, spans = (
        turns[index].get(f"expanded emotion cause {name}", []) for name in ("evidence", "span")
    )
    assert isinstance(evidence, list)
    assert isinstance(spans, list)
    # A place is a number from 1, or "b" where the cause lies outside the dialogue.
    own = [
        _tidy(span)
        for place, span in zip(evidence, spans, strict=True)
        if isinstance(place, int) and place <= index + 1 and turns[place - 1]["speaker"] == person
    ]
    return Marked(dialogue, own)


def _tidy(text: str) -> str:
    """The text without the spaces that RECCON puts around marks."""
    return re.sub(r"\s+(['’])\s*(?=\w)", r"\1", re.sub(r"\s+([.,!?;:])", r"\1", text))


def overlap(text: str, spans: Sequence[str]) -> float:
    """F1 of a text's words with the span it fits best."""
    own = Counter(words(text))
    best = 0.0
    for span in spans:
        other = Counter(words(span))
        best = max(best, 2 * (own & other).total() / max(own.total() + other.total(), 1))
    return best


async def chosen(drawn: Sequence[Marked]) -> list[str]:
    """The words that the chain says the cause rests on."""
    service = ReasoningService(load_settings())
    await service.start()
    transport = InProcessTransport({"reasoning": service})
    found = []
    for index, one in enumerate(drawn):
        context = StepContext(transport=transport, turn_id=f"cause-{index}", seed=0, dialogue=one.dialogue)
        for step in (event_scenario, user_emotion):
            context.steps.append(await step.conclude(context))
        cause = await emotion_cause.conclude(context)
        found.append(cause.evidence[0].text if cause.evidence else "")
        if index % 25 == 0:
            sys.stderr.write(f"{index} of {len(drawn)}\n")
    await service.stop()
    return found


def simple(drawn: Sequence[Marked]) -> dict[str, list[str]]:
    """Choices that need no model."""
    parts = [pieces(one.dialogue) for one in drawn]
    best = [weightiest(one.dialogue, []) for one in drawn]
    return {
        "the whole newest utterance": [one.dialogue[-1].text for one in drawn],
        "its last clause": [part[-1].text if part else "" for part in parts],
        "the weightiest clause, no model": [piece.text if piece else "" for piece in best],
    }


def table(drawn: Sequence[Marked], choices: dict[str, list[str]]) -> str:
    """Every choice with its figures, as Markdown."""
    lines = ["| choice | F1 of words | hits |", "|---|---|---|"]
    for name, texts in choices.items():
        fits = [overlap(text, one.spans) for text, one in zip(texts, drawn, strict=True)]
        hits = sum(fit >= _HIT for fit in fits) / len(fits)
        lines.append(f"| {name} | {sum(fits) / len(fits):.3f} | {hits:.3f} |")
    return "\n".join(lines)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--number", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    drawn = marked(arguments.file)
    random.Random(arguments.seed).shuffle(drawn)
    drawn = drawn[: arguments.number]
    choices = {**simple(drawn), "the chain's": asyncio.run(chosen(drawn))}
    sys.stdout.write(f"{len(drawn)} utterances\n\n{table(drawn, choices)}\n")


if __name__ == "__main__":
    main()
