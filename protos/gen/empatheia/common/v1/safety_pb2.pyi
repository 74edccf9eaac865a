from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Safety(_message.Message):
    __slots__ = ("kind", "confidence", "stage", "seen_by", "help", "country", "language")
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    SEEN_BY_FIELD_NUMBER: _ClassVar[int]
    HELP_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    kind: str
    confidence: float
    stage: str
    seen_by: str
    help: _containers.RepeatedCompositeFieldContainer[HelpLine]
    country: str
    language: str
    def __init__(self, kind: _Optional[str] = ..., confidence: _Optional[float] = ..., stage: _Optional[str] = ..., seen_by: _Optional[str] = ..., help: _Optional[_Iterable[_Union[HelpLine, _Mapping]]] = ..., country: _Optional[str] = ..., language: _Optional[str] = ...) -> None: ...

class HelpLine(_message.Message):
    __slots__ = ("name", "number", "text", "hours", "url", "category")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    HOURS_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    name: str
    number: str
    text: str
    hours: str
    url: str
    category: str
    def __init__(self, name: _Optional[str] = ..., number: _Optional[str] = ..., text: _Optional[str] = ..., hours: _Optional[str] = ..., url: _Optional[str] = ..., category: _Optional[str] = ...) -> None: ...
