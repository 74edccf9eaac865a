"""Makes the weights of the judges: `python -m services.perception.training text|speech|face --data DIR`.

`DIR` is the folder of one data set, laid out as the loaders below say. The judge that comes out is measured
on people (or dialogues) that it has not seen, and is written with its card into `weights/`.
"""

import argparse
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from runtime.emotions import CLASS_OF_LABEL
from services.perception import corpora
from services.perception.fitting import (
    Part,
    Recipe,
    balanced_accuracy,
    calibration_error,
    fit,
    macro_f1,
)
from services.perception.modalities.face import CLASS_OF_EXPRESSION
from services.perception.modalities.voice import CLASS_OF_RAVDESS
from services.perception.model import WEIGHTS, Judge

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Task:
    file: str
    title: str
    load: Callable[[Path], corpora.Corpus]
    recipe: Recipe
    classes: Mapping[str, str]
    data: str
    split: str
    limits: str


_TASKS: dict[str, _Task] = {
    "text": _Task(
        "text",
        "words, over the 32 labels of EmpatheticDialogues",
        corpora.dialogues,
        Recipe(
            hidden=256, members=1, epochs=8, batch=256, rate=2e-3, decay=0.05, dropout=0.4, balanced=False
        ),
        CLASS_OF_LABEL,
        "EmpatheticDialogues (Rashkin et al. 2019), CC BY-NC 4.0: non-commercial use only. Each dialogue "
        "twice: the person's first turn, and all of the person's turns. Features: all-MiniLM-L6-v2 "
        "(Apache-2.0), frozen.",
        "the set's own validation dialogues",
        "English, written, people telling of an event on request; the 32 labels overlap (sad, devastated).",
    ),
    "speech": _Task(
        "voice",
        "voices, over the 8 emotions of RAVDESS",
        corpora.voices,
        Recipe(hidden=128, members=5, epochs=40, noise=0.3),
        CLASS_OF_RAVDESS,
        "RAVDESS speech, audio only (Livingstone and Russo 2018), CC BY-NC-SA 4.0: non-commercial use only, "
        "and these weights are shared under the same licence.",
        "actors 19 and 20, never trained on",
        "Acted, two sentences, twenty North American voices, a quiet studio: expect less on everyday speech.",
    ),
    "face": _Task(
        "face",
        "faces, over 8 expressions",
        corpora.faces_of,
        Recipe(hidden=96, members=5, epochs=12, batch=128, noise=0.3, balanced=False),
        CLASS_OF_EXPRESSION,
        "Photographs of muxspace/facial_expressions (repository Apache-2.0; rights in the photographs "
        "unstated: treat as non-commercial; no photograph is shipped). Five changed copies of each are added "
        "to the training: shifted, turned, scaled, blurred, mirrored.",
        "a fifth of the photographs, no near-duplicate of a training photograph among them",
        "Noisy labels; 14 photographs of fear and 5 of contempt are too few to learn from; public persons "
        "and film stills, so one person may be on both sides of the split; few talking mouths in the data.",
    ),
}


def train(name: str, data: Path, target: Path = WEIGHTS, seed: int = 0) -> dict[str, float]:
    """Trains one judge, writes its weights and its card.

    Args:
        name: "text", "speech" or "face".
        data: Folder of the data set.
        target: Folder for the weights.
        seed: Of everything random.

    Returns:
        Figures on the validation part: n, accuracy, balanced_accuracy, macro_f1, ece.
    """
    started = time.monotonic()
    task = _TASKS[name]
    corpus = task.load(data)
    _LOG.info("%s: %d to train, %d to measure", name, len(corpus.train.target), len(corpus.valid.target))
    judge = fit(corpus.train, corpus.valid, corpus.labels, task.recipe, task.classes, seed)
    judge.save(target / f"{task.file}.safetensors")
    (target / f"{task.file}.safetensors").chmod(0o644)
    figures = measure(judge, corpus.valid)
    minutes = (time.monotonic() - started) / 60
    (target / f"{task.file}.md").write_text(_card(task, judge, corpus, figures, seed, minutes))
    return figures


def measure(judge: Judge, part: Part) -> dict[str, float]:
    """Measures a judge on data with right answers."""
    probabilities = judge.probabilities(part.features.astype(np.float32))
    guess = probabilities.argmax(axis=1)
    return {
        "n": len(guess),
        "accuracy": float((guess == part.target).mean()),
        "balanced_accuracy": balanced_accuracy(guess, part.target),
        "macro_f1": macro_f1(guess, part.target),
        "ece": calibration_error(probabilities, part.target),
    }


def _card(
    task: _Task, judge: Judge, corpus: corpora.Corpus, figures: dict[str, float], seed: int, minutes: float
) -> str:
    present = np.unique(corpus.valid.target)
    guess = judge.logits(corpus.valid.features.astype(np.float32)).argmax(axis=1)
    recall = "\n".join(
        f"| {corpus.labels[c]} | {(corpus.valid.target == c).sum()} "
        f"| {(guess[corpus.valid.target == c] == c).mean():.2f} |"
        for c in present
    )
    return f"""# {task.file}.safetensors: judges {task.title}

- Data: {task.data}
- Measured on: {task.split} (n = {figures["n"]}).
- Accuracy {figures["accuracy"]:.3f}, balanced accuracy {figures["balanced_accuracy"]:.3f}, \
macro-F1 {figures["macro_f1"]:.3f}, expected calibration error {figures["ece"]:.3f}. \
The temperature ({judge.temperature:.2f}) was fitted on the same part, so the calibration error is a little \
too good.
- Reliability used in fusion (over the classes, balanced, corrected for chance): {judge.reliability:.2f}.
- Recipe: {task.recipe}, seed {seed}, {len(corpus.train.target)} training rows, {minutes:.1f} minutes \
on CPU; made by `python -m services.perception.training`.
- Limits: {task.limits}

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
