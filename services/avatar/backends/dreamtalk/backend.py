"""The backend `dreamtalk`: portraits that speak."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from empatheia.avatar.v1 import avatar_pb2
from empatheia.common.v1 import service_pb2, style_pb2
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from runtime.errors import InvalidInput, UnknownName
from services.avatar.backends import AvatarBackend, Video, VideoForm
from services.avatar.backends.dreamtalk.checkpoint import load
from services.avatar.backends.dreamtalk.engine import Engine
from services.avatar.backends.dreamtalk.features import Stretch
from services.avatar.backends.dreamtalk.portrait import read_portrait
from services.avatar.backends.dreamtalk.video import FPS, DreamTalkVideo
from services.avatar.encoder import AAC_RATES

_PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}


class DreamTalkOptions(BaseModel):
    """Options of the backend."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: Path
    """Folder that the importer made."""
    portraits: Path
    """Folder of pictures; the name of each file is its avatar's key."""
    style: Literal["emotion", "S_v"] = "emotion"
    """How a face speaks: by its emotion's code, or by S_v of a disentangler that has learned such codes."""
    device: str = Field("", pattern=r"^(cpu|cuda(:\d+)?)?$")
    """Empty is a GPU where there is one."""
    steps: int = Field(10, ge=1, le=1000)
    """Steps of DDIM."""
    guidance: float = Field(1.0, ge=0, le=10)
    """How far beyond no style; 1 costs half of any other."""
    batch: int = Field(16, ge=1, le=256)
    """Pictures drawn together, of all sessions."""
    at_once: int = Field(8, ge=1, le=64)
    """Pictures that one session draws before it gives them away."""


class DreamTalkBackend(AvatarBackend):
    """Moves portraits by the voice."""

    sample_rates = tuple(rate for rate in AAC_RATES if rate % 50 == 0)
    sizes = (256, 256)

    def __init__(self, options: Mapping[str, Any]) -> None:
        """See `AvatarBackend`."""
        try:
            self._options = DreamTalkOptions.model_validate(dict(options))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in ("services.avatar.options", *first["loc"]))
            raise InvalidInput.of(where, first["msg"], reason="BAD_SETTING") from error
        self._engine: Engine | None = None
        self._portraits: dict[str, Tensor] = {}

    def load(self) -> None:
        """Loads weights and portraits, and makes a video of a few pictures.

        Raises:
            WeightsMissing: The weights have not been imported.
            InvalidInput: The weights are broken, or a portrait shows no face.
        """
        options = self._options
        device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
        weights = load(options.weights.expanduser(), device)
        if weights.config.denoiser.steps % options.steps:
            said = f"{options.steps} must divide {weights.config.denoiser.steps}"
            raise InvalidInput.of("services.avatar.options.steps", said, reason="BAD_SETTING")
        size = weights.config.renderer.size
        folder = options.portraits.expanduser()
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        files = [path for path in found if path.suffix.lower() in _PICTURES]
        if not files:
            said = f"{folder} holds no picture; put at least one portrait there"
            raise InvalidInput.of("services.avatar.options.portraits", said, reason="NO_PORTRAIT")
        self._portraits = {path.stem: read_portrait(path, size) for path in files}
        self.sizes = (size, size)
        self._engine = Engine(
            weights,
            device=device,
            steps=options.steps,
            guidance=options.guidance,
            batch=options.batch,
            learned_style=options.style == "S_v",
        )
        video = self.open(VideoForm("", style_pb2.Style(), 0, 16000, 0, 0.0))
        try:
            for _ in video.speak(np.zeros(1600, np.int16), threading.Event()):
                pass
            for _ in video.finish(threading.Event()):
                pass
        finally:
            video.close()

    def model(self) -> service_pb2.ModelInfo:
        """See `AvatarBackend`."""
        digest = self._engine.weights.digest if self._engine else ""
        return service_pb2.ModelInfo(backend="dreamtalk", model_id="dreamtalk", weight_hash=digest)

    def avatars(self) -> list[avatar_pb2.Avatar]:
        """See `AvatarBackend`."""
        return [
            avatar_pb2.Avatar(
                id=key, name=key.replace("_", " ").title(), description="A portrait that speaks."
            )
            for key in self._portraits
        ]

    def open(self, form: VideoForm) -> Video:
        """See `AvatarBackend`.

        Raises:
            InvalidInput: Other than 25 pictures a second were asked for, or the style is broken.
            UnknownName: There is no such avatar.
        """
        if self._engine is None:
            raise RuntimeError("load() comes first")
        if form.fps not in (0, FPS):
            said = f"{form.fps:g}: DreamTalk makes {FPS} pictures a second (0: the usual)"
            raise InvalidInput.of("start.fps", said, reason="BAD_FPS")
        key = form.avatar_id or next(iter(self._portraits))
        if key not in self._portraits:
            raise UnknownName(
                f"there is no avatar {key!r}; there are: {', '.join(self._portraits)}",
                reason="UNKNOWN_AVATAR",
            )
        return DreamTalkVideo(self._engine, self._portraits[key], form, Stretch(), self._options.at_once)
