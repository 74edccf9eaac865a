"""One video in the making: voice in, pictures out, as far as the look-aheads allow."""

import math
import threading
import time
from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np
import torch
from empatheia.common.v1 import content_pb2
from numpy.typing import NDArray
from torch import Tensor

from services.avatar.backends import Video, VideoForm, VideoPiece
from services.avatar.backends.dreamtalk.clips import pose_at
from services.avatar.backends.dreamtalk.content import audio_windows
from services.avatar.backends.dreamtalk.engine import Engine, Expression, Picture
from services.avatar.backends.dreamtalk.features import Stretch, VoiceFeatures
from services.avatar.backends.dreamtalk.renderer.mapping import motion_windows
from services.avatar.encoder import Mp4Encoder

FPS = 25
_TAIL_S = 0.3
_VOICE_AHEAD_S = 0.2


class DreamTalkVideo(Video):
    """A video of a portrait. Segments are not needed: the network hears what is said."""

    def __init__(
        self, engine: Engine, portrait: Tensor, form: VideoForm, stretch: Stretch, at_once: int
    ) -> None:
        """Opens the encoder."""
        config = engine.weights.config
        self.size, self.fps = config.renderer.size, float(FPS)
        self._engine, self._portrait, self._at_once = engine, portrait, at_once
        self._seed, self._rate = form.seed, form.sample_rate
        self._style = engine.style(form.style)
        self._hearing = VoiceFeatures(engine.weights.features, form.sample_rate, stretch)
        self._features = torch.zeros(0, config.denoiser.features)
        self._features_start = 0
        self._motion = torch.zeros(0, config.renderer.motion)
        self._encoder = Mp4Encoder(self.size, Fraction(FPS), form.sample_rate)
        self.mime_type = self._encoder.mime_type
        self._waiting = np.zeros(0, np.int16)
        self._taken = 0
        # A cancelled call closes the video while its thread may still be at work on pictures.
        self._lock = threading.Lock()
        self._closed = False

    def follow(self, segment: content_pb2.ContentSegment) -> None:
        """See `Video`; nothing is read from segments."""

    def speak(self, samples: NDArray[np.int16], stopped: threading.Event) -> Iterator[VideoPiece]:
        """See `Video`."""
        self._take(samples)
        yield from self._advance(None, stopped)

    def finish(self, stopped: threading.Event) -> Iterator[VideoPiece]:
        """See `Video`."""
        frames = math.ceil((self._taken / self._rate + _TAIL_S) * FPS - 1e-9)
        self._take(np.zeros(frames * self._rate // FPS - self._taken, np.int16))
        yield from self._advance(frames, stopped)
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
        self._hearing.add(samples)
        self._waiting = np.concatenate([self._waiting, samples])
        self._taken += samples.size

    def _advance(self, frames: int | None, stopped: threading.Event) -> Iterator[VideoPiece]:
        """Draws what can be drawn; all `frames` once the voice has ended."""
        while not stopped.is_set():
            began = time.perf_counter()
            with self._lock:
                more = None if self._closed else self._hearing.next(None if frames is None else 2 * frames)
            if more is not None:
                self._express(more, frames)
            self.render_ms += (time.perf_counter() - began) * 1000
            yield from self._draw(frames, stopped)
            if more is None:
                return

    def _express(self, more: Tensor, frames: int | None) -> None:
        """Makes the expressions that the features allow."""
        config = self._engine.weights.config.denoiser
        self._features = torch.cat([self._features, more])
        heard = self._features_start + len(self._features)
        first = len(self._motion)
        ended = frames is not None and heard >= 2 * frames
        until = frames if ended and frames is not None else (heard - config.radius - 1) // 2 + 1
        if until <= first:
            return
        windows = audio_windows(self._features, config.radius, first, until - first, self._features_start)
        items = [
            Expression(self._noise(frame), window, self._style)
            for frame, window in zip(range(first, until), windows, strict=True)
        ]
        expressions = torch.stack(self._engine.expressions.all(items))
        pose = pose_at(self._engine.weights.pose, first, until - first)
        self._motion = torch.cat([self._motion, torch.cat([expressions, pose], 1)])
        drop = max(0, 2 * until - config.radius - self._features_start)
        self._features, self._features_start = self._features[drop:], self._features_start + drop

    def _noise(self, frame: int) -> Tensor:
        """Each picture's own noise, so that the chunks in which the voice came change nothing."""
        draw = np.random.default_rng((self._seed % 2**64, frame))
        width = self._engine.weights.config.denoiser.expression
        return torch.from_numpy(draw.standard_normal(width, np.float32))

    def _draw(self, frames: int | None, stopped: threading.Event) -> Iterator[VideoPiece]:
        radius = self._engine.weights.config.renderer.radius
        known = len(self._motion)
        until = known if known == frames else known - radius
        while self.frames < until:
            with self._lock:
                if self._closed or stopped.is_set():
                    return
                pieces = self._pictures(min(self._at_once, until - self.frames))
            yield from pieces

    def _pictures(self, count: int) -> list[VideoPiece]:
        began = time.perf_counter()
        radius = self._engine.weights.config.renderer.radius
        windows = motion_windows(self._motion, radius, self.frames, count)
        drawn = self._engine.pictures.all([Picture(self._portrait, window) for window in windows])
        ready = time.perf_counter()
        pieces = [piece for picture in drawn if (piece := self._encode(picture.numpy()))]
        self.render_ms += (ready - began) * 1000
        self.encode_ms += (time.perf_counter() - ready) * 1000
        return pieces

    def _encode(self, pixels: NDArray[np.uint8]) -> VideoPiece | None:
        self.frames += 1
        until = math.floor((self.frames / FPS + _VOICE_AHEAD_S) * self._rate)
        voice = self._waiting[: max(0, until - self._taken + self._waiting.size)]
        self._waiting = self._waiting[voice.size :]
        self._encoder.add_voice(voice)
        self._encoder.add_picture(np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA), np.uint8))
        return self._encoder.take()
