"""The small networks that judge: ensembles of two-layer perceptrons, run by numpy."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runtime import weights

Floats = NDArray[np.float32]

WEIGHTS = Path(__file__).parent / "weights"

EVERYDAY_VOICE, EVERYDAY_FACE = 2.0, 1.5
"""How much flatter a judge of voice or face is made outside the studio.

Calibrated on recordings of the kind it was trained on, a judge is too sure of itself on others. On clips of
other corpora (9 voices of GRID, MEAD and LJSpeech, 13 faces of GRID and MEAD) these factors on the
temperature lower the log loss from 2.34 to 1.61 (voice) and from 1.28 to 1.22 (face).
"""


@dataclass(frozen=True)
class Judge:
    """E perceptrons that read the same D features and vote on C labels.

    Their logits are averaged and divided by a temperature that was fitted on people, or texts, that were not
    trained on (Guo et al. 2017, "On Calibration of Modern Neural Networks").
    """

    labels: tuple[str, ...]
    mean: Floats
    """(D,) of the training features."""
    scale: Floats
    """(D,) standard deviation of the training features."""
    w1: Floats
    """(E, D, H)."""
    b1: Floats
    """(E, 1, H)."""
    w2: Floats
    """(E, H, C)."""
    b2: Floats
    """(E, 1, C)."""
    temperature: float
    reliability: float
    """Balanced accuracy on unseen people, corrected for chance: 0 is a guess, 1 never errs."""

    def probabilities(self, features: Floats, softer: float = 1.0) -> Floats:
        """Judges features.

        Args:
            features: (N, D).
            softer: Factor on the temperature.

        Returns:
            (N, C), rows summing to 1.
        """
        return self.scaled(self.logits(features), softer)

    def scaled(self, logits: Floats, softer: float = 1.0) -> Floats:
        """Probabilities of what `logits` returned, (N, C)."""
        logits = logits / (self.temperature * softer)
        exponent = np.exp(logits - logits.max(axis=1, keepdims=True))
        result: Floats = exponent / exponent.sum(axis=1, keepdims=True)
        return result

    def logits(self, features: Floats) -> Floats:
        """Mean logits of the ensemble, (N, C), before the temperature."""
        normal = np.clip((features - self.mean) / self.scale, -6, 6)
        hidden = np.maximum(normal[None] @ self.w1 + self.b1, 0)
        logits: Floats = (hidden @ self.w2 + self.b2).mean(axis=0)
        return logits

    def save(self, path: Path, further: Mapping[str, NDArray[Any]] | None = None) -> None:
        """Writes weights, labels and temperature into one safetensors file; matrices as float16.

        Args:
            path: The file.
            further: Arrays that belong to the judge and are kept with it, for `read_weights`.
        """
        arrays = {name: getattr(self, name) for name in ("mean", "scale", "b1", "b2")}
        arrays |= {name: getattr(self, name).astype(np.float16) for name in ("w1", "w2")}
        arrays |= further or {}
        about = {
            "labels": list(self.labels),
            "temperature": self.temperature,
            "reliability": self.reliability,
        }
        weights.save_weights(path, arrays, about)

    @classmethod
    def load(cls, path: Path) -> "Judge":
        """Reads what `save` wrote.

        Raises:
            WeightsMissing: See `read_weights`.
        """
        arrays, about = read_weights(path)
        own = {field.name for field in fields(cls)} & arrays.keys()
        return cls(
            labels=tuple(about["labels"]),
            temperature=about["temperature"],
            reliability=about["reliability"],
            **{name: arrays[name].astype(np.float32) for name in own},
        )


def read_weights(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Reads the arrays of a judge's file, and what it says about them.

    Raises:
        WeightsMissing: There is no such file, or it is not as it was written.
    """
    return weights.read_weights(path, "services.perception.training")
