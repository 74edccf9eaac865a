from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TextSpan(_message.Message):
    __slots__ = ("utterance", "start", "end", "text")
    UTTERANCE_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    utterance: int
    start: int
    end: int
    text: str
    def __init__(self, utterance: _Optional[int] = ..., start: _Optional[int] = ..., end: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class TimeSpan(_message.Message):
    __slots__ = ("start_s", "end_s")
    START_S_FIELD_NUMBER: _ClassVar[int]
    END_S_FIELD_NUMBER: _ClassVar[int]
    start_s: float
    end_s: float
    def __init__(self, start_s: _Optional[float] = ..., end_s: _Optional[float] = ...) -> None: ...

class Evidence(_message.Message):
    __slots__ = ("text", "audio", "face", "note", "weight")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    FACE_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    text: TextSpan
    audio: TimeSpan
    face: TimeSpan
    note: str
    weight: float
    def __init__(self, text: _Optional[_Union[TextSpan, _Mapping]] = ..., audio: _Optional[_Union[TimeSpan, _Mapping]] = ..., face: _Optional[_Union[TimeSpan, _Mapping]] = ..., note: _Optional[str] = ..., weight: _Optional[float] = ...) -> None: ...

class LabelProbability(_message.Message):
    __slots__ = ("label", "probability")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    label: str
    probability: float
    def __init__(self, label: _Optional[str] = ..., probability: _Optional[float] = ...) -> None: ...

class Distribution(_message.Message):
    __slots__ = ("entries",)
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[LabelProbability]
    def __init__(self, entries: _Optional[_Iterable[_Union[LabelProbability, _Mapping]]] = ...) -> None: ...

class Affect(_message.Message):
    __slots__ = ("classes", "labels", "valence", "arousal", "confidence", "evidence")
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    VALENCE_FIELD_NUMBER: _ClassVar[int]
    AROUSAL_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    classes: Distribution
    labels: Distribution
    valence: float
    arousal: float
    confidence: float
    evidence: _containers.RepeatedCompositeFieldContainer[Evidence]
    def __init__(self, classes: _Optional[_Union[Distribution, _Mapping]] = ..., labels: _Optional[_Union[Distribution, _Mapping]] = ..., valence: _Optional[float] = ..., arousal: _Optional[float] = ..., confidence: _Optional[float] = ..., evidence: _Optional[_Iterable[_Union[Evidence, _Mapping]]] = ...) -> None: ...
