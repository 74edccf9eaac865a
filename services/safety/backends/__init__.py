"""Ways to see danger: name -> class."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from empatheia.common.v1 import service_pb2

BACKENDS: dict[str, str] = {
    "embedded": "services.safety.backends.embedded:EmbeddedBackend",
}


@dataclass(frozen=True)
class Judgement:
    """What one utterance says of danger, read after those before it."""

    kinds: Mapping[str, float]
    """Probability by `runtime.safety.KINDS`, summing to 1."""
    stages: Mapping[str, float]
    """Probability by `runtime.safety.STAGES` if there is a danger, summing to 1."""
    seen_from: float
    """Least probability of danger together from which it counts as seen."""
    ask_from: float
    """Least probability of danger together from which the person should be asked."""


class SafetyBackend(ABC):
    """Judges utterances; called from several threads at once."""

    model: service_pb2.ModelInfo
    languages: Sequence[str]
    """ISO 639-1."""

    @abstractmethod
    def judge(self, talks: Sequence[Sequence[str]]) -> list[Judgement]:
        """Judges the last utterance of each talk; blocks.

        Args:
            talks: What was said, the person and the listener by turns, the person last.
        """
