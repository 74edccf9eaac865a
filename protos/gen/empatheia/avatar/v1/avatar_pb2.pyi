from empatheia.common.v1 import content_pb2 as _content_pb2
from empatheia.common.v1 import dialogue_pb2 as _dialogue_pb2
from empatheia.common.v1 import media_pb2 as _media_pb2
from empatheia.common.v1 import service_pb2 as _service_pb2
from empatheia.common.v1 import style_pb2 as _style_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RenderStart(_message.Message):
    __slots__ = ("avatar_id", "style", "seed", "sample_rate", "size", "fps", "before", "life_s")
    AVATAR_ID_FIELD_NUMBER: _ClassVar[int]
    STYLE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    FPS_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    LIFE_S_FIELD_NUMBER: _ClassVar[int]
    avatar_id: str
    style: _style_pb2.Style
    seed: int
    sample_rate: int
    size: int
    fps: float
    before: _style_pb2.Style
    life_s: float
    def __init__(self, avatar_id: _Optional[str] = ..., style: _Optional[_Union[_style_pb2.Style, _Mapping]] = ..., seed: _Optional[int] = ..., sample_rate: _Optional[int] = ..., size: _Optional[int] = ..., fps: _Optional[float] = ..., before: _Optional[_Union[_style_pb2.Style, _Mapping]] = ..., life_s: _Optional[float] = ...) -> None: ...

class VoiceChunk(_message.Message):
    __slots__ = ("data", "pts_s")
    DATA_FIELD_NUMBER: _ClassVar[int]
    PTS_S_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    pts_s: float
    def __init__(self, data: _Optional[bytes] = ..., pts_s: _Optional[float] = ...) -> None: ...

class RenderRequest(_message.Message):
    __slots__ = ("start", "audio", "spoken", "heard")
    START_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    SPOKEN_FIELD_NUMBER: _ClassVar[int]
    HEARD_FIELD_NUMBER: _ClassVar[int]
    start: RenderStart
    audio: VoiceChunk
    spoken: _content_pb2.ContentSegment
    heard: VoiceChunk
    def __init__(self, start: _Optional[_Union[RenderStart, _Mapping]] = ..., audio: _Optional[_Union[VoiceChunk, _Mapping]] = ..., spoken: _Optional[_Union[_content_pb2.ContentSegment, _Mapping]] = ..., heard: _Optional[_Union[VoiceChunk, _Mapping]] = ...) -> None: ...

class RenderSummary(_message.Message):
    __slots__ = ("frames", "duration_s", "render_ms", "encode_ms")
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    RENDER_MS_FIELD_NUMBER: _ClassVar[int]
    ENCODE_MS_FIELD_NUMBER: _ClassVar[int]
    frames: int
    duration_s: float
    render_ms: float
    encode_ms: float
    def __init__(self, frames: _Optional[int] = ..., duration_s: _Optional[float] = ..., render_ms: _Optional[float] = ..., encode_ms: _Optional[float] = ...) -> None: ...

class RenderResponse(_message.Message):
    __slots__ = ("header", "chunk", "summary", "model")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    header: _media_pb2.MediaHeader
    chunk: _media_pb2.MediaChunk
    summary: RenderSummary
    model: _service_pb2.ModelInfo
    def __init__(self, header: _Optional[_Union[_media_pb2.MediaHeader, _Mapping]] = ..., chunk: _Optional[_Union[_media_pb2.MediaChunk, _Mapping]] = ..., summary: _Optional[_Union[RenderSummary, _Mapping]] = ..., model: _Optional[_Union[_service_pb2.ModelInfo, _Mapping]] = ...) -> None: ...

class ListAvatarsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Avatar(_message.Message):
    __slots__ = ("id", "name", "profile", "description")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    profile: _dialogue_pb2.Profile
    description: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., profile: _Optional[_Union[_dialogue_pb2.Profile, _Mapping]] = ..., description: _Optional[str] = ...) -> None: ...

class ListAvatarsResponse(_message.Message):
    __slots__ = ("avatars",)
    AVATARS_FIELD_NUMBER: _ClassVar[int]
    avatars: _containers.RepeatedCompositeFieldContainer[Avatar]
    def __init__(self, avatars: _Optional[_Iterable[_Union[Avatar, _Mapping]]] = ...) -> None: ...

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
