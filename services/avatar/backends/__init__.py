"""What draws: the interface, and the backends by name."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from empatheia.avatar.v1 import avatar_pb2
from empatheia.common.v1 import content_pb2, service_pb2, style_pb2
from numpy.typing import NDArray

BACKENDS = {
    "drawn": "services.avatar.backends.drawn:DrawnBackend",
    "dreamtalk": "services.avatar.backends.dreamtalk.backend:DreamTalkBackend",
}


@dataclass(frozen=True)
class VideoForm:
    """What a video is to be; checked by the service."""

    avatar_id: str
    """Empty is the default avatar."""
    style: style_pb2.Style
    seed: int
    sample_rate: int
    size: int
    """Width and height in pixels; 0 is the backend's own."""
    fps: float
    """Pictures a second; 0 is the backend's own."""
    before: style_pb2.Style | None = None
    """How the face looked until now; None is at rest."""
    life_s: float = 0.0
    """Where the first picture lies on the clock of the face's life."""


@dataclass(frozen=True)
class VideoPiece:
    """Bytes of the video."""

    data: bytes
    pts_s: float
    """Time of the first picture in it."""


class Video(ABC):
    """One video in the making. All methods block; one thread at a time."""

    mime_type: str
    size: int
    fps: float
    frames: int = 0
    render_ms: float = 0.0
    encode_ms: float = 0.0

    @abstractmethod
    def follow(self, segment: content_pb2.ContentSegment) -> None:
        """Takes a segment as spoken."""

    @abstractmethod
    def speak(self, samples: NDArray[np.int16], stopped: threading.Event) -> Iterator[VideoPiece]:
        """Takes samples and draws what they allow; ends early when stopped."""

    def listen(self, samples: NDArray[np.int16], stopped: threading.Event) -> Iterator[VideoPiece]:
        """Takes samples of the person's voice, during which the face is silent."""
        return self.speak(np.zeros_like(samples), stopped)

    @abstractmethod
    def finish(self, stopped: threading.Event) -> Iterator[VideoPiece]:
        """Ends the video."""

    @abstractmethod
    def close(self) -> None:
        """Gives back what the video took; may be called at any time, more than once."""


class AvatarBackend(ABC):
    """Makes videos of faces."""

    sample_rates: tuple[int, ...]
    """Sample rates that a voice may have."""
    sizes: tuple[int, int]
    """Least and greatest size."""

    @abstractmethod
    def __init__(self, options: Mapping[str, Any]) -> None:
        """Checks the options; quick.

        Raises:
            InvalidInput: An option is wrong.
        """

    @abstractmethod
    def load(self) -> None:
        """Loads what it needs and makes one short video."""

    @abstractmethod
    def model(self) -> service_pb2.ModelInfo:
        """What draws."""

    @abstractmethod
    def avatars(self) -> list[avatar_pb2.Avatar]:
        """The avatars, the default first."""

    @abstractmethod
    def open(self, form: VideoForm) -> Video:
        """Begins a video.

        Raises:
            UnknownName: There is no such avatar.
        """
