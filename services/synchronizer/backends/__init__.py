"""Ways to plan speech: name -> class."""

from abc import ABC, abstractmethod

from empatheia.common.v1 import content_pb2, service_pb2

BACKENDS: dict[str, str] = {
    "espeak": "services.synchronizer.backends.espeak:EspeakBackend",
}


class SynchronizerBackend(ABC):
    """Plans sentences; called from several threads at once."""

    languages: tuple[str, ...]
    """BCP 47 tags in lower case; the first is the default."""
    model: service_pb2.ModelInfo

    @abstractmethod
    def plan(self, index: int, text: str, language: str) -> content_pb2.ContentSegment:
        """Plans one sentence; blocks.

        Args:
            index: Goes into the segment.
            text: As written.
            language: One of `languages`.

        Raises:
            InvalidInput: The text can't be read in this language.
        """
