"""Ways to decide on a style: name -> class."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from empatheia.common.v1 import service_pb2
from empatheia.disentangler.v1 import disentangler_pb2
from numpy.typing import NDArray

BACKENDS: dict[str, str] = {
    "rules": "services.disentangler.backends.rules:RulesBackend",
}


@dataclass(frozen=True)
class StyleQuestion:
    """What a style is asked for, checked."""

    classes: Mapping[str, float]
    """Probability of what the person feels by class; sums to 1, or is empty if nothing is known."""
    arousal: float
    """-1 (calm) to 1 (excited)."""
    confidence: float
    """0 (a guess) to 1."""
    age: str
    gender: str
    timbre: str
    """Each one of the contract's labels, or empty if unknown."""
    grave: bool
    """Whether somebody may be in danger: gentle and grave, whatever the person feels."""
    show: str
    """Emotion to show in any case: one of the 7 classes or "neutral"; empty leaves the choice."""
    show_intensity: float
    """Its strength, 0 to 1."""
    signals: Mapping[str, NDArray[np.generic]]
    """r_s and r_v by name, for learned backends."""


class DisentanglerBackend(ABC):
    """Decides on the style of a reply; called from several threads at once."""

    model: service_pb2.ModelInfo

    @abstractmethod
    def style(self, question: StyleQuestion) -> disentangler_pb2.DisentangleResponse:
        """Decides; blocks. Same question, same bytes. `model` is left to the service."""
