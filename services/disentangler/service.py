"""The gRPC face of the disentangler: checks what comes in."""

import asyncio
import math
from collections.abc import Sequence

from empatheia.common.v1 import affect_pb2, service_pb2
from empatheia.disentangler.v1 import disentangler_pb2

from runtime.emotions import CLASSES, LABELS, NEUTRAL, class_distribution
from runtime.errors import InvalidInput
from runtime.hosting.service import Call, Service
from runtime.registry import pick
from runtime.settings import Settings
from runtime.telemetry.schema import Attributes, Spans
from runtime.telemetry.tracing import annotate, span
from runtime.tensors import to_array
from services.disentangler.backends import BACKENDS, DisentanglerBackend, StyleQuestion
from services.disentangler.tables import AGES, GENDERS, TIMBRES


class DisentanglerService(Service):
    """Decides how a reply sounds and looks."""

    name = "disentangler"

    def __init__(self, settings: Settings) -> None:
        """See `Service`."""
        super().__init__(settings)
        self._backend: DisentanglerBackend

    async def start(self) -> None:
        """See `Service.start`."""
        make = pick(BACKENDS, self.own.backend, what="disentangler backend")
        self._backend = await asyncio.to_thread(make, self.own.options)
        await asyncio.to_thread(self._backend.style, _question(disentangler_pb2.DisentangleRequest()))

    def describe(self) -> service_pb2.ServiceDescription:
        """See `Service.describe`."""
        return service_pb2.ServiceDescription(
            name=self.name,
            version="0.1.0",
            model=self._backend.model,
            capabilities=["controls", "tensors", "emotion_override"],
        )

    async def disentangle(
        self, request: disentangler_pb2.DisentangleRequest, call: Call
    ) -> disentangler_pb2.DisentangleResponse:
        """Gives the style of one reply.

        Raises:
            InvalidInput: A label is unknown, a number out of range or a tensor malformed.
        """
        question = _question(request)
        with span(
            Spans.MODEL.format(name="style"), {Attributes.MODEL_ID: self._backend.model.model_id}
        ) as current:
            response = await asyncio.to_thread(self._backend.style, question)
            annotate(current, {Attributes.EMOTION_CLASS: response.style.emotion})
        response.model.CopyFrom(self._backend.model)
        return response


def _question(request: disentangler_pb2.DisentangleRequest) -> StyleQuestion:
    affect, profile = request.affect, request.profile
    classes = _probabilities("affect.classes", affect.classes, CLASSES)
    if not classes:
        labels = _probabilities("affect.labels", affect.labels, LABELS)
        classes = class_distribution(labels) if labels else {}
    show = request.emotion_override
    _one_of("emotion_override", show, (*CLASSES, NEUTRAL))
    return StyleQuestion(
        classes=classes,
        arousal=_within("affect.arousal", affect.arousal, -1.0),
        confidence=_within("affect.confidence", affect.confidence, 0.0),
        age=_one_of("profile.age", profile.age, AGES),
        gender=_one_of("profile.gender", profile.gender, GENDERS),
        timbre=_one_of("profile.timbre", profile.timbre, TIMBRES),
        grave=request.grave,
        show=show,
        show_intensity=_within("intensity_override", request.intensity_override, 0.0) or 1.0,
        signals={tensor.name: to_array(tensor) for tensor in request.signals},
    )


def _probabilities(
    field: str, distribution: affect_pb2.Distribution, labels: Sequence[str]
) -> dict[str, float]:
    """Probability by label, summing to 1; empty if there is none."""
    found: dict[str, float] = {}
    for i, entry in enumerate(distribution.entries):
        where = f"{field}.entries[{i}]"
        if not entry.label:
            raise InvalidInput.of(f"{where}.label", "is empty")
        _one_of(f"{where}.label", entry.label, labels)
        found[entry.label] = _within(f"{where}.probability", entry.probability, 0.0)
    total = sum(found.values())
    return {label: p / total for label, p in found.items()} if total > 0 else {}


def _one_of(field: str, value: str, allowed: Sequence[str]) -> str:
    if value and value not in allowed:
        raise InvalidInput.of(
            field, f"{value!r} is unknown; there are: {', '.join(allowed)}", reason="UNKNOWN_LABEL"
        )
    return value


def _within(field: str, value: float, least: float) -> float:
    if not (math.isfinite(value) and least <= value <= 1.0):
        raise InvalidInput.of(field, f"is {value}, must be from {least:g} to 1", reason="OUT_OF_RANGE")
    return value
