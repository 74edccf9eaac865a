from empatheia.common.v1 import affect_pb2 as _affect_pb2
from empatheia.common.v1 import dialogue_pb2 as _dialogue_pb2
from empatheia.common.v1 import service_pb2 as _service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AssessRequest(_message.Message):
    __slots__ = ("dialogue",)
    DIALOGUE_FIELD_NUMBER: _ClassVar[int]
    dialogue: _containers.RepeatedCompositeFieldContainer[_dialogue_pb2.Utterance]
    def __init__(self, dialogue: _Optional[_Iterable[_Union[_dialogue_pb2.Utterance, _Mapping]]] = ...) -> None: ...

class AssessResponse(_message.Message):
    __slots__ = ("assessments", "model")
    ASSESSMENTS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    assessments: _containers.RepeatedCompositeFieldContainer[Assessment]
    model: _service_pb2.ModelInfo
    def __init__(self, assessments: _Optional[_Iterable[_Union[Assessment, _Mapping]]] = ..., model: _Optional[_Union[_service_pb2.ModelInfo, _Mapping]] = ...) -> None: ...

class Assessment(_message.Message):
    __slots__ = ("utterance", "kinds", "stages", "seen_from", "ask_from")
    UTTERANCE_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    SEEN_FROM_FIELD_NUMBER: _ClassVar[int]
    ASK_FROM_FIELD_NUMBER: _ClassVar[int]
    utterance: int
    kinds: _affect_pb2.Distribution
    stages: _affect_pb2.Distribution
    seen_from: float
    ask_from: float
    def __init__(self, utterance: _Optional[int] = ..., kinds: _Optional[_Union[_affect_pb2.Distribution, _Mapping]] = ..., stages: _Optional[_Union[_affect_pb2.Distribution, _Mapping]] = ..., seen_from: _Optional[float] = ..., ask_from: _Optional[float] = ...) -> None: ...

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
