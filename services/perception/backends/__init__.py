"""The models behind perception."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from empatheia.common.v1 import affect_pb2, service_pb2
from empatheia.perception.v1 import perception_pb2

from services.perception.judgement import Judgement
from services.perception.recording import Floats, Picture
from services.perception.said import Said

BACKENDS: dict[str, str] = {
    "embedded": "services.perception.backends.embedded:EmbeddedBackend",
    "transformers": "services.perception.backends.transformers:TransformersBackend",
}
"""`module:class` by name."""


class Track(ABC):
    """What follows the sound of one utterance while it comes: one stretch of speech after the other.

    Called from one thread at a time.
    """

    @abstractmethod
    def begin(self, start_s: float) -> None:
        """A stretch of speech begins.

        Args:
            start_s: When, in the recording.
        """

    @abstractmethod
    def feed(self, samples: Floats) -> None:
        """Takes the next samples of the stretch, at least one: 16 kHz, mono."""

    @abstractmethod
    def end(self, keep: bool) -> None:
        """The stretch is over.

        Args:
            keep: False if it turned out to be no speech.
        """

    def close(self) -> None:
        """Gives back what it holds; may be called at any time, and twice."""
        return


class Hearing(Track):
    """Hears the words of one utterance."""

    @abstractmethod
    def words(self, wait: bool) -> list[perception_pb2.HeardWord]:
        """The words so far, in order.

        Args:
            wait: Whether to wait for all of them, once the last stretch is over.

        Raises:
            ServiceDown: The recognizer died.
        """


class Voice(Track):
    """Judges the voice of one utterance."""

    @abstractmethod
    def judgement(self) -> Judgement:
        """What the voice said, after at least one stretch that was kept."""


class Face(ABC):
    """Judges the face in one video while it comes."""

    @abstractmethod
    def watch(self, picture: Picture) -> None:
        """Looks at the next still."""

    @abstractmethod
    def judgement(self, speech: Sequence[affect_pb2.TimeSpan]) -> Judgement:
        """What the face said, after at least one still.

        Args:
            speech: When the person spoke, in order: a mouth that speaks is no expression.
        """


class Backend(ABC):
    """One set of models: a recognizer of words and a judge for each modality.

    Called from several threads at the same time, for several persons; what it needs to keep apart it keeps
    apart.
    """

    @abstractmethod
    def __init__(self, options: Mapping[str, Any]) -> None:
        """Checks the options and loads the weights.

        Raises:
            InvalidInput: An option is wrong.
            WeightsMissing: A model is not on this machine.
        """

    def close(self) -> None:
        """Gives back what the models took."""
        return

    @abstractmethod
    def info(self) -> service_pb2.ModelInfo:
        """Which models these are."""

    @abstractmethod
    def hearing(self) -> Hearing:
        """Begins to hear an utterance."""

    @abstractmethod
    def voice(self) -> Voice:
        """Begins to judge the voice of an utterance."""

    @abstractmethod
    def face(self) -> Face:
        """Begins to judge the face in a video."""

    @abstractmethod
    def judge_text(self, said: Sequence[Said]) -> Judgement:
        """Judges the person's words, oldest first; only words are judged, so at least one turn comes."""
