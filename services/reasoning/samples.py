"""Turns as tokens to learn from: the text that inference writes, with loss on the answers alone."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from empatheia.common.v1 import dialogue_pb2
from empatheia.reasoning.v1 import reasoning_pb2

from runtime.chain_of_empathy import QUESTIONS, SYSTEM, felt
from runtime.errors import InvalidInput
from services.reasoning.corpus import Annotation, Turn
from services.reasoning.prompt import END, render
from services.reasoning.training_config import TrainingConfig

IGNORED = -100
"""Label of a token without loss."""
_ROLES = {"speaker": dialogue_pb2.ROLE_SPEAKER, "listener": dialogue_pb2.ROLE_LISTENER}


@dataclass(frozen=True)
class Sample:
    """A turn in tokens."""

    tokens: list[int]
    labels: list[int]
    """The token itself where there is loss, else `IGNORED`."""
    weights: list[float]


def encode(
    turn: Turn,
    tokenize: Callable[[str], Sequence[int]],
    *,
    most_tokens: int,
    label_weight: float = 1.0,
    show_felt: bool = False,
) -> Sample:
    """Writes a turn as inference does, with the answers in their places.

    Args:
        turn: With at least one step or a reply.
        tokenize: Token ids of a text, without special tokens.
        most_tokens: Room for all of it; the oldest utterances go first.
        label_weight: Of the loss of the emotion's tokens.
        show_felt: Whether earlier utterances of the person show the emotion.
    """
    noted = turn.annotation or Annotation("", "", "")
    answers = {
        "event_scenario": noted.event_scenario,
        "user_emotion": felt(turn.emotion) if turn.emotion else "",
        "emotion_cause": noted.emotion_cause,
        "response_goal": noted.goal,
    }
    known = [name for name, answer in answers.items() if answer]
    dialogue = [
        dialogue_pb2.Utterance(
            role=_ROLES[said.role],
            text=said.text,
            emotion=turn.emotion
            if show_felt and said.role == "speaker" and index < len(turn.history) - 1
            else "",
        )
        for index, said in enumerate(turn.history)
    ]
    context = reasoning_pb2.ReasoningContext(
        system=SYSTEM,
        dialogue=dialogue,
        steps=[
            reasoning_pb2.CompletedStep(name=name, instruction=QUESTIONS[name], text=answers[name])
            for name in known
        ],
        instruction=QUESTIONS["response"] if turn.response else "",
    )
    fixed = sum(len(tokenize(f"{QUESTIONS[name]} {answers[name]}{END}")) for name in known)
    fixed += len(tokenize(f"{SYSTEM}{END}{END}{QUESTIONS['response']} {turn.response}{END}"))
    room = max(most_tokens - fixed, 16)
    parts = render(context, "", room, lambda text: len(tokenize(text))).parts
    learned = {len(parts) - 2 - 2 * back for back in range(len(known))}  # each answer follows its question
    weigh = {len(parts) - 2 - 2 * (len(known) - 1 - known.index("user_emotion"))} if turn.emotion else set()
    if turn.response:
        learned.add(len(parts))
        parts.append(f" {' '.join(turn.response.split())}{END}")
    tokens: list[int] = []
    labels: list[int] = []
    weights: list[float] = []
    for index, part in enumerate(parts):
        ids = list(tokenize(part))
        tokens += ids
        labels += ids if index in learned else [IGNORED] * len(ids)
        weights += [label_weight if index in weigh else 1.0] * len(ids)
    return Sample(tokens, labels, weights)


def samples(
    turns: Sequence[Turn], tokenize: Callable[[str], Sequence[int]], config: TrainingConfig
) -> list[Sample]:
    """Encodes all turns; rare emotions weigh more.

    Raises:
        InvalidInput: There is nothing to learn.
    """
    counts = Counter(turn.emotion for turn in turns if turn.emotion)
    mean = sum(counts.values()) / len(counts) if counts else 0.0
    weight = {label: min(max((mean / count) ** config.balance, 0.33), 3.0) for label, count in counts.items()}
    chance = random.Random(config.seed)
    found = [
        encode(
            turn,
            tokenize,
            most_tokens=config.most_tokens,
            label_weight=weight.get(turn.emotion, 1.0),
            show_felt=chance.random() < config.shown,
        )
        for turn in turns
        if turn.response or turn.annotation or turn.emotion
    ]
    if not found:
        raise InvalidInput.of("data", "holds no turn with a chain or a reply", reason="NO_DATA")
    return found


def batches(found: Sequence[Sample], batch_tokens: int, seed: int) -> list[list[int]]:
    """Indices of the samples of each step of an epoch: of like length, in random order."""
    chance = random.Random(seed)
    order = sorted(range(len(found)), key=lambda index: (len(found[index].tokens), chance.random()))
    made: list[list[int]] = [[]]
    for index in order:
        if made[-1] and (len(made[-1]) + 1) * len(found[index].tokens) > batch_tokens:
            made.append([])
        made[-1].append(index)
    chance.shuffle(made)
    return made
