"""Ways to speak: name -> class."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from empatheia.common.v1 import content_pb2, dialogue_pb2, service_pb2, style_pb2
from numpy.typing import NDArray

BACKENDS: dict[str, str] = {
    "espeak_world": "services.speech.backends.espeak_world:EspeakWorldBackend",
    "transformers": "services.speech.backends.transformers_tts:TransformersBackend",
    "styletts2": "services.speech.backends.styletts2.backend:StyleTTS2Backend",
}


@dataclass(frozen=True)
class Manner:
    """How a reply is to be spoken, checked."""

    style: style_pb2.Style
    profile: dialogue_pb2.Profile
    seed: int
    """Not negative."""
    language: str
    """One of the backend's."""


@dataclass(frozen=True)
class Take:
    """A segment as it will be spoken, and its sound."""

    segment: content_pb2.ContentSegment
    """Times start at 0 with the segment; `duration_s` and `pause_s` are those of the samples."""
    blocks: Iterator[NDArray[np.int16]]
    """The samples of the segment and of the pause after it, made block by block; a block is at most some
    tenths of a second of work, and the iterator ends early once the call is stopped."""


class SpeechBackend(ABC):
    """Speaks; called from several threads at once."""

    languages: tuple[str, ...]
    """BCP 47 tags in lower case; the first is the default."""
    model: service_pb2.ModelInfo
    sample_rate: int
    notices: tuple[str, ...] = ()
    """What a user must know of the weights' licences."""

    @abstractmethod
    def speak(self, segment: content_pb2.ContentSegment, manner: Manner, stopped: threading.Event) -> Take:
        """Speaks one planned segment; blocks. Same arguments, same samples.

        Args:
            segment: The plan: times from 0, phonemes without gaps. Without phonemes it is silence.
            manner: How.
            stopped: Set when nobody listens any more.
        """
