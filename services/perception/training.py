"""Makes the weights of the judges: `python -m services.perception.training text|speech|face --data DIR`.

`DIR` is the folder of one data set, laid out as the loaders say. The judge that comes out is measured on
people (or dialogues) that it has not seen, and is written with its card into `weights/`. That of the words is
tuned together with its encoder, which takes an hour: a training that was stopped goes on where it was.
"""

import argparse
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from runtime.emotions import CLASS_OF_LABEL, NEUTRAL
from services.perception import corpora, tuning
from services.perception.dialogues import dialogues, views
from services.perception.fitting import (
    Ints,
    Part,
    Recipe,
    balanced_accuracy,
    by_class,
    calibration_error,
    fit,
    macro_f1,
    reliability,
    temperature,
)
from services.perception.modalities.face import CLASS_OF_EXPRESSION
from services.perception.modalities.voice import CLASS_OF_RAVDESS
from services.perception.model import WEIGHTS, Judge
from services.perception.sentences import Encoder

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Made:
    judge: Judge
    valid: Part
    trained: str
    """How many of what it learnt from, and how."""
    further: str = ""
    """More figures for the card."""
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """What is kept with the judge."""
    seconds: float = 0.0
    """Spent before a stop."""


@dataclass(frozen=True)
class _Task:
    file: str
    title: str
    make: Callable[[Path, Path, int], _Made]
    """From data, a path for checkpoints, and a seed."""
    classes: Mapping[str, str]
    """The class of the contract, or neutral, of each label."""
    usable: frozenset[str]
    """Labels with examples enough; empty if all are."""
    data: str
    split: str
    calibration: str
    limits: str


def _tuned(folder: Path, checkpoint: Path, seed: int) -> _Made:
    """Words: a judge and the upper layers of its encoder, tuned together on dialogues."""
    data = dialogues(folder / "train.jsonl.gz")
    order = np.random.default_rng(seed).permutation(len(data))
    held_out, learnt = ([data[i] for i in part] for part in np.split(order, [_HELD_OUT]))
    recipe = tuning.Recipe()
    training = tuning.Tuning(learnt, recipe, seed, checkpoint)
    tuned = training.run()
    changes = tuned.changes()
    encoder = Encoder(changes)
    judge = tuned.judge()

    def part(texts: Sequence[str], target: Ints) -> Part:
        return Part(tuning.encoded(encoder, texts), target)

    held = [part(*view) for view in views(held_out, seed).values()]
    logits = judge.logits(np.concatenate([one.features for one in held]))
    judge = replace(judge, temperature=temperature(logits, np.concatenate([one.target for one in held])))
    measured = dialogues(folder / "valid.jsonl.gz")
    seen = {name: part(*view) for name, view in views(measured, seed).items()}
    longer = [len(one.turns) > 1 for one in measured]
    first, whole = seen["first turn"], seen["all turns"]
    valid = Part(
        np.concatenate((first.features, whole.features[longer])),
        np.concatenate((first.target, whole.target[longer])),
    )
    logits = judge.logits(valid.features)
    judge = replace(judge, reliability=reliability(logits, valid.target, judge, CLASS_OF_LABEL))
    lines = [
        "| what was said | n | right of 32 | right of 7 | macro-F1 | calibration error |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in {**seen, "first and all turns": valid}.items():
        got = measure(judge, one, CLASS_OF_LABEL)
        lines.append(
            f"| {name} | {got['n']} | {got['accuracy']:.3f} | {got['accuracy_7']:.3f} "
            f"| {got['macro_f1']:.3f} | {got['ece']:.3f} |"
        )
    trained = f"{recipe}, {len(learnt)} dialogues"
    return _Made(judge, valid, trained, "\n".join(lines), changes, training.seconds)


def _fitted(
    load: Callable[[Path], corpora.Corpus], recipe: Recipe, classes: Mapping[str, str]
) -> Callable[[Path, Path, int], _Made]:
    """A judge on features that stay as they are."""

    def make(folder: Path, checkpoint: Path, seed: int) -> _Made:
        corpus = load(folder)
        _LOG.info("%d to train, %d to measure", len(corpus.train.target), len(corpus.valid.target))
        judge = fit(corpus.train, corpus.labels, recipe, classes, seed)
        return _Made(judge, corpus.valid, f"{recipe}, {len(corpus.train.target)} rows")

    return make


_HELD_OUT = 1000
"""Dialogues of the training part that only the temperature of the words' judge is fitted on."""
_FOLDED = "on the training part: on {}, in five parts, each judged by an ensemble that had not seen them"

_TASKS: dict[str, _Task] = {
    "text": _Task(
        "text",
        "words, over the 32 labels of EmpatheticDialogues",
        _tuned,
        CLASS_OF_LABEL,
        frozenset(),
        "EmpatheticDialogues (Rashkin et al. 2019), CC BY-NC 4.0: non-commercial use only. In each epoch "
        "each dialogue cut after a random turn of the person, and half of the situations. The encoder is "
        "all-MiniLM-L6-v2 (Apache-2.0); this file holds the changes of its upper layers as 8-bit integers.",
        "the set's own validation dialogues, their first turn and all of the person's turns",
        f"on {_HELD_OUT} dialogues of the training part that were kept out of the training",
        "English, written, people telling of an event on request; the 32 labels overlap (sad, devastated).",
    ),
    "speech": _Task(
        "voice",
        "voices, over the 8 emotions of RAVDESS",
        _fitted(corpora.voices, Recipe(hidden=128, members=5, epochs=40, noise=0.3), CLASS_OF_RAVDESS),
        CLASS_OF_RAVDESS,
        frozenset(),
        "RAVDESS speech, audio only (Livingstone and Russo 2018), CC BY-NC-SA 4.0: non-commercial use only, "
        "and these weights are shared under the same licence.",
        "actors 19 and 20, never trained on",
        _FOLDED.format("actors 1 to 18"),
        "Acted, two sentences, twenty North American voices, a quiet studio: expect less on everyday speech.",
    ),
    "face": _Task(
        "face",
        "faces, over 8 expressions",
        _fitted(
            corpora.faces_of,
            Recipe(hidden=96, members=5, epochs=12, batch=128, noise=0.3, balanced=False),
            CLASS_OF_EXPRESSION,
        ),
        CLASS_OF_EXPRESSION,
        frozenset(CLASS_OF_EXPRESSION) - {"contempt", "fear"},
        "Photographs of muxspace/facial_expressions (repository Apache-2.0; rights in the photographs "
        "unstated: treat as non-commercial; no photograph is shipped), read as oriented gradients and by the "
        "network of `expressions.safetensors`. Five changed copies of each are added to the training: "
        "shifted, turned, scaled, blurred, mirrored, in other light, with fewer pixels.",
        "a fifth of the photographs, no near-duplicate of a training photograph among them",
        _FOLDED.format("the photographs as they are, near-duplicates together"),
        "Noisy labels; 14 photographs of fear and 5 of contempt are too few to learn from; public persons "
        "and film stills, so one person may be on both sides of the split; few talking mouths in the data.",
    ),
}


def train(name: str, data: Path, target: Path = WEIGHTS, seed: int = 0) -> dict[str, float]:
    """Trains one judge, writes its weights and its card.

    Args:
        name: "text", "speech" or "face".
        data: Folder of the data set.
        target: Folder for the weights. A training that takes long keeps its state there, too, until it is
            done, and goes on from it.
        seed: Of everything random.

    Returns:
        Figures on the validation part: see `measure`.
    """
    started = time.monotonic()
    task = _TASKS[name]
    checkpoint = target / f"{task.file}.checkpoint"
    made = task.make(data, checkpoint, seed)
    path = target / f"{task.file}.safetensors"
    made.judge.save(path, made.arrays)
    figures = measure(made.judge, made.valid, task.classes, task.usable)
    minutes = (made.seconds + time.monotonic() - started) / 60
    path.with_suffix(".md").write_text(_card(task, made, figures, seed, minutes))
    checkpoint.unlink(missing_ok=True)
    return figures


def measure(
    judge: Judge, part: Part, classes: Mapping[str, str], usable: frozenset[str] = frozenset()
) -> dict[str, float]:
    """Measures a judge on data with right answers.

    Args:
        judge: The judge.
        part: The data.
        classes: The class of the contract, or neutral, of each label.
        usable: Labels with examples enough; empty if all are.

    Returns:
        n, accuracy, balanced_accuracy, macro_f1 and ece over the labels; n_7 and accuracy_7, the share whose
        likeliest class of the contract is right, without rows that are neutral; n_usable, accuracy_usable and
        macro_f1_usable over rows of usable labels.
    """
    probabilities = judge.probabilities(part.features.astype(np.float32))
    guess = probabilities.argmax(axis=1)
    kept = np.isin(part.target, [judge.labels.index(label) for label in usable or judge.labels])
    felt = np.array([classes[label] != NEUTRAL for label in judge.labels])[part.target]
    seven = {label: klass for label, klass in classes.items() if klass != NEUTRAL}
    found, right = by_class(probabilities[felt], part.target[felt], judge, seven)
    figures = {
        "n": len(guess),
        "accuracy": float((guess == part.target).mean()),
        "balanced_accuracy": balanced_accuracy(guess, part.target),
        "macro_f1": macro_f1(guess, part.target),
        "ece": calibration_error(probabilities, part.target),
        "n_7": len(found),
        "accuracy_7": float((found == right).mean()),
    }
    if usable:
        figures |= {
            "n_usable": int(kept.sum()),
            "accuracy_usable": float((guess == part.target)[kept].mean()),
            "macro_f1_usable": macro_f1(guess[kept], part.target[kept]),
        }
    return figures


def _card(task: _Task, made: _Made, figures: dict[str, float], seed: int, minutes: float) -> str:
    judge, valid = made.judge, made.valid
    present = np.unique(valid.target)
    guess = judge.logits(valid.features.astype(np.float32)).argmax(axis=1)
    recall = "\n".join(
        f"| {judge.labels[c]} | {(valid.target == c).sum()} | {(guess[valid.target == c] == c).mean():.2f} |"
        for c in present
    )
    usable = ""
    if task.usable:
        usable = (
            f" Over the {len(task.usable)} labels with examples enough (n = {figures['n_usable']}): accuracy "
            f"{figures['accuracy_usable']:.3f}, macro-F1 {figures['macro_f1_usable']:.3f}."
        )
    further = f"\n{made.further}\n" if made.further else ""
    return f"""# {task.file}.safetensors: judges {task.title}

- Data: {task.data}
- Measured on: {task.split} (n = {figures["n"]}).
- Accuracy {figures["accuracy"]:.3f}, balanced accuracy {figures["balanced_accuracy"]:.3f}, \
macro-F1 {figures["macro_f1"]:.3f}, expected calibration error {figures["ece"]:.3f}. \
The temperature ({judge.temperature:.2f}) was fitted {task.calibration}.
- Over the 7 classes of the contract, without what is neutral (n = {figures["n_7"]}): \
{figures["accuracy_7"]:.3f} right.{usable}
- Reliability used in fusion (over the classes, balanced, corrected for chance): {judge.reliability:.2f}.
- Recipe: {made.trained}, seed {seed}, {minutes:.1f} minutes on CPU; \
made by `python -m services.perception.training`.
- Limits: {task.limits}
{further}
| label | n | recall |
|---|---|---|
{recall}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one training from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modality", choices=sorted(_TASKS))
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="folder for the weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(chosen.threads)
    figures = train(chosen.modality, chosen.data, chosen.out, chosen.seed)
    _LOG.info("%s", ", ".join(f"{key} {value:.3f}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
