from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MediaKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEDIA_KIND_UNSPECIFIED: _ClassVar[MediaKind]
    MEDIA_KIND_AUDIO: _ClassVar[MediaKind]
    MEDIA_KIND_VIDEO: _ClassVar[MediaKind]
MEDIA_KIND_UNSPECIFIED: MediaKind
MEDIA_KIND_AUDIO: MediaKind
MEDIA_KIND_VIDEO: MediaKind

class MediaHeader(_message.Message):
    __slots__ = ("kind", "mime_type", "file_name", "sample_rate", "channels", "fps", "width", "height", "total_bytes", "life_s")
    KIND_FIELD_NUMBER: _ClassVar[int]
    MIME_TYPE_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    FPS_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    LIFE_S_FIELD_NUMBER: _ClassVar[int]
    kind: MediaKind
    mime_type: str
    file_name: str
    sample_rate: int
    channels: int
    fps: float
    width: int
    height: int
    total_bytes: int
    life_s: float
    def __init__(self, kind: _Optional[_Union[MediaKind, str]] = ..., mime_type: _Optional[str] = ..., file_name: _Optional[str] = ..., sample_rate: _Optional[int] = ..., channels: _Optional[int] = ..., fps: _Optional[float] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., total_bytes: _Optional[int] = ..., life_s: _Optional[float] = ...) -> None: ...

class MediaChunk(_message.Message):
    __slots__ = ("data", "pts_s", "sequence")
    DATA_FIELD_NUMBER: _ClassVar[int]
    PTS_S_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    pts_s: float
    sequence: int
    def __init__(self, data: _Optional[bytes] = ..., pts_s: _Optional[float] = ..., sequence: _Optional[int] = ...) -> None: ...

class MediaTrailer(_message.Message):
    __slots__ = ("total_bytes",)
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    total_bytes: int
    def __init__(self, total_bytes: _Optional[int] = ...) -> None: ...

class MediaPart(_message.Message):
    __slots__ = ("stream_id", "header", "chunk", "trailer")
    STREAM_ID_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    TRAILER_FIELD_NUMBER: _ClassVar[int]
    stream_id: int
    header: MediaHeader
    chunk: MediaChunk
    trailer: MediaTrailer
    def __init__(self, stream_id: _Optional[int] = ..., header: _Optional[_Union[MediaHeader, _Mapping]] = ..., chunk: _Optional[_Union[MediaChunk, _Mapping]] = ..., trailer: _Optional[_Union[MediaTrailer, _Mapping]] = ...) -> None: ...
