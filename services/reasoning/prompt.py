"""How a context becomes text: parts in an order in which the steps of one turn share their beginning."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from empatheia.common.v1 import dialogue_pb2
from empatheia.reasoning.v1 import reasoning_pb2

from runtime.emotions import LABELS

_NAMES = {dialogue_pb2.ROLE_SPEAKER: "Person", dialogue_pb2.ROLE_LISTENER: "Friend"}
END = "\n"
"""Ends every line, and so every answer."""


@dataclass(frozen=True)
class Prompt:
    """A text in parts, each of which is read in one go."""

    parts: list[str]
    """First what all turns share, then dialogue, observations, a question and an answer for each step done,
    the question, the first words of the answer."""
    dropped_utterances: int
    """Oldest utterances that found no room."""


def render(
    context: reasoning_pb2.ReasoningContext, prefill: str, room: int, count: Callable[[str], int]
) -> Prompt:
    """Writes the prompt of a step.

    Args:
        context: What the step may look at.
        prefill: First words of the answer.
        room: Most tokens of the dialogue. It doesn't depend on the step, so that all steps of a turn see the
            same utterances and share a cache.
        count: Tokens of a text.
    """
    shared = clean(context.system) + END
    for example in context.examples:
        lines = [line(utterance) for utterance in example.dialogue]
        lines += [f"{clean(step.instruction)} {clean(step.text)}{END}" for step in example.steps]
        shared += END + "".join(lines)
    lines, dropped = newest([line(utterance) for utterance in context.dialogue], room, count)
    dialogue = END + "".join(lines)
    parts = [shared, dialogue]
    if context.observations:
        parts.append("".join(f"({clean(text)}){END}" for text in context.observations))
    for step in context.steps:
        parts += [clean(step.instruction), f" {clean(step.text)}{END}"]
    parts.append(clean(context.instruction))
    if prefill.strip():
        parts.append(" " + prefill.strip())
    return Prompt(parts, dropped)


def neutral(context: reasoning_pb2.ReasoningContext) -> reasoning_pb2.ReasoningContext:
    """The same question about a dialogue that says nothing, for contextual calibration (Zhao et al. 2021)."""
    return reasoning_pb2.ReasoningContext(
        system=context.system,
        examples=context.examples,
        dialogue=[dialogue_pb2.Utterance(role=dialogue_pb2.ROLE_SPEAKER, text="...")],
        step=context.step,
        instruction=context.instruction,
    )


def line(utterance: dialogue_pb2.Utterance) -> str:
    """An utterance as one line, with the name of who said it, and what they felt where it is known."""
    felt = f" ({utterance.emotion})" if utterance.emotion in LABELS else ""
    return f"{_NAMES[utterance.role]}{felt}: {clean(utterance.text)}{END}"


def clean(text: str) -> str:
    """Makes one line of a text and breaks control tokens, so that no words can pass for the frame."""
    return " ".join(re.sub(r"<\|(?=\w+\|>)", "< |", text).split())


def newest(lines: Sequence[str], room: int, count: Callable[[str], int]) -> tuple[list[str], int]:
    """The newest lines that find room, and how many did not; the newest of all stays, at least in part."""
    kept: list[str] = []
    for line in reversed(lines):
        room -= count(line)
        if room < 0 and kept:
            break
        kept.insert(0, line)
        if room < 0:  # the newest alone is too long: its last words count most
            kept[0] = _tail(line, count(line) + room, count)
            break
    return kept, len(lines) - len(kept)


def _tail(line: str, room: int, count: Callable[[str], int]) -> str:
    name, _, words = line.partition(": ")
    name += ":"
    # Longest tail that fits, found by halving; a word is never cut unless it alone is too long.
    low, high = 0, len(words)
    while low < high:
        middle = (low + high) // 2
        if count(f"{name} …{words[middle:]}") > room:
            low = middle + 1
        else:
            high = middle
    tail = words[low:]
    _, space, whole = tail.partition(" ")
    return f"{name} …{whole if space and whole.strip() else tail}"
