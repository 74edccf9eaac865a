"""Judges faces with any model of image classification, and describes them with CLIP."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import torch
from empatheia.common.v1 import affect_pb2
from transformers import AutoImageProcessor, AutoModelForImageClassification, CLIPVisionModel

from runtime.batching import Batcher
from runtime.emotions import NEUTRAL
from services.perception.backends import Face
from services.perception.backends.transformers.loading import classes_of, companion, hash_of, load
from services.perception.judgement import Judgement, Moment, absent, flatten_neutral, pooled, spread
from services.perception.modalities import faces
from services.perception.recording import STEP_S, Floats, Picture

_MIN_SHARE = 0.2
_MARGIN = 0.15


@dataclass(frozen=True)
class Seen:
    """What the models say of a face."""

    classes: dict[str, float]
    """Probability by class, neutral among them."""
    vector: Floats
    """(D,), pooled by CLIP."""


class FaceModels:
    """A frozen encoder and a classifier."""

    def __init__(self, encoder: str, emotion: str, device: torch.device, most: int) -> None:
        """Loads them; errors as for `loading.load` and `loading.classes_of`."""
        self._device = device
        self._encoder = load("face_encoder", encoder, CLIPVisionModel.from_pretrained, device)
        self._encoder_input = companion("face_encoder", encoder, AutoImageProcessor.from_pretrained)
        self._emotion = load("face_emotion", emotion, AutoModelForImageClassification.from_pretrained, device)
        self._emotion_input = companion("face_emotion", emotion, AutoImageProcessor.from_pretrained)
        self._classes = classes_of("face_emotion", self._emotion.config.id2label)
        self.width = int(self._encoder.config.hidden_size)
        self.name, self.hash = emotion, hash_of(emotion)
        self.batcher: Batcher[faces.Grey, Seen] = Batcher(self._run, most, "face")

    def _run(self, crops: list[faces.Grey]) -> Sequence[Seen]:
        pictures = [np.repeat(crop[:, :, None], 3, axis=2) for crop in crops]
        with torch.inference_mode():
            prepared = self._emotion_input(pictures, return_tensors="pt").to(self._device)
            shares = self._emotion(**prepared).logits.float().softmax(dim=-1).cpu().numpy()
            prepared = self._encoder_input(pictures, return_tensors="pt").to(self._device)
            vectors = self._encoder(**prepared).pooler_output.float().cpu().numpy()
        seen = []
        for row, vector in zip(shares.tolist(), vectors, strict=True):
            classes: dict[str, float] = {}
            for klass, share in zip(self._classes, row, strict=True):
                classes[klass] = classes.get(klass, 0.0) + share
            seen.append(Seen(classes, vector))
        return seen


class PretrainedFace(Face):
    """Judges one video; each still is on its way to the models while the next is decoded."""

    def __init__(self, models: FaceModels, finder: faces.Finder, reliability: float, softer: float) -> None:
        """Starts before the first still."""
        self._models = models
        self._track = faces.Track(finder)
        self._reliability = reliability
        self._softer = softer
        self._pictures = 0
        self._asked: list[tuple[float, Future[Seen]]] = []

    def watch(self, picture: Picture) -> None:
        """See `Face`."""
        self._pictures += 1
        box = self._track.next(picture.grey)
        if box is not None:
            crop = _crop(picture.grey, box)
            self._asked.append((picture.time_s, self._models.batcher.submit(crop)))

    def judgement(self, speech: Sequence[affect_pb2.TimeSpan]) -> Judgement:
        """See `Face`."""
        if len(self._asked) < max(1, _MIN_SHARE * self._pictures):
            return absent("no face found")
        seen = [(time, future.result()) for time, future in self._asked]
        mean, vector = pooled([(1.0, one.classes, one.vector) for _, one in seen], self._softer)
        share = len(seen) / self._pictures
        observed = {klass: share * p for klass, p in mean.items() if klass != NEUTRAL}
        neutral = 1 - sum(observed.values())
        top = max(observed, key=lambda klass: observed[klass])
        course = []
        for time, one in seen:
            classes, _ = pooled([(1.0, one.classes, one.vector)], self._softer)
            calm = classes.pop(NEUTRAL, 0.0)
            course.append(Moment(time, time + STEP_S, flatten_neutral(classes, calm)))
        best = max(course, key=lambda moment: moment.classes[top])
        others = self._track.others
        return Judgement(
            labels=spread(flatten_neutral(observed, neutral)),
            evidence=(best.evidence("face", top),),
            reliability=self._reliability,
            feature=vector[None],
            model_id=self._models.name,
            weight_hash=self._models.hash,
            notes=(f"{others} further face{'s' * (others > 1)} ignored",) if others else (),
            word=NEUTRAL if neutral > observed[top] else top,
            course=tuple(course),
        )


def _crop(grey: faces.Grey, box: faces.Box) -> faces.Grey:
    margin = round(_MARGIN * box.side)
    top, left = max(0, box.y - margin), max(0, box.x - margin)
    return np.ascontiguousarray(grey[top : box.y + box.side + margin, left : box.x + box.side + margin])
