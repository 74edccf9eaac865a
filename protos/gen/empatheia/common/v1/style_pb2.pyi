from empatheia.common.v1 import tensor_pb2 as _tensor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class VoiceControls(_message.Message):
    __slots__ = ("base_pitch_hz", "pitch_shift_st", "pitch_range", "rate", "energy_db", "breathiness", "spectral_tilt_db", "formant_shift", "pause", "tremor")
    BASE_PITCH_HZ_FIELD_NUMBER: _ClassVar[int]
    PITCH_SHIFT_ST_FIELD_NUMBER: _ClassVar[int]
    PITCH_RANGE_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    ENERGY_DB_FIELD_NUMBER: _ClassVar[int]
    BREATHINESS_FIELD_NUMBER: _ClassVar[int]
    SPECTRAL_TILT_DB_FIELD_NUMBER: _ClassVar[int]
    FORMANT_SHIFT_FIELD_NUMBER: _ClassVar[int]
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    TREMOR_FIELD_NUMBER: _ClassVar[int]
    base_pitch_hz: float
    pitch_shift_st: float
    pitch_range: float
    rate: float
    energy_db: float
    breathiness: float
    spectral_tilt_db: float
    formant_shift: float
    pause: float
    tremor: float
    def __init__(self, base_pitch_hz: _Optional[float] = ..., pitch_shift_st: _Optional[float] = ..., pitch_range: _Optional[float] = ..., rate: _Optional[float] = ..., energy_db: _Optional[float] = ..., breathiness: _Optional[float] = ..., spectral_tilt_db: _Optional[float] = ..., formant_shift: _Optional[float] = ..., pause: _Optional[float] = ..., tremor: _Optional[float] = ...) -> None: ...

class FaceControls(_message.Message):
    __slots__ = ("brow_inner_up", "brow_down", "brow_outer_up", "smile", "frown", "cheek_raise", "eye_openness", "gaze_down", "head_tilt", "head_pitch", "head_motion", "blink_rate", "articulation")
    BROW_INNER_UP_FIELD_NUMBER: _ClassVar[int]
    BROW_DOWN_FIELD_NUMBER: _ClassVar[int]
    BROW_OUTER_UP_FIELD_NUMBER: _ClassVar[int]
    SMILE_FIELD_NUMBER: _ClassVar[int]
    FROWN_FIELD_NUMBER: _ClassVar[int]
    CHEEK_RAISE_FIELD_NUMBER: _ClassVar[int]
    EYE_OPENNESS_FIELD_NUMBER: _ClassVar[int]
    GAZE_DOWN_FIELD_NUMBER: _ClassVar[int]
    HEAD_TILT_FIELD_NUMBER: _ClassVar[int]
    HEAD_PITCH_FIELD_NUMBER: _ClassVar[int]
    HEAD_MOTION_FIELD_NUMBER: _ClassVar[int]
    BLINK_RATE_FIELD_NUMBER: _ClassVar[int]
    ARTICULATION_FIELD_NUMBER: _ClassVar[int]
    brow_inner_up: float
    brow_down: float
    brow_outer_up: float
    smile: float
    frown: float
    cheek_raise: float
    eye_openness: float
    gaze_down: float
    head_tilt: float
    head_pitch: float
    head_motion: float
    blink_rate: float
    articulation: float
    def __init__(self, brow_inner_up: _Optional[float] = ..., brow_down: _Optional[float] = ..., brow_outer_up: _Optional[float] = ..., smile: _Optional[float] = ..., frown: _Optional[float] = ..., cheek_raise: _Optional[float] = ..., eye_openness: _Optional[float] = ..., gaze_down: _Optional[float] = ..., head_tilt: _Optional[float] = ..., head_pitch: _Optional[float] = ..., head_motion: _Optional[float] = ..., blink_rate: _Optional[float] = ..., articulation: _Optional[float] = ...) -> None: ...

class Style(_message.Message):
    __slots__ = ("voice", "face", "tensors", "emotion", "intensity")
    VOICE_FIELD_NUMBER: _ClassVar[int]
    FACE_FIELD_NUMBER: _ClassVar[int]
    TENSORS_FIELD_NUMBER: _ClassVar[int]
    EMOTION_FIELD_NUMBER: _ClassVar[int]
    INTENSITY_FIELD_NUMBER: _ClassVar[int]
    voice: VoiceControls
    face: FaceControls
    tensors: _containers.RepeatedCompositeFieldContainer[_tensor_pb2.Tensor]
    emotion: str
    intensity: float
    def __init__(self, voice: _Optional[_Union[VoiceControls, _Mapping]] = ..., face: _Optional[_Union[FaceControls, _Mapping]] = ..., tensors: _Optional[_Iterable[_Union[_tensor_pb2.Tensor, _Mapping]]] = ..., emotion: _Optional[str] = ..., intensity: _Optional[float] = ...) -> None: ...
