"""Perceives the person: text, voice and face of the newest utterance."""

from collections.abc import AsyncIterator, Sequence

from empatheia.common.v1 import affect_pb2, media_pb2
from empatheia.perception.v1 import perception_pb2
from pydantic import BaseModel, ConfigDict

from agents.listening import REFUSALS
from agents.step import Evidence, ModelRef, UtteranceData
from agents.turn import Turn
from runtime.errors import EmpatheiaError, Internal
from runtime.media import parts
from runtime.rpc import PERCEIVE

_HEARD_WELL = 0.6
"""Mean confidence of the words under which the reply asks again instead of answering them.

On 60 recordings of RAVDESS' training actors it asks after 28: after 77 % of those with more than half of the
words wrong, and 10 % of those with at most a fifth.
"""
_CLEAR = 0.3
"""Confidence below which a voice or a face is not worth telling the reasoner of."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class MediaRef(_Data):
    """A recording of the person in the artifact store."""

    name: str
    """Its name among the turn's artifacts."""
    kind: int
    """Sound or pictures: the number of the contract's enum."""
    mime_type: str
    file_name: str


class ModalityData(_Data):
    """What one modality said."""

    modality: str
    present: bool
    reason: str
    label: str
    confidence: float
    model: ModelRef


class PerceptionData(_Data):
    """What was perceived, as plain data."""

    text: str
    """The words of the utterance: typed, or heard."""
    transcript: str
    transcript_confidence: float
    labels: dict[str, float]
    """Over the 32 labels, most probable first."""
    classes: dict[str, float]
    """Over the 7 classes."""
    valence: float
    arousal: float
    confidence: float
    evidence: list[Evidence]
    modalities: list[ModalityData]
    conflicts: list[str]
    notes: list[str]
    audio_s: float
    video_s: float

    def observations(self) -> list[str]:
        """What the reasoner is told of voice and face, one sentence each."""
        seen = {"speech": "The voice sounds {}.", "face": "The face looks {}."}
        told = [
            seen[m.modality].format(m.label)
            for m in self.modalities
            if m.present and m.modality in seen and m.confidence >= _CLEAR
        ]
        return told + [f"{conflict[0].upper()}{conflict[1:]}." for conflict in self.conflicts]

    def unheard(self) -> Evidence | None:
        """Why the words may be wrong; None if they were typed, or heard well."""
        if not self.transcript or self.text != self.transcript or self.transcript_confidence >= _HEARD_WELL:
            return None
        note = f"the words were hard to make out (confidence {self.transcript_confidence:.2f})"
        return Evidence(kind="audio", note=note, weight=1.0, utterance=None, start=0.0, end=self.audio_s)

    def affect(self) -> affect_pb2.Affect:
        """The fused affect for the wire."""
        return affect_pb2.Affect(
            labels=_distribution(self.labels),
            classes=_distribution(self.classes),
            valence=self.valence,
            arousal=self.arousal,
            confidence=self.confidence,
        )


async def perceive(
    turn: Turn, text: str, history: Sequence[UtteranceData], media: Sequence[MediaRef]
) -> PerceptionData:
    """Perceives the newest utterance.

    Where perception has listened while the person spoke, its answer is taken; text and recordings are sent as
    a whole where it has not, or where that call broke.

    Args:
        turn: The turn in progress.
        text: What the person typed; may be empty.
        history: What was said before, oldest first.
        media: Recordings of the utterance.

    Raises:
        EmpatheiaError: Nothing could be perceived; the message says why.
    """
    perception = await _listened(turn) or await _sent(turn, text, history, media)
    turn.emit(perceived=perception)
    return _data(perception)


async def _listened(turn: Turn) -> perception_pb2.Perception | None:
    if turn.listening is None:
        return None
    turn.listening.heard = lambda transcript: turn.emit(transcript=transcript)
    try:
        return await turn.listening.result()
    except REFUSALS:
        raise
    except EmpatheiaError:
        return None


async def _sent(
    turn: Turn, text: str, history: Sequence[UtteranceData], media: Sequence[MediaRef]
) -> perception_pb2.Perception:
    recordings = [await turn.store.read(turn.turn_id, ref.name) for ref in media]

    async def requests() -> AsyncIterator[perception_pb2.PerceiveRequest]:
        said = [utterance.to_proto() for utterance in history]
        start = perception_pb2.PerceiveStart(text=text, history=said)
        yield perception_pb2.PerceiveRequest(start=start)
        for stream_id, (ref, data) in enumerate(zip(media, recordings, strict=True)):
            header = media_pb2.MediaHeader(
                kind=media_pb2.MediaKind.Name(ref.kind),
                mime_type=ref.mime_type,
                file_name=ref.file_name,
                total_bytes=len(data),
            )
            for part in parts(stream_id, header, data):
                yield perception_pb2.PerceiveRequest(media=part)

    perception: perception_pb2.Perception | None = None
    async for response in turn.transport.stream(PERCEIVE, requests(), turn.key("perceive")):
        if response.HasField("partial"):
            turn.emit(transcript=response.partial)
        else:
            perception = response.perception
    if perception is None:
        raise Internal("perception ended without a result", reason="NO_RESULT", service="perception")
    return perception


def _data(perception: perception_pb2.Perception) -> PerceptionData:
    affect = perception.affect
    return PerceptionData(
        text=perception.text,
        transcript=perception.transcript.text,
        transcript_confidence=perception.transcript.confidence,
        labels=_probabilities(affect.labels),
        classes=_probabilities(affect.classes),
        valence=affect.valence,
        arousal=affect.arousal,
        confidence=affect.confidence,
        evidence=[Evidence.from_proto(evidence) for evidence in affect.evidence],
        modalities=[
            ModalityData(
                modality=m.modality,
                present=m.present,
                reason=m.reason,
                label=m.affect.classes.entries[0].label if m.affect.classes.entries else "",
                confidence=m.affect.confidence,
                model=ModelRef.from_proto(m.model),
            )
            for m in perception.modalities
        ],
        conflicts=[conflict.description for conflict in perception.conflicts],
        notes=list(perception.notes),
        audio_s=perception.audio_s,
        video_s=perception.video_s,
    )


def _probabilities(distribution: affect_pb2.Distribution) -> dict[str, float]:
    return {entry.label: entry.probability for entry in distribution.entries}


def _distribution(probabilities: dict[str, float]) -> affect_pb2.Distribution:
    entries = [affect_pb2.LabelProbability(label=k, probability=v) for k, v in probabilities.items()]
    return affect_pb2.Distribution(entries=entries)
