"""Readable controls of voice and face as plain values that can be added and scaled."""

from dataclasses import asdict, dataclass, fields

import numpy as np
from empatheia.common.v1 import style_pb2
from numpy.typing import NDArray

STYLE_WIDTH = 256
"""Length of every style tensor: the width of StyleTTS2's style vector and of DreamTalk's style code."""


@dataclass(frozen=True)
class Voice:
    """Units and meaning as in `VoiceControls` of the contract."""

    base_pitch_hz: float = 0.0
    pitch_shift_st: float = 0.0
    pitch_range: float = 0.0
    rate: float = 0.0
    energy_db: float = 0.0
    breathiness: float = 0.0
    spectral_tilt_db: float = 0.0
    formant_shift: float = 0.0
    pause: float = 0.0
    tremor: float = 0.0


@dataclass(frozen=True)
class Face:
    """Units and meaning as in `FaceControls` of the contract."""

    brow_inner_up: float = 0.0
    brow_down: float = 0.0
    brow_outer_up: float = 0.0
    smile: float = 0.0
    frown: float = 0.0
    cheek_raise: float = 0.0
    eye_openness: float = 0.0
    gaze_down: float = 0.0
    head_tilt: float = 0.0
    head_pitch: float = 0.0
    head_motion: float = 0.0
    blink_rate: float = 0.0
    articulation: float = 0.0


_VOICE_UNITS = Voice(200.0, 4.0, 1.0, 0.5, 6.0, 1.0, 3.0, 0.5, 1.0, 1.0)
"""What counts as one unit of each control inside a tensor."""
_SIGNED_FACE = ("eye_openness", "head_tilt", "head_pitch", "head_motion", "blink_rate", "articulation")
_UNIT_VOICE = ("breathiness", "tremor")


@dataclass(frozen=True)
class Manner:
    """A way to sound and look, as an offset that can be scaled and added to another."""

    voice: Voice = Voice()
    face: Face = Face()

    def scaled(self, factor: float) -> "Manner":
        """Every control times a factor."""
        return Manner(
            Voice(**{key: value * factor for key, value in asdict(self.voice).items()}),
            Face(**{key: value * factor for key, value in asdict(self.face).items()}),
        )

    def plus(self, other: "Manner") -> "Manner":
        """Every control added, held within the contract's bounds."""
        voice = {key: value + getattr(other.voice, key) for key, value in asdict(self.voice).items()}
        voice |= {key: min(1.0, max(0.0, voice[key])) for key in _UNIT_VOICE}
        face = {
            key: min(1.0, max(-1.0 if key in _SIGNED_FACE else 0.0, value + getattr(other.face, key)))
            for key, value in asdict(self.face).items()
        }
        return Manner(Voice(**voice), Face(**face))

    def voice_proto(self) -> style_pb2.VoiceControls:
        """The voice on the wire."""
        return style_pb2.VoiceControls(**asdict(self.voice))

    def face_proto(self) -> style_pb2.FaceControls:
        """The face on the wire."""
        return style_pb2.FaceControls(**asdict(self.face))

    def voice_vector(self) -> NDArray[np.float32]:
        """The voice as a vector of `STYLE_WIDTH`; see `_spread`."""
        return _spread([getattr(self.voice, f.name) / getattr(_VOICE_UNITS, f.name) for f in fields(Voice)])

    def face_vector(self) -> NDArray[np.float32]:
        """The face as a vector of `STYLE_WIDTH`; see `_spread`."""
        return _spread([getattr(self.face, f.name) for f in fields(Face)])


def _spread(values: list[float]) -> NDArray[np.float32]:
    """Lays values out over `STYLE_WIDTH` numbers on the orthonormal rows of a DCT-II.

    A fixed linear map: nothing is learned, nothing lost, and the sum of two manners is the sum of their
    vectors.
    """
    rank = np.arange(1, len(values) + 1)[:, None]
    place = np.arange(STYLE_WIDTH)[None, :] + 0.5
    rows = np.sqrt(2 / STYLE_WIDTH) * np.cos(np.pi * rank * place / STYLE_WIDTH)
    spread: NDArray[np.float32] = (np.asarray(values) @ rows).astype(np.float32)
    return spread
