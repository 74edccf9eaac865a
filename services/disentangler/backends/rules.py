"""Style from tables: an honest rule for every feeling and profile, with nothing learned."""

from collections.abc import Mapping
from typing import Any

from empatheia.common.v1 import affect_pb2, service_pb2, style_pb2
from empatheia.disentangler.v1 import disentangler_pb2
from pydantic import BaseModel, ConfigDict, Field

from runtime.emotions import CLASSES, NEUTRAL
from runtime.tensors import to_proto
from services.disentangler.backends import DisentanglerBackend, StyleQuestion
from services.disentangler.controls import Manner
from services.disentangler.tables import (
    AGES,
    ANSWERS,
    ATTENTION,
    GENDERS,
    GRAVE,
    NOUNS,
    PORTRAYALS,
    TIMBRES,
    profile_manner,
)

_LEAST_INTENSITY = 0.45
_BY_CONFIDENCE = 0.4
_BY_AROUSAL = 0.15


class Options(BaseModel):
    """Options of the backend."""

    model_config = ConfigDict(extra="forbid")

    expressiveness: float = Field(1.0, ge=0.0, le=1.5)
    """Factor on the strength of every emotion shown by choice; overrides are left as asked."""


class RulesBackend(DisentanglerBackend):
    """See the module."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Checks the options.

        Raises:
            pydantic.ValidationError: An option is unknown or out of range.
        """
        self._options = Options.model_validate(options)
        self.model = service_pb2.ModelInfo(backend="rules", model_id="style tables 1")

    def style(self, question: StyleQuestion) -> disentangler_pb2.DisentangleResponse:
        """See `DisentanglerBackend.style`."""
        shown, intensity, emotion, rationale = self._emotion(question)
        profile = profile_manner(question.age, question.gender, question.timbre)
        both = profile.plus(emotion)
        vectors = {
            "E_s": emotion.voice_vector(),
            "E_v": emotion.face_vector(),
            "P_s": profile.voice_vector(),
            "P_v": profile.face_vector(),
            "S_s": both.voice_vector(),
            "S_v": both.face_vector(),
        }
        style = style_pb2.Style(
            voice=both.voice_proto(),
            face=both.face_proto(),
            tensors=[to_proto(name, vector) for name, vector in vectors.items()],
            emotion=shown,
            intensity=intensity,
        )
        return disentangler_pb2.DisentangleResponse(
            style=style,
            emotion=_emotion_distribution(shown, intensity),
            profile={
                "age": _profile_distribution(AGES, question.age),
                "gender": _profile_distribution(GENDERS, question.gender),
                "timbre": _profile_distribution(TIMBRES, question.timbre),
            },
            rationale=rationale,
        )

    def _emotion(self, question: StyleQuestion) -> tuple[str, float, Manner, str]:
        """The emotion shown, its strength, what it does, and why."""
        if question.show:
            manner = PORTRAYALS[question.show].scaled(question.show_intensity)
            return question.show, question.show_intensity, manner, f"shows {question.show}, as asked"
        if question.grave:
            return GRAVE.shown, GRAVE.strength, GRAVE.manner, f"meets danger with {GRAVE.words}"
        if not question.classes:
            answer, rationale = ATTENTION, "meets a feeling that is not known with friendly attention"
        else:
            felt = max(question.classes, key=lambda name: question.classes[name])
            answer = ANSWERS[felt]
            rationale = f"answers {NOUNS[felt]} with {answer.words}"
        certain = _LEAST_INTENSITY + _BY_CONFIDENCE * question.confidence
        degree = min(1.0, (certain + _BY_AROUSAL * max(0.0, question.arousal)) * self._options.expressiveness)
        return answer.shown, answer.strength * degree, answer.manner.scaled(degree), rationale


def _emotion_distribution(shown: str, intensity: float) -> affect_pb2.Distribution:
    """The emotion shown, spread evenly over all classes as far as it is weak or neutral."""
    sure = 0.0 if shown == NEUTRAL else intensity
    probabilities = {name: (1 - sure) / len(CLASSES) + (sure if name == shown else 0.0) for name in CLASSES}
    return _distribution(probabilities)


def _profile_distribution(labels: tuple[str, ...], given: str) -> affect_pb2.Distribution:
    if not given:
        return _distribution(dict.fromkeys(labels, 1 / len(labels)))
    return _distribution({label: float(label == given) for label in labels})


def _distribution(probabilities: Mapping[str, float]) -> affect_pb2.Distribution:
    ordered = sorted(probabilities.items(), key=lambda entry: -entry[1])
    return affect_pb2.Distribution(
        entries=[affect_pb2.LabelProbability(label=label, probability=p) for label, p in ordered]
    )
