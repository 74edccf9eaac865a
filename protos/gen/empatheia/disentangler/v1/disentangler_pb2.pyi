from empatheia.common.v1 import affect_pb2 as _affect_pb2
from empatheia.common.v1 import dialogue_pb2 as _dialogue_pb2
from empatheia.common.v1 import service_pb2 as _service_pb2
from empatheia.common.v1 import style_pb2 as _style_pb2
from empatheia.common.v1 import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DisentangleRequest(_message.Message):
    __slots__ = ("affect", "profile", "signals", "emotion_override", "intensity_override", "grave")
    AFFECT_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    EMOTION_OVERRIDE_FIELD_NUMBER: _ClassVar[int]
    INTENSITY_OVERRIDE_FIELD_NUMBER: _ClassVar[int]
    GRAVE_FIELD_NUMBER: _ClassVar[int]
    affect: _affect_pb2.Affect
    profile: _dialogue_pb2.Profile
    signals: _containers.RepeatedCompositeFieldContainer[_tensor_pb2.Tensor]
    emotion_override: str
    intensity_override: float
    grave: bool
    def __init__(self, affect: _Optional[_Union[_affect_pb2.Affect, _Mapping]] = ..., profile: _Optional[_Union[_dialogue_pb2.Profile, _Mapping]] = ..., signals: _Optional[_Iterable[_Union[_tensor_pb2.Tensor, _Mapping]]] = ..., emotion_override: _Optional[str] = ..., intensity_override: _Optional[float] = ..., grave: _Optional[bool] = ...) -> None: ...

class DisentangleResponse(_message.Message):
    __slots__ = ("style", "emotion", "profile", "rationale", "model")
    class ProfileEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _affect_pb2.Distribution
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_affect_pb2.Distribution, _Mapping]] = ...) -> None: ...
    STYLE_FIELD_NUMBER: _ClassVar[int]
    EMOTION_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    RATIONALE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    style: _style_pb2.Style
    emotion: _affect_pb2.Distribution
    profile: _containers.MessageMap[str, _affect_pb2.Distribution]
    rationale: str
    model: _service_pb2.ModelInfo
    def __init__(self, style: _Optional[_Union[_style_pb2.Style, _Mapping]] = ..., emotion: _Optional[_Union[_affect_pb2.Distribution, _Mapping]] = ..., profile: _Optional[_Mapping[str, _affect_pb2.Distribution]] = ..., rationale: _Optional[str] = ..., model: _Optional[_Union[_service_pb2.ModelInfo, _Mapping]] = ...) -> None: ...

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
