from empatheia.common.v1 import affect_pb2 as _affect_pb2
from empatheia.common.v1 import dialogue_pb2 as _dialogue_pb2
from empatheia.common.v1 import media_pb2 as _media_pb2
from empatheia.common.v1 import service_pb2 as _service_pb2
from empatheia.common.v1 import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PerceiveStart(_message.Message):
    __slots__ = ("text", "history", "language", "allow_wordless")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    ALLOW_WORDLESS_FIELD_NUMBER: _ClassVar[int]
    text: str
    history: _containers.RepeatedCompositeFieldContainer[_dialogue_pb2.Utterance]
    language: str
    allow_wordless: bool
    def __init__(self, text: _Optional[str] = ..., history: _Optional[_Iterable[_Union[_dialogue_pb2.Utterance, _Mapping]]] = ..., language: _Optional[str] = ..., allow_wordless: _Optional[bool] = ...) -> None: ...

class PerceiveRequest(_message.Message):
    __slots__ = ("start", "media", "end")
    START_FIELD_NUMBER: _ClassVar[int]
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: PerceiveStart
    media: _media_pb2.MediaPart
    end: PerceiveEnd
    def __init__(self, start: _Optional[_Union[PerceiveStart, _Mapping]] = ..., media: _Optional[_Union[_media_pb2.MediaPart, _Mapping]] = ..., end: _Optional[_Union[PerceiveEnd, _Mapping]] = ...) -> None: ...

class PerceiveEnd(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class HeardWord(_message.Message):
    __slots__ = ("text", "start_s", "end_s", "confidence")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    END_S_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    text: str
    start_s: float
    end_s: float
    confidence: float
    def __init__(self, text: _Optional[str] = ..., start_s: _Optional[float] = ..., end_s: _Optional[float] = ..., confidence: _Optional[float] = ...) -> None: ...

class Transcript(_message.Message):
    __slots__ = ("text", "words", "confidence", "speech")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    SPEECH_FIELD_NUMBER: _ClassVar[int]
    text: str
    words: _containers.RepeatedCompositeFieldContainer[HeardWord]
    confidence: float
    speech: _containers.RepeatedCompositeFieldContainer[_affect_pb2.TimeSpan]
    def __init__(self, text: _Optional[str] = ..., words: _Optional[_Iterable[_Union[HeardWord, _Mapping]]] = ..., confidence: _Optional[float] = ..., speech: _Optional[_Iterable[_Union[_affect_pb2.TimeSpan, _Mapping]]] = ...) -> None: ...

class ModalityAffect(_message.Message):
    __slots__ = ("modality", "present", "reason", "affect", "model", "elapsed_ms", "course")
    MODALITY_FIELD_NUMBER: _ClassVar[int]
    PRESENT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    AFFECT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_MS_FIELD_NUMBER: _ClassVar[int]
    COURSE_FIELD_NUMBER: _ClassVar[int]
    modality: str
    present: bool
    reason: str
    affect: _affect_pb2.Affect
    model: _service_pb2.ModelInfo
    elapsed_ms: float
    course: _containers.RepeatedCompositeFieldContainer[AffectMoment]
    def __init__(self, modality: _Optional[str] = ..., present: _Optional[bool] = ..., reason: _Optional[str] = ..., affect: _Optional[_Union[_affect_pb2.Affect, _Mapping]] = ..., model: _Optional[_Union[_service_pb2.ModelInfo, _Mapping]] = ..., elapsed_ms: _Optional[float] = ..., course: _Optional[_Iterable[_Union[AffectMoment, _Mapping]]] = ...) -> None: ...

class AffectMoment(_message.Message):
    __slots__ = ("span", "classes", "valence", "arousal", "confidence")
    SPAN_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    VALENCE_FIELD_NUMBER: _ClassVar[int]
    AROUSAL_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    span: _affect_pb2.TimeSpan
    classes: _affect_pb2.Distribution
    valence: float
    arousal: float
    confidence: float
    def __init__(self, span: _Optional[_Union[_affect_pb2.TimeSpan, _Mapping]] = ..., classes: _Optional[_Union[_affect_pb2.Distribution, _Mapping]] = ..., valence: _Optional[float] = ..., arousal: _Optional[float] = ..., confidence: _Optional[float] = ...) -> None: ...

class Conflict(_message.Message):
    __slots__ = ("first", "second", "description", "strength", "evidence")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    first: str
    second: str
    description: str
    strength: float
    evidence: _containers.RepeatedCompositeFieldContainer[_affect_pb2.Evidence]
    def __init__(self, first: _Optional[str] = ..., second: _Optional[str] = ..., description: _Optional[str] = ..., strength: _Optional[float] = ..., evidence: _Optional[_Iterable[_Union[_affect_pb2.Evidence, _Mapping]]] = ...) -> None: ...

class Perception(_message.Message):
    __slots__ = ("text", "transcript", "modalities", "affect", "conflicts", "features", "profile", "notes", "audio_s", "video_s")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    MODALITIES_FIELD_NUMBER: _ClassVar[int]
    AFFECT_FIELD_NUMBER: _ClassVar[int]
    CONFLICTS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    AUDIO_S_FIELD_NUMBER: _ClassVar[int]
    VIDEO_S_FIELD_NUMBER: _ClassVar[int]
    text: str
    transcript: Transcript
    modalities: _containers.RepeatedCompositeFieldContainer[ModalityAffect]
    affect: _affect_pb2.Affect
    conflicts: _containers.RepeatedCompositeFieldContainer[Conflict]
    features: _containers.RepeatedCompositeFieldContainer[_tensor_pb2.Tensor]
    profile: _dialogue_pb2.Profile
    notes: _containers.RepeatedScalarFieldContainer[str]
    audio_s: float
    video_s: float
    def __init__(self, text: _Optional[str] = ..., transcript: _Optional[_Union[Transcript, _Mapping]] = ..., modalities: _Optional[_Iterable[_Union[ModalityAffect, _Mapping]]] = ..., affect: _Optional[_Union[_affect_pb2.Affect, _Mapping]] = ..., conflicts: _Optional[_Iterable[_Union[Conflict, _Mapping]]] = ..., features: _Optional[_Iterable[_Union[_tensor_pb2.Tensor, _Mapping]]] = ..., profile: _Optional[_Union[_dialogue_pb2.Profile, _Mapping]] = ..., notes: _Optional[_Iterable[str]] = ..., audio_s: _Optional[float] = ..., video_s: _Optional[float] = ...) -> None: ...

class PerceiveResponse(_message.Message):
    __slots__ = ("partial", "perception")
    PARTIAL_FIELD_NUMBER: _ClassVar[int]
    PERCEPTION_FIELD_NUMBER: _ClassVar[int]
    partial: Transcript
    perception: Perception
    def __init__(self, partial: _Optional[_Union[Transcript, _Mapping]] = ..., perception: _Optional[_Union[Perception, _Mapping]] = ...) -> None: ...

class DescribeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DescribeResponse(_message.Message):
    __slots__ = ("description",)
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    description: _service_pb2.ServiceDescription
    def __init__(self, description: _Optional[_Union[_service_pb2.ServiceDescription, _Mapping]] = ...) -> None: ...

class CheckRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ("status",)
    STATUS_FIELD_NUMBER: _ClassVar[int]
    status: _service_pb2.ServiceStatus
    def __init__(self, status: _Optional[_Union[_service_pb2.ServiceStatus, _Mapping]] = ...) -> None: ...
