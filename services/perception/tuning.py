"""Tunes the sentence encoder and the judge of the words together, end to end.

The word embeddings and the lowest layers stay the package's; the layers above learn with the judge. Weights
are averaged over the steps (Polyak and Juditsky 1992), and the average is what is kept.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from runtime.emotions import CLASS_OF_LABEL, LABELS
from services.perception.dialogues import Dialogue, Mixture, batches, epoch_texts
from services.perception.fitting import Ints
from services.perception.modalities.text import joined
from services.perception.model import Floats, Judge
from services.perception.sentences import WIDTH, Encoder

_LOG = logging.getLogger(__name__)
_ENCODED = 64
"""Texts that are read at a time where nothing is learnt."""
_PROGRESS_STEPS = 25
_SAVE_S = 180.0


@dataclass(frozen=True)
class Recipe:
    """How encoder and judge are tuned."""

    epochs: float = 4.2
    batch: int = 64
    layers: int = 4
    """Layers of the encoder that learn, from the top."""
    rate: float = 1.5e-4
    """Learning rate of the top layer; that of the judge is `head_rate`."""
    layer_decay: float = 0.9
    """Factor on the rate from each layer to the one below (Howard and Ruder 2018)."""
    head_rate: float = 1e-3
    decay: float = 0.01
    hidden: int = 256
    dropout: float = 0.1
    smoothing: float = 0.1
    """Share of the target that is spread: half over the label's class, half over all labels."""
    warmup: float = 0.06
    """Share of the steps in which the rate rises; then it falls along half a cosine."""
    average: float = 0.998
    """What the averaged weights keep at each step."""
    mixture: Mixture = field(default_factory=Mixture)


class Tuned(torch.nn.Module):
    """The encoder with the judge on top, as they learn."""

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, recipe: Recipe) -> None:
        """Starts from the package's encoder and a random judge."""
        super().__init__()
        self.encoder = Encoder()
        self.model = self.encoder.model
        self.first = torch.nn.Linear(2 * WIDTH, recipe.hidden)
        self.second = torch.nn.Linear(recipe.hidden, len(LABELS))
        self.drop = torch.nn.Dropout(recipe.dropout)
        self.register_buffer("mean", torch.zeros(2 * WIDTH))
        self.register_buffer("scale", torch.ones(2 * WIDTH))
        self.model.requires_grad_(False)
        self.top = list(self.model.encoder.layer)[-recipe.layers :]
        for layer in self.top:
            layer.requires_grad_(True)

    def train(self, mode: bool = True) -> "Tuned":
        """Dropout is on only where something learns."""
        super().train(mode)
        self.model.eval()
        for layer in self.top:
            layer.train(mode)
        return self

    def forward(self, texts: Sequence[str]) -> torch.Tensor:
        """Logits, (texts, 32)."""
        with torch.autocast("cpu", torch.bfloat16):
            features = self.encoder.features(texts)
        normal = ((features - self.mean) / self.scale).clamp(-6, 6)
        logits: torch.Tensor = self.second(self.drop(torch.relu(self.first(self.drop(normal)))))
        return logits

    def judge(self) -> Judge:
        """The judge alone, not calibrated yet."""
        arrays = {
            "mean": self.mean,
            "scale": self.scale,
            "w1": self.first.weight.T[None],
            "b1": self.first.bias[None, None],
            "w2": self.second.weight.T[None],
            "b2": self.second.bias[None, None],
        }
        plain = {name: array.detach().numpy().copy() for name, array in arrays.items()}
        return Judge(labels=LABELS, temperature=1.0, reliability=0.0, **plain)

    def changes(self) -> dict[str, NDArray[Any]]:
        """See `Encoder.changes`."""
        return self.encoder.changes([n for n, p in self.model.named_parameters() if p.requires_grad])


def targets(smoothing: float) -> torch.Tensor:
    """Smoothed targets by label, (32, 32): labels of one class are the likelier mistakes."""
    same = np.array([[CLASS_OF_LABEL[a] == CLASS_OF_LABEL[b] for b in LABELS] for a in LABELS], np.float32)
    spread = 0.5 * same / same.sum(axis=1, keepdims=True) + 0.5 / len(LABELS)
    return torch.from_numpy((1 - smoothing) * np.eye(len(LABELS), dtype=np.float32) + smoothing * spread)


class Tuning:
    """A training that can be stopped and taken up again."""

    def __init__(self, data: Sequence[Dialogue], recipe: Recipe, seed: int, checkpoint: Path) -> None:
        """Prepares everything; takes up the checkpoint if it is of this recipe, seed and data.

        Args:
            data: What is learnt from.
            recipe: How; `epochs` may differ from the checkpoint's, the rate then falls faster or slower.
            seed: Of everything random.
            checkpoint: Where the state is kept between steps.
        """
        self._data, self._recipe, self._seed, self._checkpoint = data, recipe, seed, checkpoint
        torch.manual_seed(seed)
        self.tuned = Tuned(recipe)
        self._learning = [p for p in self.tuned.parameters() if p.requires_grad]
        self._optimizer = torch.optim.AdamW(self._groups(), weight_decay=recipe.decay)
        self._rates = [group["lr"] for group in self._optimizer.param_groups]
        self._targets = targets(recipe.smoothing)
        self._step, self.seconds = 0, 0.0
        self._total = round(recipe.epochs * len(data) * (1 + recipe.mixture.situations) / recipe.batch)
        self._key = f"{replace(recipe, epochs=0)} {seed} {len(data)}"
        if not self._resume():
            self._normalise()
            self._average = [p.detach().clone() for p in self._learning]

    def run(self) -> Tuned:
        """Trains to the end.

        Returns:
            Encoder and judge with the averaged weights.
        """
        started = saved = time.monotonic()
        first, before = self._step, self.seconds
        losses: deque[float] = deque(maxlen=_PROGRESS_STEPS)
        for texts, rows in self._batches():
            losses.append(self._learn(texts, rows))
            now = time.monotonic()
            self.seconds = before + now - started
            if self._step % _PROGRESS_STEPS == 0:
                pace = (now - started) / (self._step - first)
                minutes = pace * (self._total - self._step) / 60
                loss = sum(losses) / len(losses)
                _LOG.info(
                    "step %d of %d, loss %.3f, %.0f minutes to go", self._step, self._total, loss, minutes
                )
            if now - saved > _SAVE_S:
                self._save()
                saved = now
        self._save()
        with torch.no_grad():
            for parameter, average in zip(self._learning, self._average, strict=True):
                parameter.copy_(average)
        return self.tuned.eval()

    def _groups(self) -> list[dict[str, Any]]:
        recipe = self._recipe
        groups: list[dict[str, Any]] = [
            {"params": list(layer.parameters()), "lr": recipe.rate * recipe.layer_decay**depth}
            for depth, layer in enumerate(reversed(self.tuned.top))
        ]
        head = [*self.tuned.first.parameters(), *self.tuned.second.parameters()]
        return [*groups, {"params": head, "lr": recipe.head_rate}]

    def _normalise(self) -> None:
        random = np.random.default_rng(self._seed)
        chosen = random.choice(len(self._data), min(512, len(self._data)), replace=False)
        features = encoded(self.tuned.encoder, [joined(self._data[i].turns) for i in chosen])
        self.tuned.mean.copy_(torch.from_numpy(features.mean(axis=0)))
        self.tuned.scale.copy_(torch.from_numpy(features.std(axis=0) + 1e-2))

    def _batches(self) -> Iterator[tuple[list[str], Ints]]:
        epoch, done = 0, 0
        while self._step < self._total:
            random = np.random.default_rng((self._seed, epoch))
            texts, target = epoch_texts(self._data, self._recipe.mixture, random)
            for rows in batches(texts, self._recipe.batch, random):
                done += 1
                if done > self._step and self._step < self._total:
                    yield [texts[i] for i in rows], target[rows]
            epoch += 1

    def _learn(self, texts: list[str], target: Ints) -> float:
        self._step += 1
        share, warm = self._step / self._total, self._recipe.warmup
        factor = share / warm if share < warm else 0.5 * (1 + math.cos(math.pi * (share - warm) / (1 - warm)))
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        self.tuned.train()
        loss = torch.nn.functional.cross_entropy(self.tuned(texts), self._targets[target])
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._learning, 1.0)
        self._optimizer.step()
        keep = min(self._recipe.average, self._step / (self._step + 10))
        with torch.no_grad():
            for average, parameter in zip(self._average, self._learning, strict=True):
                average.lerp_(parameter, 1 - keep)
        return float(loss.detach())

    def _save(self) -> None:
        state = {
            "key": self._key,
            "step": self._step,
            "seconds": self.seconds,
            "tuned": self.tuned.state_dict(),
            "average": self._average,
            "optimizer": self._optimizer.state_dict(),
            "random": torch.get_rng_state(),
        }
        part = self._checkpoint.with_name(f"{self._checkpoint.name}.part")
        torch.save(state, part)
        part.replace(self._checkpoint)

    def _resume(self) -> bool:
        if not self._checkpoint.exists():
            return False
        state: Mapping[str, Any] = torch.load(self._checkpoint, weights_only=True)
        if state["key"] != self._key:
            _LOG.info("%s is of another training and is overwritten", self._checkpoint)
            return False
        self.tuned.load_state_dict(state["tuned"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._average = state["average"]
        self._step, self.seconds = state["step"], state["seconds"]
        torch.set_rng_state(state["random"])
        _LOG.info("taken up from %s at step %d of %d", self._checkpoint, self._step, self._total)
        return True


def encoded(encoder: Encoder, texts: Sequence[str]) -> Floats:
    """Features of many texts, (N, 768); those of like length go together, so that little is padded."""
    order = np.argsort([len(text) for text in texts])
    found = np.empty((len(texts), 2 * WIDTH), np.float32)
    for start in range(0, len(order), _ENCODED):
        rows = order[start : start + _ENCODED]
        found[rows] = encoder.encode([texts[i] for i in rows])
    return found
