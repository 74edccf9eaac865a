from empatheia.common.v1 import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Word(_message.Message):
    __slots__ = ("text", "start_s", "end_s", "start_char", "end_char")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    END_S_FIELD_NUMBER: _ClassVar[int]
    START_CHAR_FIELD_NUMBER: _ClassVar[int]
    END_CHAR_FIELD_NUMBER: _ClassVar[int]
    text: str
    start_s: float
    end_s: float
    start_char: int
    end_char: int
    def __init__(self, text: _Optional[str] = ..., start_s: _Optional[float] = ..., end_s: _Optional[float] = ..., start_char: _Optional[int] = ..., end_char: _Optional[int] = ...) -> None: ...

class Phoneme(_message.Message):
    __slots__ = ("ipa", "start_s", "end_s", "word", "stress")
    IPA_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    END_S_FIELD_NUMBER: _ClassVar[int]
    WORD_FIELD_NUMBER: _ClassVar[int]
    STRESS_FIELD_NUMBER: _ClassVar[int]
    ipa: str
    start_s: float
    end_s: float
    word: int
    stress: int
    def __init__(self, ipa: _Optional[str] = ..., start_s: _Optional[float] = ..., end_s: _Optional[float] = ..., word: _Optional[int] = ..., stress: _Optional[int] = ...) -> None: ...

class Viseme(_message.Message):
    __slots__ = ("name", "start_s", "end_s", "weight")
    NAME_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    END_S_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    name: str
    start_s: float
    end_s: float
    weight: float
    def __init__(self, name: _Optional[str] = ..., start_s: _Optional[float] = ..., end_s: _Optional[float] = ..., weight: _Optional[float] = ...) -> None: ...

class ContentSegment(_message.Message):
    __slots__ = ("index", "text", "words", "phonemes", "visemes", "start_s", "duration_s", "tensors", "pause_s")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    PHONEMES_FIELD_NUMBER: _ClassVar[int]
    VISEMES_FIELD_NUMBER: _ClassVar[int]
    START_S_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    TENSORS_FIELD_NUMBER: _ClassVar[int]
    PAUSE_S_FIELD_NUMBER: _ClassVar[int]
    index: int
    text: str
    words: _containers.RepeatedCompositeFieldContainer[Word]
    phonemes: _containers.RepeatedCompositeFieldContainer[Phoneme]
    visemes: _containers.RepeatedCompositeFieldContainer[Viseme]
    start_s: float
    duration_s: float
    tensors: _containers.RepeatedCompositeFieldContainer[_tensor_pb2.Tensor]
    pause_s: float
    def __init__(self, index: _Optional[int] = ..., text: _Optional[str] = ..., words: _Optional[_Iterable[_Union[Word, _Mapping]]] = ..., phonemes: _Optional[_Iterable[_Union[Phoneme, _Mapping]]] = ..., visemes: _Optional[_Iterable[_Union[Viseme, _Mapping]]] = ..., start_s: _Optional[float] = ..., duration_s: _Optional[float] = ..., tensors: _Optional[_Iterable[_Union[_tensor_pb2.Tensor, _Mapping]]] = ..., pause_s: _Optional[float] = ...) -> None: ...
