"""How right perception is about the words alone, and how long it takes.

    python -m benchmarks.text_affect DIALOGUES.jsonl.gz [--number N] [--timed 100] [--json]

Dialogues are cut by the rule of `empatheia evaluate erg`. Judging alone is measured on all of them; the
time is that of one utterance with its evidence, as a turn asks for it, on one core.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import torch

from benchmarks.chains import Cut, Sample, samples
from benchmarks.erg_figures import calibration_error, macro_f1
from runtime.emotions import CLASS_OF_LABEL, class_distribution
from services.perception.modalities.sentences import Encoder
from services.perception.modalities.text import PATH, TextModality, joined
from services.perception.model import Judge, read_weights
from services.perception.said import Said
from services.perception.tuning import encoded

_WARM_UP = 5


def said(sample: Sample) -> list[Said]:
    """What the person said, as perception gets it."""
    return [Said(i, one.text) for i, one in enumerate(sample.dialogue) if one.role == "speaker"]


def accuracy(drawn: Sequence[Sample]) -> dict[str, Any]:
    """Figures of the label and the class, as `benchmarks.erg` has them."""
    judge, encoder = Judge.load(PATH), Encoder(read_weights(PATH)[0])
    features = encoded(encoder, [joined([one.text for one in said(sample)]) for sample in drawn])
    shares = [dict(zip(judge.labels, row.tolist(), strict=True)) for row in judge.probabilities(features)]
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
    """Milliseconds of one utterance with its evidence: median, and what nine in ten stay under."""
    modality = TextModality()
    taken = []
    for sample in (*drawn[:_WARM_UP], *drawn):
        started = time.perf_counter()
        modality.judge(said(sample))
        taken.append((time.perf_counter() - started) * 1000)
    taken = sorted(taken[_WARM_UP:])
    return {"ms_p50": statistics.median(taken), "ms_p90": taken[int(0.9 * len(taken))]}


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dialogues", type=Path)
    parser.add_argument("--number", type=int, default=100_000, help="how many dialogues at most")
    parser.add_argument("--timed", type=int, default=100, help="how many of them are timed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = {
        cut: accuracy(samples(chosen.dialogues, chosen.number, chosen.seed, cut)) for cut in get_args(Cut)
    }
    if chosen.timed:
        result["time"] = times_ms(samples(chosen.dialogues, chosen.timed, chosen.seed))
    if chosen.json:
        sys.stdout.write(json.dumps(result, indent=2) + "\n")
        return
    for name, figures in result.items():
        line = ", ".join(f"{key} {value:.3f}" for key, value in figures.items())
        sys.stdout.write(f"{name}: {line}\n")


if __name__ == "__main__":
    main()
