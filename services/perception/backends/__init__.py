"""The models behind perception."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from empatheia.common.v1 import affect_pb2, service_pb2
from empatheia.perception.v1 import perception_pb2

from services.perception.judgement import Judgement
from services.perception.recording import Clip, Floats
from services.perception.said import Said

BACKENDS: dict[str, str] = {
    "embedded": "services.perception.backends.embedded:EmbeddedBackend",
}
"""`module:class` by name."""


class Backend(ABC):
    """One set of models: a recognizer of words and a judge for each modality.

    The four methods are called from several threads at the same time, for several persons; what they need
    to keep apart they keep apart. Long ones look at `stopped`.
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
    def transcribe(
        self, sound: Floats, spans: Sequence[affect_pb2.TimeSpan], stopped: threading.Event
    ) -> perception_pb2.Transcript:
        """Hears the words in the parts of a sound (16 kHz mono) that hold speech."""

    @abstractmethod
    def judge_text(self, said: Sequence[Said]) -> Judgement:
        """Judges the person's words, oldest first; only words are judged, so at least one turn comes."""

    @abstractmethod
    def judge_speech(self, sound: Floats, spans: Sequence[affect_pb2.TimeSpan]) -> Judgement:
        """Judges the voice in the parts of a sound that hold speech, at least one."""

    @abstractmethod
    def judge_face(self, clip: Clip, stopped: threading.Event) -> Judgement:
        """Judges the face in a clip's pictures, at least one."""
