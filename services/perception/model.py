"""The small networks that judge: ensembles of two-layer perceptrons, run by numpy."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from runtime.errors import WeightsMissing

Floats = NDArray[np.float32]

WEIGHTS = Path(__file__).parent / "weights"

EVERYDAY = 2.0
"""How much flatter a judge of voice or face is made outside the studio.

Calibrated on recordings of the kind it was trained on, a judge is far too sure of itself on others. On clips
of other corpora (13 faces of GRID and MEAD, 9 voices of GRID, MEAD and LJSpeech) this factor on the
temperature lowers the log loss from 2.11 to 1.74 (face) and from 2.34 to 1.61 (voice).
"""


@dataclass(frozen=True)
class Judge:
    """E perceptrons that read the same D features and vote on C labels.

    Their logits are averaged and divided by a temperature that was fitted on the validation part (Guo et
    al. 2017, "On Calibration of Modern Neural Networks").
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
        logits = self.logits(features) / (self.temperature * softer)
        exponent = np.exp(logits - logits.max(axis=1, keepdims=True))
        result: Floats = exponent / exponent.sum(axis=1, keepdims=True)
        return result

    def logits(self, features: Floats) -> Floats:
        """Mean logits of the ensemble, (N, C), before the temperature."""
        normal = np.clip((features - self.mean) / self.scale, -6, 6)
        hidden = np.maximum(normal[None] @ self.w1 + self.b1, 0)
        logits: Floats = (hidden @ self.w2 + self.b2).mean(axis=0)
        return logits

    def save(self, path: Path) -> None:
        """Writes weights, labels and temperature into one safetensors file; matrices as float16."""
        arrays = {name: getattr(self, name) for name in ("mean", "scale", "b1", "b2")}
        arrays |= {name: getattr(self, name).astype(np.float16) for name in ("w1", "w2")}
        about = {
            "labels": list(self.labels),
            "temperature": self.temperature,
            "reliability": self.reliability,
        }
        save_file(arrays, path, metadata={"judge": json.dumps(about)})

    @classmethod
    def load(cls, path: Path) -> "Judge":
        """Reads what `save` wrote.

        Raises:
            WeightsMissing: There is no such file.
        """
        if not path.exists():
            raise WeightsMissing(
                f"{path.name} is not there; make it with `python -m services.perception.training`",
                reason="WEIGHTS_MISSING",
            )
        with safe_open(path, framework="numpy") as file:
            about: dict[str, Any] = json.loads(file.metadata()["judge"])
            arrays = {name: file.get_tensor(name).astype(np.float32) for name in file.keys()}  # noqa: SIM118
        about["labels"] = tuple(about["labels"])
        return cls(**arrays, **about)
