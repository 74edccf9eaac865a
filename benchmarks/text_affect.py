"""How right perception is about the words alone, and how long it takes.

    python -m benchmarks.text_affect DIALOGUES.jsonl.gz [--number N] [--timed 100] [--reasoner N] [--json]

Dialogues are cut by the rule of `empatheia evaluate erg`. Judging alone is measured on all of them; the
time is that of one utterance, with its evidence, as a turn asks for it, and without, on one core.
`--reasoner` also takes the reasoner's emotion step on N of them: as in a turn, where the judge's distribution
is its prior, and by itself.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

import torch

from agents import event_scenario, user_emotion
from agents.step import StepContext
from benchmarks.chains import Cut, Sample, samples
from benchmarks.erg_figures import calibration_error, macro_f1
from runtime.clients.in_process import InProcessTransport
from runtime.emotions import CLASS_OF_LABEL, class_distribution
from runtime.settings import load_settings
from services.perception.modalities.text import PATH, TextModality, joined
from services.perception.model import Judge, read_weights
from services.perception.said import Said
from services.perception.sentences import Encoder
from services.perception.tuning import encoded
from services.reasoning.service import ReasoningService

_WARM_UP = 5


def said(sample: Sample) -> list[Said]:
    """What the person said, as perception gets it."""
    return [Said(i, one.text) for i, one in enumerate(sample.dialogue) if one.role == "speaker"]


def accuracy(drawn: Sequence[Sample]) -> dict[str, Any]:
    """Figures of the judge of words."""
    return figures(judged(drawn), drawn)


def judged(drawn: Sequence[Sample]) -> list[dict[str, float]]:
    """The distributions of the judge of words."""
    judge, encoder = Judge.load(PATH), Encoder(read_weights(PATH)[0])
    features = encoded(encoder, [joined([one.text for one in said(sample)]) for sample in drawn])
    return [dict(zip(judge.labels, row.tolist(), strict=True)) for row in judge.probabilities(features)]


def figures(shares: Sequence[dict[str, float]], drawn: Sequence[Sample]) -> dict[str, Any]:
    """Figures of the label and the class, as `benchmarks.erg` has them."""
    found = [max(one, key=one.__getitem__) for one in shares]
    classes = [class_distribution(one) for one in shares]
    gold = [sample.emotion for sample in drawn]
    right = [a == b for a, b in zip(found, gold, strict=True)]
    right_7 = [
        max(one, key=one.__getitem__) == CLASS_OF_LABEL[label]
        for one, label in zip(classes, gold, strict=True)
    ]
    return {
        "n": len(drawn),
        "accuracy_32": statistics.mean(right),
        "accuracy_7": statistics.mean(right_7),
        "macro_f1_32": macro_f1(found, gold),
        "ece": calibration_error([max(one.values()) for one in shares], right),
    }


def times_ms(drawn: Sequence[Sample]) -> dict[str, float]:
    """Milliseconds of one utterance: median, and what nine in ten stay under."""
    judge, encoder, modality = Judge.load(PATH), Encoder(read_weights(PATH)[0]), TextModality()

    def alone(sample: Sample) -> object:
        return judge.probabilities(encoder.encode([joined([one.text for one in said(sample)])]))

    def with_evidence(sample: Sample) -> object:
        return modality.judge(said(sample))

    return {
        f"{work.__name__}_ms_{name}": value
        for work in (alone, with_evidence)
        for name, value in _spread([_ms(work, one) for one in (*drawn[:_WARM_UP], *drawn)][_WARM_UP:]).items()
    }


async def beside_reasoner(drawn: Sequence[Sample]) -> dict[str, dict[str, Any]]:
    """The judge of words and the reasoner's emotion step on the same dialogues: figures and times."""
    service = ReasoningService(load_settings())
    await service.start()
    transport = InProcessTransport({"reasoning": service})
    words = judged(drawn)
    found: dict[str, list[dict[str, float]]] = {"reasoner_with_words": [], "reasoner_alone": []}
    times: dict[str, list[float]] = {name: [] for name in found}
    for index, sample in enumerate(drawn):
        context = StepContext(transport, f"words-{index}", 0, sample.dialogue)
        context.steps.append(await event_scenario.conclude(context))
        for name, labels in (("reasoner_with_words", words[index]), ("reasoner_alone", {})):
            context.labels = labels
            result = await user_emotion.conclude(context)
            found[name].append(result.distribution)
            times[name].append(result.ms)
    await service.stop()
    return {
        "words_alone": {**figures(words, drawn), **times_ms(drawn)},
        **{
            name: {**figures(found[name], drawn), **{f"ms_{k}": v for k, v in _spread(times[name]).items()}}
            for name in found
        },
    }


def _ms(work: Callable[[Sample], object], sample: Sample) -> float:
    started = time.perf_counter()
    work(sample)
    return (time.perf_counter() - started) * 1000


def _spread(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {"p50": statistics.median(ordered), "p90": ordered[int(0.9 * len(ordered))]}


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dialogues", type=Path)
    parser.add_argument("--number", type=int, default=100_000, help="how many dialogues at most")
    parser.add_argument("--timed", type=int, default=100, help="how many of them are timed")
    parser.add_argument("--reasoner", type=int, default=0, help="how many the reasoner takes as well")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = {
        cut: accuracy(samples(chosen.dialogues, chosen.number, chosen.seed, cut)) for cut in get_args(Cut)
    }
    if chosen.timed:
        result["time"] = times_ms(samples(chosen.dialogues, chosen.timed, chosen.seed))
    if chosen.reasoner:
        drawn = samples(chosen.dialogues, chosen.reasoner, chosen.seed)
        result |= asyncio.run(beside_reasoner(drawn))
    if chosen.json:
        sys.stdout.write(json.dumps(result, indent=2) + "\n")
        return
    for name, figures in result.items():
        line = ", ".join(f"{key} {value:.3f}" for key, value in figures.items())
        sys.stdout.write(f"{name}: {line}\n")


if __name__ == "__main__":
    main()
