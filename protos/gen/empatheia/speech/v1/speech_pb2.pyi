from empatheia.common.v1 import content_pb2 as _content_pb2
from empatheia.common.v1 import dialogue_pb2 as _dialogue_pb2
from empatheia.common.v1 import service_pb2 as _service_pb2
from empatheia.common.v1 import style_pb2 as _style_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SynthesizeStart(_message.Message):
    __slots__ = ("style", "profile", "seed", "start_s", "language")
    STYLE_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    style: _style_pb2.Style
    profile: _dialogue_pb2.Profile
    seed: int
    start_s: float
    language: str
    def __init__(self, style: _Optional[_Union[_style_pb2.Style, _Mapping]] = ..., profile: _Optional[_Union[_dialogue_pb2.Profile, _Mapping]] = ..., seed: _Optional[int] = ..., start_s: _Optional[float] = ..., language: _Optional[str] = ...) -> None: ...

class Interrupt(_message.Message):
    __slots__ = ("played_s",)
    PLAYED_S_FIELD_NUMBER: _ClassVar[int]
    played_s: float
    def __init__(self, played_s: _Optional[float] = ...) -> None: ...

class SynthesizeRequest(_message.Message):
    __slots__ = ("start", "segment", "interrupt")
    START_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    INTERRUPT_FIELD_NUMBER: _ClassVar[int]
    start: SynthesizeStart
    segment: _content_pb2.ContentSegment
    interrupt: Interrupt
    def __init__(self, start: _Optional[_Union[SynthesizeStart, _Mapping]] = ..., segment: _Optional[_Union[_content_pb2.ContentSegment, _Mapping]] = ..., interrupt: _Optional[_Union[Interrupt, _Mapping]] = ...) -> None: ...

class AudioHeader(_message.Message):
    __slots__ = ("sample_rate", "channels", "model", "synthetic")
    SAMPLE_RATE_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SYNTHETIC_FIELD_NUMBER: _ClassVar[int]
    sample_rate: int
    channels: int
    model: _service_pb2.ModelInfo
    synthetic: bool
    def __init__(self, sample_rate: _Optional[int] = ..., channels: _Optional[int] = ..., model: _Optional[_Union[_service_pb2.ModelInfo, _Mapping]] = ..., synthetic: _Optional[bool] = ...) -> None: ...

class AudioChunk(_message.Message):
    __slots__ = ("data", "pts_s", "segment")
    DATA_FIELD_NUMBER: _ClassVar[int]
    PTS_S_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    pts_s: float
    segment: int
    def __init__(self, data: _Optional[bytes] = ..., pts_s: _Optional[float] = ..., segment: _Optional[int] = ...) -> None: ...

class PlaybackPosition(_message.Message):
    __slots__ = ("played_s", "segment", "words", "text")
    PLAYED_S_FIELD_NUMBER: _ClassVar[int]
    SEGMENT_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    played_s: float
    segment: int
    words: int
    text: str
    def __init__(self, played_s: _Optional[float] = ..., segment: _Optional[int] = ..., words: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class SpeechSummary(_message.Message):
    __slots__ = ("duration_s", "synthesis_ms", "heard")
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    SYNTHESIS_MS_FIELD_NUMBER: _ClassVar[int]
    HEARD_FIELD_NUMBER: _ClassVar[int]
    duration_s: float
    synthesis_ms: float
    heard: PlaybackPosition
    def __init__(self, duration_s: _Optional[float] = ..., synthesis_ms: _Optional[float] = ..., heard: _Optional[_Union[PlaybackPosition, _Mapping]] = ...) -> None: ...

class SynthesizeResponse(_message.Message):
    __slots__ = ("header", "audio", "spoken", "summary")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    SPOKEN_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    header: AudioHeader
    audio: AudioChunk
    spoken: _content_pb2.ContentSegment
    summary: SpeechSummary
    def __init__(self, header: _Optional[_Union[AudioHeader, _Mapping]] = ..., audio: _Optional[_Union[AudioChunk, _Mapping]] = ..., spoken: _Optional[_Union[_content_pb2.ContentSegment, _Mapping]] = ..., summary: _Optional[_Union[SpeechSummary, _Mapping]] = ...) -> None: ...

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
