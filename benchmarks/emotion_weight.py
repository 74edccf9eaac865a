"""What the language model's scores add to perception's distribution over the 32 labels.

    python -m benchmarks.emotion_weight DIALOGUES.jsonl.gz [--number 400] [--seed 11]

Dialogues are cut by the rule of `empatheia evaluate erg`. A weight is to be picked on the first half of them;
the second half says what it is worth. Reasoning runs in this process.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from agents import event_scenario, user_emotion
from agents.step import StepContext
from benchmarks.chains import Sample, samples
from benchmarks.text_affect import said
from runtime.clients.in_process import InProcessTransport
from runtime.emotions import LABELS
from runtime.settings import load_settings
from services.perception.modalities.text import PATH, joined
from services.perception.model import Judge, read_weights
from services.perception.sentences import Encoder
from services.perception.tuning import encoded
from services.reasoning.service import ReasoningService

Floats = NDArray[np.float64]

_WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)


async def scores(drawn: Sequence[Sample]) -> Floats:
    """The language model's own distribution, (dialogues, 32)."""
    service = ReasoningService(load_settings())
    await service.start()
    transport = InProcessTransport({"reasoning": service})
    rows = []
    for index, sample in enumerate(drawn):
        context = StepContext(
            transport=transport, turn_id=f"weight-{index}", seed=0, dialogue=sample.dialogue, labels={}
        )
        context.steps.append(await event_scenario.conclude(context))
        found = (await user_emotion.conclude(context)).distribution
        rows.append([found.get(label, 0.0) for label in LABELS])
        if index % 25 == 0:
            sys.stderr.write(f"{index} of {len(drawn)}\n")
    await service.stop()
    return np.array(rows)


def priors(drawn: Sequence[Sample]) -> Floats:
    """Perception's distribution, (dialogues, 32)."""
    judge, encoder = Judge.load(PATH), Encoder(read_weights(PATH)[0])
    texts = [joined([one.text for one in said(sample)]) for sample in drawn]
    return judge.probabilities(encoded(encoder, texts)).astype(np.float64)


def figures(logits: Floats, gold: NDArray[np.int64]) -> str:
    """Accuracy and log loss of distributions that need not sum to 1."""
    normal = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    right = (normal.argmax(axis=1) == gold).mean()
    return f"right {right:.3f}, log loss {-normal[np.arange(len(gold)), gold].mean():.3f}"


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dialogues", type=Path)
    parser.add_argument("--number", type=int, default=400)
    parser.add_argument("--seed", type=int, default=11)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    drawn = samples(chosen.dialogues, chosen.number, chosen.seed)
    prior = np.log(priors(drawn) + 1e-12)
    score = np.log(asyncio.run(scores(drawn)) + 1e-9)
    gold = np.array([LABELS.index(sample.emotion) for sample in drawn])
    half = len(drawn) // 2
    for name, part in (("first half", slice(half)), ("second half", slice(half, None)), ("all", slice(None))):
        sys.stdout.write(f"{name}: scores alone {figures(score[part], gold[part])}\n")
        for weight in _WEIGHTS:
            both = prior[part] + weight * score[part]
            sys.stdout.write(f"{name}: scores weigh {weight}: {figures(both, gold[part])}\n")


if __name__ == "__main__":
    main()
