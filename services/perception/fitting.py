"""Fits a `Judge` and measures it: what the trainings of all modalities share."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from services.perception.model import Floats, Judge

Ints = NDArray[np.int64]
_FOLDS = 5


@dataclass(frozen=True)
class Recipe:
    """How an ensemble is trained."""

    hidden: int
    members: int = 5
    epochs: int = 60
    batch: int = 64
    rate: float = 1e-3
    decay: float = 1e-2
    dropout: float = 0.5
    noise: float = 0.0
    """Standard deviation of Gaussian noise on the normalised features."""
    smoothing: float = 0.1
    balanced: bool = True
    """Whether rare classes count as much as frequent ones."""


@dataclass(frozen=True)
class Part:
    """Features with their right answers."""

    features: Floats
    """(N, D)."""
    target: Ints
    """(N,)."""


@dataclass(frozen=True)
class Training(Part):
    """What a judge learns from."""

    group: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    """(N,) who or what each row shows: rows of a group stay together."""
    copy: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    """(N,) whether a row is a changed copy of another, which is learnt from only."""

    def rows(self, chosen: NDArray[np.bool_]) -> "Training":
        """Some of the rows."""
        return Training(self.features[chosen], self.target[chosen], self.group[chosen], self.copy[chosen])


def fit(
    train: Training, labels: tuple[str, ...], recipe: Recipe, classes: Mapping[str, str], seed: int
) -> Judge:
    """Trains an ensemble.

    Its temperature and its reliability come from the training part as well: from what ensembles that were
    trained in the same way say of groups that they have not seen.

    Args:
        train: What it learns from.
        labels: What `target` counts.
        recipe: How it is trained.
        classes: The class (of 7, or neutral) of each label: reliability is measured over these.
        seed: Of everything random.
    """
    unseen = []
    for fold in _folds(train.group, seed):
        measured = train.rows(fold & ~train.copy)
        learnt = _ensemble(train.rows(~fold), labels, recipe, seed)
        unseen.append((learnt.logits(measured.features.astype(np.float32)), measured.target))
    logits = np.concatenate([one for one, _ in unseen])
    target = np.concatenate([one for _, one in unseen])
    judge = replace(_ensemble(train, labels, recipe, seed), temperature=temperature(logits, target))
    return replace(judge, reliability=reliability(logits, target, judge, classes))


def _folds(group: Ints, seed: int) -> list[NDArray[np.bool_]]:
    """Rows of each fold: the groups in random order, dealt out."""
    names = np.random.default_rng(seed).permutation(np.unique(group))
    return [np.isin(group, names[fold::_FOLDS]) for fold in range(_FOLDS)]


def _ensemble(train: Part, labels: tuple[str, ...], recipe: Recipe, seed: int) -> Judge:
    mean = train.features.astype(np.float32).mean(axis=0)
    scale = train.features.astype(np.float32).std(axis=0) + 1e-4
    normal = torch.from_numpy(np.clip((train.features - mean) / scale, -6, 6).astype(np.float32))
    target = torch.from_numpy(train.target)
    weight = _class_weights(train.target, len(labels)) if recipe.balanced else None
    members = [_member(normal, target, len(labels), weight, recipe, seed + i) for i in range(recipe.members)]
    w1, b1, w2, b2 = (np.stack(arrays) for arrays in zip(*members, strict=True))
    return Judge(labels, mean, scale, w1, b1, w2, b2, 1.0, 0.0)


def reliability(logits: Floats, target: Ints, judge: Judge, classes: Mapping[str, str]) -> float:
    """Balanced accuracy over the classes of the labels, corrected for chance: 0 is a guess, 1 never errs.

    Args:
        logits: (N, C) of rows that were not trained on.
        target: (N,) their labels.
        judge: Knows the labels' names, and the temperature.
        classes: The class of each label.
    """
    guess, right = by_class(judge.scaled(logits), target, judge, classes)
    chance = 1 / len(np.unique(right))
    return (balanced_accuracy(guess, right) - chance) / (1 - chance)


def by_class(
    probabilities: Floats, target: Ints, judge: Judge, classes: Mapping[str, str]
) -> tuple[Ints, Ints]:
    """The likeliest class of each row, and the right one, as indices.

    Args:
        probabilities: (N, C) over the judge's labels.
        target: (N,) labels.
        judge: Knows the labels' names.
        classes: The class of each label; labels without one are left out.
    """
    names = sorted(set(classes.values()))
    membership = np.array([[classes.get(label) == name for name in names] for label in judge.labels])
    return (probabilities @ membership).argmax(axis=1), membership.argmax(axis=1)[target]


def _member(
    features: torch.Tensor,
    target: torch.Tensor,
    classes: int,
    weight: torch.Tensor | None,
    recipe: Recipe,
    seed: int,
) -> tuple[Floats, Floats, Floats, Floats]:
    torch.manual_seed(seed)
    first = torch.nn.Linear(features.shape[1], recipe.hidden)
    second = torch.nn.Linear(recipe.hidden, classes)
    network = torch.nn.Sequential(
        torch.nn.Dropout(recipe.dropout / 2), first, torch.nn.ReLU(), torch.nn.Dropout(recipe.dropout), second
    )
    steps = recipe.epochs * -(-len(features) // recipe.batch)
    optimizer = torch.optim.AdamW(network.parameters(), recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=steps)
    loss = torch.nn.CrossEntropyLoss(weight, label_smoothing=recipe.smoothing)
    for _ in range(recipe.epochs):
        for rows in torch.split(torch.randperm(len(features)), recipe.batch):
            optimizer.zero_grad()
            noisy = features[rows] + recipe.noise * torch.randn(len(rows), features.shape[1])
            loss(network(noisy), target[rows]).backward()
            optimizer.step()
            schedule.step()
    return (
        first.weight.detach().numpy().T.copy(),
        first.bias.detach().numpy()[None],
        second.weight.detach().numpy().T.copy(),
        second.bias.detach().numpy()[None],
    )


def _class_weights(target: Ints, classes: int) -> torch.Tensor:
    count = np.bincount(target, minlength=classes).astype(np.float32)
    return torch.from_numpy(count.mean() / np.maximum(count, 0.2 * count.mean()))


def temperature(logits: Floats, target: Ints) -> float:
    """What logits are best divided by: least log loss on data that they were not trained on."""
    grid = np.exp(np.linspace(np.log(0.2), np.log(5), 121))
    losses = [_log_loss(logits / value, target) for value in grid]
    return float(grid[int(np.argmin(losses))])


def _log_loss(logits: Floats, target: Ints) -> float:
    top = logits.max(axis=1, keepdims=True)
    normal = logits - top - np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
    return float(-normal[np.arange(len(target)), target].mean())


def balanced_accuracy(guess: Ints, target: Ints) -> float:
    """Mean over the classes of the share that was recognised."""
    return float(np.mean([(guess[target == c] == c).mean() for c in np.unique(target)]))


def macro_f1(guess: Ints, target: Ints) -> float:
    """Mean over the classes of the F1 score."""
    scores = []
    for klass in np.unique(target):
        hits = ((guess == klass) & (target == klass)).sum()
        scores.append(2 * hits / max(1, (guess == klass).sum() + (target == klass).sum()))
    return float(np.mean(scores))


def calibration_error(probabilities: Floats, target: Ints, bins: int = 10) -> float:
    """Expected calibration error: mean gap between confidence and accuracy over bins of confidence."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == target
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        (index == b).mean() * abs(right[index == b].mean() - confidence[index == b].mean())
        for b in range(bins)
        if (index == b).any()
    ]
    return float(np.sum(gaps))
