from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_SPEAKER: _ClassVar[Role]
    ROLE_LISTENER: _ClassVar[Role]
ROLE_UNSPECIFIED: Role
ROLE_SPEAKER: Role
ROLE_LISTENER: Role

class Profile(_message.Message):
    __slots__ = ("age", "gender", "timbre")
    AGE_FIELD_NUMBER: _ClassVar[int]
    GENDER_FIELD_NUMBER: _ClassVar[int]
    TIMBRE_FIELD_NUMBER: _ClassVar[int]
    age: str
    gender: str
    timbre: str
    def __init__(self, age: _Optional[str] = ..., gender: _Optional[str] = ..., timbre: _Optional[str] = ...) -> None: ...

class Utterance(_message.Message):
    __slots__ = ("role", "text", "emotion")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    EMOTION_FIELD_NUMBER: _ClassVar[int]
    role: Role
    text: str
    emotion: str
    def __init__(self, role: _Optional[_Union[Role, str]] = ..., text: _Optional[str] = ..., emotion: _Optional[str] = ...) -> None: ...
