"""A face drawn by code: a rig of blendshapes, rasterised by Skia, encoded by PyAV."""

import math
import threading
import time
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from empatheia.avatar.v1 import avatar_pb2
from empatheia.common.v1 import content_pb2, dialogue_pb2, service_pb2, style_pb2
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runtime.errors import InvalidInput, UnknownName
from services.avatar.backends import AvatarBackend, Video, VideoForm, VideoPiece
from services.avatar.drawing.painter import Painter, Picture
from services.avatar.encoder import AAC_RATES, Mp4Encoder
from services.avatar.motion.animator import LOOK_AHEAD_S, Animator
from services.avatar.profiles.schema import FOLDER, AvatarProfile, load_profiles

_TAIL_S = 0.3
"""What follows the voice."""

_CLOSING_S = 0.2
"""In which the mouth closes for good."""


class DrawnOptions(BaseModel):
    """Options of the backend."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profiles: list[Path] = Field(default_factory=list)
    """Further profile files, and folders of them."""
    size: int = Field(512, ge=64, le=1024, multiple_of=2)
    """Size of the picture where the caller leaves it open."""
    fps: float = Field(25.0, ge=5, le=60)
    """Pictures a second where the caller leaves it open."""
    kept: int = Field(8, ge=1)
    """Painted avatars that are kept for the next video."""


class DrawnBackend(AvatarBackend):
    """Draws avatars from profile files."""

    sample_rates = AAC_RATES
    sizes = (64, 1024)

    def __init__(self, options: Mapping[str, Any]) -> None:
        """See `AvatarBackend`."""
        try:
            self._options = DrawnOptions.model_validate(dict(options))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in ("services.avatar.options", *first["loc"]))
            raise InvalidInput.of(where, first["msg"], reason="BAD_SETTING") from error
        self._profiles: dict[str, AvatarProfile] = {}
        self._painters: dict[tuple[str, int], Painter] = {}
        self._lock = threading.Lock()

    def load(self) -> None:
        """Reads the profiles and makes a video of a few pictures.

        Raises:
            InvalidInput: A profile is broken; the message names file and field.
        """
        # A picture is too small a thing to share out among threads; other videos want the cores.
        cv2.setNumThreads(1)
        self._profiles = load_profiles([FOLDER, *(place.expanduser() for place in self._options.profiles)])
        video = self.open(VideoForm("", style_pb2.Style(), 0, 24000, 0, 0.0))
        never = threading.Event()
        for _ in video.speak(np.zeros(24000 // 5, np.int16), never):
            pass
        for _ in video.finish(never):
            pass

    def model(self) -> service_pb2.ModelInfo:
        """See `AvatarBackend`; nothing is learned, so there are no weights."""
        return service_pb2.ModelInfo(backend="drawn", model_id="empatheia-drawn-1")

    def avatars(self) -> list[avatar_pb2.Avatar]:
        """See `AvatarBackend`."""
        return [
            avatar_pb2.Avatar(
                id=key,
                name=profile.name,
                profile=dialogue_pb2.Profile(age=profile.age, gender=profile.gender, timbre=profile.timbre),
                description=profile.description,
            )
            for key, profile in self._profiles.items()
        ]

    def open(self, form: VideoForm) -> Video:
        """See `AvatarBackend`."""
        key = form.avatar_id or next(iter(self._profiles))
        if key not in self._profiles:
            raise UnknownName(
                f"there is no avatar {key!r}; there are: {', '.join(self._profiles)}", reason="UNKNOWN_AVATAR"
            )
        size = form.size or self._options.size
        fps = Fraction(form.fps or self._options.fps).limit_denominator(1001)
        return DrawnVideo(self._painter(key, size), form, fps)

    def _painter(self, key: str, size: int) -> Painter:
        with self._lock:
            painter = self._painters.pop((key, size), None) or Painter(self._profiles[key], size)
            self._painters[key, size] = painter
            while len(self._painters) > self._options.kept:
                del self._painters[next(iter(self._painters))]
        return painter


class DrawnVideo(Video):
    """A video of a drawn face."""

    def __init__(self, painter: Painter, form: VideoForm, fps: Fraction) -> None:
        """Opens the encoder."""
        self.size, self.fps = painter.size, float(fps)
        self._painter = painter
        self._paper = Picture(painter)
        self._rate, self._exact_fps = form.sample_rate, fps
        self._animator = Animator(
            form.style.face,
            form.seed,
            form.sample_rate,
            self.fps,
            before=form.before.face if form.before else None,
            life_s=form.life_s,
        )
        self._encoder = Mp4Encoder(self.size, fps, form.sample_rate)
        self.mime_type = self._encoder.mime_type
        self._waiting = np.zeros(0, np.int16)
        self._taken = self._listened = 0
        self._voice_s = 0.0
        # A cancelled call closes the video while its thread may still be at work on a picture.
        self._lock = threading.Lock()
        self._closed = False

    def follow(self, segment: content_pb2.ContentSegment) -> None:
        """See `Video`."""
        self._animator.add_segment(segment)

    def speak(self, samples: NDArray[np.int16], stopped: threading.Event) -> Iterator[VideoPiece]:
        """See `Video`."""
        self._take(samples)
        self._voice_s = self._taken / self._rate
        allowed = math.floor((self._voice_s - LOOK_AHEAD_S) * self._exact_fps)
        yield from self._pictures(allowed, stopped)

    def listen(self, samples: NDArray[np.int16], stopped: threading.Event) -> Iterator[VideoPiece]:
        """See `Video`."""
        # What came before was not heard but said.
        self._animator.add_heard(np.zeros(self._taken - self._listened, np.int16))
        self._animator.add_heard(samples)
        self._listened = self._taken + samples.size
        yield from self.speak(np.zeros_like(samples), stopped)

    def finish(self, stopped: threading.Event) -> Iterator[VideoPiece]:
        """See `Video`."""
        frames = math.ceil((self._voice_s + _TAIL_S) * self._exact_fps - 1e-9)
        wanted = round(Fraction(frames) / self._exact_fps * self._rate)
        self._take(np.zeros(wanted - self._taken, np.int16))
        yield from self._pictures(frames, stopped, ends_s=self._voice_s)
        with self._lock:
            last = None if self._closed or stopped.is_set() else self._encoder.finish()
        if last:
            yield last

    def close(self) -> None:
        """See `Video`."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._encoder.close()

    def _take(self, samples: NDArray[np.int16]) -> None:
        self._animator.add_voice(samples)
        self._waiting = np.concatenate([self._waiting, samples])
        self._taken += samples.size

    def _pictures(
        self, count: int, stopped: threading.Event, ends_s: float = math.inf
    ) -> Iterator[VideoPiece]:
        """Draws until there are `count` pictures; the mouth closes after `ends_s`."""
        while self.frames < count:
            with self._lock:
                if self._closed or stopped.is_set():
                    return
                fragment = self._picture(ends_s)
            if fragment:
                yield fragment

    def _picture(self, ends_s: float) -> VideoPiece | None:
        began = time.perf_counter()
        now = float(self.frames / self._exact_fps)
        ending = min(1.0, max(0.0, (now - ends_s) / _CLOSING_S))
        pixels = self._painter.draw(self._animator.pose(now, ending), self._paper)
        drawn = time.perf_counter()
        self.frames += 1
        # The voice goes ahead as far as it is there for certain: the file's writer orders both by time, and
        # would hold a picture back until it has the sound that belongs to it.
        until = math.floor((float(self.frames / self._exact_fps) + LOOK_AHEAD_S) * self._rate)
        voice = self._waiting[: max(0, until - self._taken + self._waiting.size)]
        self._waiting = self._waiting[voice.size :]
        self._encoder.add_voice(voice)
        self._encoder.add_picture(pixels)
        fragment = self._encoder.take()
        self.render_ms += (drawn - began) * 1000
        self.encode_ms += (time.perf_counter() - drawn) * 1000
        return fragment
