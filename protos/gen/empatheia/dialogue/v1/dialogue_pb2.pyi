from empatheia.avatar.v1 import avatar_pb2 as _avatar_pb2
from empatheia.common.v1 import affect_pb2 as _affect_pb2
from empatheia.common.v1 import content_pb2 as _content_pb2
from empatheia.common.v1 import dialogue_pb2 as _dialogue_pb2
from empatheia.common.v1 import media_pb2 as _media_pb2
from empatheia.common.v1 import safety_pb2 as _safety_pb2
from empatheia.common.v1 import service_pb2 as _service_pb2
from empatheia.common.v1 import style_pb2 as _style_pb2
from empatheia.perception.v1 import perception_pb2 as _perception_pb2
from empatheia.speech.v1 import speech_pb2 as _speech_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TurnOptions(_message.Message):
    __slots__ = ("avatar_id", "profile", "seed", "conversation_id", "resume_turn_id", "life_began_s", "country")
    AVATAR_ID_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    RESUME_TURN_ID_FIELD_NUMBER: _ClassVar[int]
    LIFE_BEGAN_S_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    avatar_id: str
    profile: _dialogue_pb2.Profile
    seed: int
    conversation_id: str
    resume_turn_id: str
    life_began_s: float
    country: str
    def __init__(self, avatar_id: _Optional[str] = ..., profile: _Optional[_Union[_dialogue_pb2.Profile, _Mapping]] = ..., seed: _Optional[int] = ..., conversation_id: _Optional[str] = ..., resume_turn_id: _Optional[str] = ..., life_began_s: _Optional[float] = ..., country: _Optional[str] = ...) -> None: ...

class MediaFile(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: _media_pb2.MediaHeader
    data: bytes
    def __init__(self, header: _Optional[_Union[_media_pb2.MediaHeader, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class RespondRequest(_message.Message):
    __slots__ = ("history", "text", "media", "options")
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    history: _containers.RepeatedCompositeFieldContainer[_dialogue_pb2.Utterance]
    text: str
    media: _containers.RepeatedCompositeFieldContainer[MediaFile]
    options: TurnOptions
    def __init__(self, history: _Optional[_Iterable[_Union[_dialogue_pb2.Utterance, _Mapping]]] = ..., text: _Optional[str] = ..., media: _Optional[_Iterable[_Union[MediaFile, _Mapping]]] = ..., options: _Optional[_Union[TurnOptions, _Mapping]] = ...) -> None: ...

class TurnEvent(_message.Message):
    __slots__ = ("started", "transcript", "perceived", "step_started", "step", "text", "style", "audio_header", "audio", "spoken", "video_header", "video", "degraded", "reply", "interrupted", "safety")
    STARTED_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    PERCEIVED_FIELD_NUMBER: _ClassVar[int]
    STEP_STARTED_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    STYLE_FIELD_NUMBER: _ClassVar[int]
    AUDIO_HEADER_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    SPOKEN_FIELD_NUMBER: _ClassVar[int]
    VIDEO_HEADER_FIELD_NUMBER: _ClassVar[int]
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    REPLY_FIELD_NUMBER: _ClassVar[int]
    INTERRUPTED_FIELD_NUMBER: _ClassVar[int]
    SAFETY_FIELD_NUMBER: _ClassVar[int]
    started: TurnStarted
    transcript: _perception_pb2.Transcript
    perceived: _perception_pb2.Perception
    step_started: StepStarted
    step: ChainStep
    text: TextDelta
    style: _style_pb2.Style
    audio_header: _speech_pb2.AudioHeader
    audio: _speech_pb2.AudioChunk
    spoken: _content_pb2.ContentSegment
    video_header: _media_pb2.MediaHeader
    video: _media_pb2.MediaChunk
    degraded: Degradation
    reply: Reply
    interrupted: TurnInterrupted
    safety: _safety_pb2.Safety
    def __init__(self, started: _Optional[_Union[TurnStarted, _Mapping]] = ..., transcript: _Optional[_Union[_perception_pb2.Transcript, _Mapping]] = ..., perceived: _Optional[_Union[_perception_pb2.Perception, _Mapping]] = ..., step_started: _Optional[_Union[StepStarted, _Mapping]] = ..., step: _Optional[_Union[ChainStep, _Mapping]] = ..., text: _Optional[_Union[TextDelta, _Mapping]] = ..., style: _Optional[_Union[_style_pb2.Style, _Mapping]] = ..., audio_header: _Optional[_Union[_speech_pb2.AudioHeader, _Mapping]] = ..., audio: _Optional[_Union[_speech_pb2.AudioChunk, _Mapping]] = ..., spoken: _Optional[_Union[_content_pb2.ContentSegment, _Mapping]] = ..., video_header: _Optional[_Union[_media_pb2.MediaHeader, _Mapping]] = ..., video: _Optional[_Union[_media_pb2.MediaChunk, _Mapping]] = ..., degraded: _Optional[_Union[Degradation, _Mapping]] = ..., reply: _Optional[_Union[Reply, _Mapping]] = ..., interrupted: _Optional[_Union[TurnInterrupted, _Mapping]] = ..., safety: _Optional[_Union[_safety_pb2.Safety, _Mapping]] = ...) -> None: ...

class TurnStarted(_message.Message):
    __slots__ = ("turn_id", "trace_id", "conversation_id")
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    trace_id: str
    conversation_id: str
    def __init__(self, turn_id: _Optional[str] = ..., trace_id: _Optional[str] = ..., conversation_id: _Optional[str] = ...) -> None: ...

class StepStarted(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ChainStep(_message.Message):
    __slots__ = ("name", "text", "evidence", "confidence", "distribution", "model", "elapsed_ms", "attempts", "authored", "dropped_utterances", "alternatives")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    DISTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ELAPSED_MS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    AUTHORED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_UTTERANCES_FIELD_NUMBER: _ClassVar[int]
    ALTERNATIVES_FIELD_NUMBER: _ClassVar[int]
    name: str
    text: str
    evidence: _containers.RepeatedCompositeFieldContainer[_affect_pb2.Evidence]
    confidence: float
    distribution: _affect_pb2.Distribution
    model: _service_pb2.ModelInfo
    elapsed_ms: float
    attempts: int
    authored: bool
    dropped_utterances: int
    alternatives: _containers.RepeatedCompositeFieldContainer[Alternative]
    def __init__(self, name: _Optional[str] = ..., text: _Optional[str] = ..., evidence: _Optional[_Iterable[_Union[_affect_pb2.Evidence, _Mapping]]] = ..., confidence: _Optional[float] = ..., distribution: _Optional[_Union[_affect_pb2.Distribution, _Mapping]] = ..., model: _Optional[_Union[_service_pb2.ModelInfo, _Mapping]] = ..., elapsed_ms: _Optional[float] = ..., attempts: _Optional[int] = ..., authored: _Optional[bool] = ..., dropped_utterances: _Optional[int] = ..., alternatives: _Optional[_Iterable[_Union[Alternative, _Mapping]]] = ...) -> None: ...

class Alternative(_message.Message):
    __slots__ = ("text", "confidence")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    text: str
    confidence: float
    def __init__(self, text: _Optional[str] = ..., confidence: _Optional[float] = ...) -> None: ...

class TextDelta(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class Degradation(_message.Message):
    __slots__ = ("part", "reason", "service")
    PART_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    part: str
    reason: str
    service: str
    def __init__(self, part: _Optional[str] = ..., reason: _Optional[str] = ..., service: _Optional[str] = ...) -> None: ...

class TurnInterrupted(_message.Message):
    __slots__ = ("heard_s", "heard_text")
    HEARD_S_FIELD_NUMBER: _ClassVar[int]
    HEARD_TEXT_FIELD_NUMBER: _ClassVar[int]
    heard_s: float
    heard_text: str
    def __init__(self, heard_s: _Optional[float] = ..., heard_text: _Optional[str] = ...) -> None: ...

class Reply(_message.Message):
    __slots__ = ("turn_id", "trace_id", "text", "emotion_label", "emotion_class", "emotion_confidence", "emotion_distribution", "chain", "style", "degraded", "timings_ms", "seed", "speech", "video", "avatar_id", "notices", "dropped_utterances", "safety")
    class TimingsMsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    EMOTION_LABEL_FIELD_NUMBER: _ClassVar[int]
    EMOTION_CLASS_FIELD_NUMBER: _ClassVar[int]
    EMOTION_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    EMOTION_DISTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    STYLE_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_MS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    SPEECH_FIELD_NUMBER: _ClassVar[int]
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    AVATAR_ID_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    DROPPED_UTTERANCES_FIELD_NUMBER: _ClassVar[int]
    SAFETY_FIELD_NUMBER: _ClassVar[int]
    turn_id: str
    trace_id: str
    text: str
    emotion_label: str
    emotion_class: str
    emotion_confidence: float
    emotion_distribution: _affect_pb2.Distribution
    chain: _containers.RepeatedCompositeFieldContainer[ChainStep]
    style: _style_pb2.Style
    degraded: _containers.RepeatedCompositeFieldContainer[Degradation]
    timings_ms: _containers.ScalarMap[str, float]
    seed: int
    speech: SpeechFile
    video: VideoFile
    avatar_id: str
    notices: _containers.RepeatedScalarFieldContainer[str]
    dropped_utterances: int
    safety: _safety_pb2.Safety
    def __init__(self, turn_id: _Optional[str] = ..., trace_id: _Optional[str] = ..., text: _Optional[str] = ..., emotion_label: _Optional[str] = ..., emotion_class: _Optional[str] = ..., emotion_confidence: _Optional[float] = ..., emotion_distribution: _Optional[_Union[_affect_pb2.Distribution, _Mapping]] = ..., chain: _Optional[_Iterable[_Union[ChainStep, _Mapping]]] = ..., style: _Optional[_Union[_style_pb2.Style, _Mapping]] = ..., degraded: _Optional[_Iterable[_Union[Degradation, _Mapping]]] = ..., timings_ms: _Optional[_Mapping[str, float]] = ..., seed: _Optional[int] = ..., speech: _Optional[_Union[SpeechFile, _Mapping]] = ..., video: _Optional[_Union[VideoFile, _Mapping]] = ..., avatar_id: _Optional[str] = ..., notices: _Optional[_Iterable[str]] = ..., dropped_utterances: _Optional[int] = ..., safety: _Optional[_Union[_safety_pb2.Safety, _Mapping]] = ...) -> None: ...

class SpeechFile(_message.Message):
    __slots__ = ("uri", "sample_rate", "duration_s")
    URI_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    uri: str
    sample_rate: int
    duration_s: float
    def __init__(self, uri: _Optional[str] = ..., sample_rate: _Optional[int] = ..., duration_s: _Optional[float] = ...) -> None: ...

class VideoFile(_message.Message):
    __slots__ = ("uri", "fps", "width", "height", "duration_s")
    URI_FIELD_NUMBER: _ClassVar[int]
    FPS_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    uri: str
    fps: float
    width: int
    height: int
    duration_s: float
    def __init__(self, uri: _Optional[str] = ..., fps: _Optional[float] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., duration_s: _Optional[float] = ...) -> None: ...

class RespondResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: TurnEvent
    def __init__(self, event: _Optional[_Union[TurnEvent, _Mapping]] = ...) -> None: ...

class TurnStart(_message.Message):
    __slots__ = ("history", "options")
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    history: _containers.RepeatedCompositeFieldContainer[_dialogue_pb2.Utterance]
    options: TurnOptions
    def __init__(self, history: _Optional[_Iterable[_Union[_dialogue_pb2.Utterance, _Mapping]]] = ..., options: _Optional[_Union[TurnOptions, _Mapping]] = ...) -> None: ...

class EndOfTurn(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class Interrupt(_message.Message):
    __slots__ = ("played_s",)
    PLAYED_S_FIELD_NUMBER: _ClassVar[int]
    played_s: float
    def __init__(self, played_s: _Optional[float] = ...) -> None: ...

class ConverseRequest(_message.Message):
    __slots__ = ("start", "media", "end", "interrupt")
    START_FIELD_NUMBER: _ClassVar[int]
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    INTERRUPT_FIELD_NUMBER: _ClassVar[int]
    start: TurnStart
    media: _media_pb2.MediaPart
    end: EndOfTurn
    interrupt: Interrupt
    def __init__(self, start: _Optional[_Union[TurnStart, _Mapping]] = ..., media: _Optional[_Union[_media_pb2.MediaPart, _Mapping]] = ..., end: _Optional[_Union[EndOfTurn, _Mapping]] = ..., interrupt: _Optional[_Union[Interrupt, _Mapping]] = ...) -> None: ...

class ConverseResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: TurnEvent
    def __init__(self, event: _Optional[_Union[TurnEvent, _Mapping]] = ...) -> None: ...

class ListAvatarsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListAvatarsResponse(_message.Message):
    __slots__ = ("avatars",)
    AVATARS_FIELD_NUMBER: _ClassVar[int]
    avatars: _containers.RepeatedCompositeFieldContainer[_avatar_pb2.Avatar]
    def __init__(self, avatars: _Optional[_Iterable[_Union[_avatar_pb2.Avatar, _Mapping]]] = ...) -> None: ...

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
