"""What the five steps of the Chain of Empathy share: what they look at and what they conclude.

Everything here is plain data that survives JSON, so that a checkpoint can hold it.
"""

from dataclasses import dataclass, field
from typing import Literal

from empatheia.common.v1 import affect_pb2, dialogue_pb2, service_pb2
from pydantic import BaseModel, ConfigDict, Field

from runtime.clients.transport import Transport


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Evidence(_Frozen):
    """What a conclusion rests on: words of the dialogue, or seconds of voice or face."""

    kind: Literal["text", "audio", "face"]
    note: str
    """What was noticed there, for a person to read."""
    weight: float
    """How much it counted, 0 to 1."""
    utterance: int | None
    """For text: index in the dialogue, from 0."""
    start: float
    """First character (Unicode code points) of the utterance for text; first second for audio and face."""
    end: float
    """One past the last character; last second."""
    text: str = ""
    """The words themselves, for text."""

    def to_proto(self) -> affect_pb2.Evidence:
        """Packs it for the wire."""
        message = affect_pb2.Evidence(note=self.note, weight=self.weight)
        if self.kind == "text":
            span = affect_pb2.TextSpan(
                utterance=self.utterance or 0, start=int(self.start), end=int(self.end), text=self.text
            )
            message.text.CopyFrom(span)
        else:
            seconds = affect_pb2.TimeSpan(start_s=self.start, end_s=self.end)
            (message.audio if self.kind == "audio" else message.face).CopyFrom(seconds)
        return message

    @classmethod
    def from_proto(cls, message: affect_pb2.Evidence) -> "Evidence":
        """Unpacks it; evidence without a source counts as an empty piece of text."""
        kind = message.WhichOneof("source") or "text"
        if kind == "text":
            span = message.text
            return cls(
                kind="text",
                note=message.note,
                weight=message.weight,
                utterance=span.utterance,
                start=span.start,
                end=span.end,
                text=span.text,
            )
        seconds = message.audio if kind == "audio" else message.face
        return cls(
            kind="audio" if kind == "audio" else "face",
            note=message.note,
            weight=message.weight,
            utterance=None,
            start=seconds.start_s,
            end=seconds.end_s,
        )


class Alternative(_Frozen):
    """A sound conclusion that a step weighed and did not take."""

    text: str
    confidence: float
    """How sure the step would have been of it, 0 to 1."""


class ModelRef(_Frozen):
    """The model that did a piece of work."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    backend: str
    model_id: str
    weight_hash: str

    def to_proto(self) -> service_pb2.ModelInfo:
        """Packs it for the wire."""
        return service_pb2.ModelInfo(
            backend=self.backend, model_id=self.model_id, weight_hash=self.weight_hash
        )

    @classmethod
    def from_proto(cls, message: service_pb2.ModelInfo) -> "ModelRef":
        """Unpacks it."""
        return cls(backend=message.backend, model_id=message.model_id, weight_hash=message.weight_hash)


class StepResult(_Frozen):
    """What one step concluded, on what grounds, and what it took."""

    name: str
    """Name of the step: "event_scenario", ..."""
    text: str
    """The conclusion, as a person reads it."""
    evidence: list[Evidence]
    """What it rests on, the weightiest first."""
    confidence: float
    """0 (a guess) to 1."""
    distribution: dict[str, float] = Field(default_factory=dict)
    """Probability by label where the step chose one, most probable first."""
    alternatives: list[Alternative] = Field(default_factory=list)
    """What else it might have said where it wrote its conclusion, best first."""
    model: ModelRef
    ms: float
    """From the start of the step to its end, retries included."""
    attempts: int
    """How often the model was asked."""
    instruction: str
    """What the model was asked."""
    usage: dict[str, float] = Field(default_factory=dict)
    """Tokens and milliseconds, summed over the attempts."""
    authored: bool = False
    """Whether a sentence written beforehand, or the person's own words, stand in for the model's."""
    dropped_utterances: int = 0
    """Oldest utterances that the model did not read, because the dialogue is too long."""


class UtteranceData(_Frozen):
    """One thing said."""

    role: Literal["speaker", "listener"]
    """The person who seeks to be heard, or Empatheia."""
    text: str
    emotion: str = ""
    """One of the 32 labels, where an earlier turn found it."""

    def to_proto(self) -> dialogue_pb2.Utterance:
        """Packs it for the wire."""
        role = dialogue_pb2.ROLE_SPEAKER if self.role == "speaker" else dialogue_pb2.ROLE_LISTENER
        return dialogue_pb2.Utterance(role=role, text=self.text, emotion=self.emotion)


@dataclass
class StepContext:
    """All that a step may look at, and how it reaches the model."""

    transport: Transport
    turn_id: str
    seed: int
    dialogue: list[UtteranceData]
    """Oldest first; the newest, the person's, last."""
    observations: list[str] = field(default_factory=list)
    """What was heard and seen, one sentence each."""
    labels: dict[str, float] = field(default_factory=dict)
    """Perception's fused distribution over the 32 labels; may be empty."""
    unheard: Evidence | None = None
    """Why the newest words, which were heard and not typed, may be wrong; None if they are clear."""
    perceived_evidence: list[Evidence] = field(default_factory=list)
    """What perception's judgement rests on."""
    steps: list[StepResult] = field(default_factory=list)
    """Steps done so far, in order."""

    def step(self, name: str) -> StepResult | None:
        """An earlier step's result, if it was done."""
        return next((step for step in self.steps if step.name == name), None)
