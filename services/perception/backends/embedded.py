"""Small models that need no GPU and no download: pocketsphinx, MiniLM, and this project's own judges."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import torch
from empatheia.common.v1 import service_pb2
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runtime.errors import InvalidInput
from runtime.models import weight_hash
from services.perception.backends import Backend, Face, Hearing, Voice
from services.perception.judgement import Judgement
from services.perception.modalities.asr import Recognizer
from services.perception.modalities.face import FaceModality
from services.perception.modalities.text import TextModality
from services.perception.modalities.voice import VoiceModality
from services.perception.model import WEIGHTS
from services.perception.said import Said


class Options(BaseModel):
    """What can be set of this backend."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threads: int = Field(1, ge=1)
    """Threads that one modality may use."""


class EmbeddedBackend(Backend):
    """Loads in seconds, runs on one core."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """See `Backend`."""
        try:
            own = Options.model_validate(options)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(("services.perception.options", *map(str, first["loc"])))
            raise InvalidInput.of(where, first["msg"], reason="BAD_SETTING") from error
        torch.set_num_threads(own.threads)
        cv2.setNumThreads(own.threads)
        self._recognizer = Recognizer()
        self._text = TextModality()
        self._voice = VoiceModality()
        self._face = FaceModality()

    def close(self) -> None:
        """See `Backend`."""
        self._recognizer.close()

    def info(self) -> service_pb2.ModelInfo:
        """See `Backend`; the hash is taken over those of the three judges."""
        hashes = [weight_hash(path) for path in sorted(WEIGHTS.glob("*.safetensors"))]
        return service_pb2.ModelInfo(
            backend="embedded",
            model_id="pocketsphinx en-us + all-MiniLM-L6-v2 + own judges of text, voice and face",
            weight_hash=hashlib.sha256("".join(hashes).encode()).hexdigest()[:16],
        )

    def hearing(self) -> Hearing:
        """See `Backend`."""
        return self._recognizer.hearing()

    def voice(self) -> Voice:
        """See `Backend`."""
        return self._voice.voice()

    def face(self) -> Face:
        """See `Backend`."""
        return self._face.face()

    def judge_text(self, said: Sequence[Said]) -> Judgement:
        """See `Backend`."""
        return self._text.judge(said)
