"""Pretrained models of transformers: Whisper, HuBERT or WavLM, CLIP, and any classifiers of emotion."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from empatheia.common.v1 import service_pb2
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runtime.errors import InvalidInput
from services.perception.backends import Backend, Face, Hearing, Voice
from services.perception.backends.transformers.face import FaceModels, PretrainedFace
from services.perception.backends.transformers.projection import Projection
from services.perception.backends.transformers.voice import PretrainedVoice, VoiceModels
from services.perception.backends.transformers.whisper import Whisper, WhisperHearing
from services.perception.judgement import Judgement
from services.perception.modalities import faces
from services.perception.modalities.text import TextModality
from services.perception.said import Said


class Options(BaseModel):
    """What can be set of this backend: each model by its folder, or by the hub id of one that was fetched."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    asr: str = "openai/whisper-small"
    """Any Whisper."""
    speech_encoder: str = "facebook/hubert-large-ll60k"
    """HuBERT, WavLM, or another encoder of 16 kHz sound; it makes x_s."""
    speech_emotion: str = "superb/hubert-large-superb-er"
    """Any audio classifier whose labels are emotions."""
    face_encoder: str = "openai/clip-vit-large-patch14"
    """Any CLIP; it makes x_v."""
    face_emotion: str = "trpakov/vit-face-expression"
    """Any image classifier whose labels are emotions."""
    projection: str = ""
    """File of a `Projection` into the language model's width; empty leaves the vectors as they are."""
    device: str = "auto"
    """As torch names it; "auto" is a GPU if there is one."""
    batch: int = Field(16, ge=1)
    """Most stretches, or faces, that go through a model at once."""
    reliability: float = Field(0.5, ge=0, le=1)
    """How much voice and face weigh in the fusion: measure your models, and set it."""
    softer: float = Field(1.0, gt=0)
    """Temperature of voice and face: above 1 they are less sure of themselves."""


class TransformersBackend(Backend):
    """All models are frozen. Calls of several persons go through them in batches.

    The batches are made by a thread for each model, not by `@serve.batch`: that one needs the replica's event
    loop, and the service must behave the same on a bare gRPC server.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        """See `Backend`."""
        try:
            own = Options.model_validate(options)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(("services.perception.options", *map(str, first["loc"])))
            raise InvalidInput.of(where, first["msg"], reason="BAD_SETTING") from error
        self._own = own
        name = own.device if own.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
        try:
            device = torch.device(name)
        except RuntimeError as error:
            raise InvalidInput.of(
                "services.perception.options.device", f"torch knows no {name!r}", reason="BAD_SETTING"
            ) from error
        self._whisper = Whisper(own.asr, device, own.batch)
        self._voice = VoiceModels(own.speech_encoder, own.speech_emotion, device, own.batch)
        self._face = FaceModels(own.face_encoder, own.face_emotion, device, own.batch)
        self._text = TextModality()
        self._projection = (
            Projection.load(Path(own.projection), self._voice.width, self._face.width)
            if own.projection
            else None
        )

    def info(self) -> service_pb2.ModelInfo:
        """See `Backend`."""
        own = self._own
        names = (own.asr, own.speech_encoder, own.speech_emotion, own.face_encoder, own.face_emotion)
        return service_pb2.ModelInfo(
            backend="transformers", model_id=" + ".join(names), weight_hash=self._voice.hash
        )

    def hearing(self) -> Hearing:
        """See `Backend`."""
        return WhisperHearing(self._whisper)

    def voice(self) -> Voice:
        """See `Backend`."""
        return _ProjectedVoice(self._voice, self._own, self._projection)

    def face(self) -> Face:
        """See `Backend`."""
        return _ProjectedFace(self._face, self._own, self._projection)

    def judge_text(self, said: Sequence[Said]) -> Judgement:
        """See `Backend`; words are judged as in the `embedded` backend."""
        return self._text.judge(said)


class _ProjectedVoice(PretrainedVoice):
    def __init__(self, models: VoiceModels, own: Options, projection: Projection | None) -> None:
        super().__init__(models, own.reliability, own.softer)
        self._layer = projection.speech if projection else None

    def judgement(self) -> Judgement:
        return _projected(super().judgement(), self._layer)


class _ProjectedFace(PretrainedFace):
    def __init__(self, models: FaceModels, own: Options, projection: Projection | None) -> None:
        super().__init__(models, faces.Finder(), own.reliability, own.softer)
        self._layer = projection.face if projection else None

    def judgement(self, speech: Any) -> Judgement:
        return _projected(super().judgement(speech), self._layer)


def _projected(judgement: Judgement, layer: torch.nn.Linear | None) -> Judgement:
    if layer is None or judgement.feature is None:
        return judgement
    with torch.inference_mode():
        return replace(judgement, feature=layer(torch.from_numpy(judgement.feature)).numpy())
