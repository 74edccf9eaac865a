"""Where a style comes from: a reference clip, a shelf of styles by feeling and person, or the call itself."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from empatheia.common.v1 import dialogue_pb2, style_pb2
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from scipy.io import wavfile
from scipy.signal import resample_poly
from torch import Tensor

from runtime.emotions import CLASSES, NEUTRAL
from runtime.errors import InvalidInput
from runtime.tensors import to_array
from services.speech.backends.styletts2.model import StyleTTS2

_FRAME, _HOP = 2048, 512
_SILENT_DB = -30.0
_LEAST_S = 0.25
_ANY = "any"
_TENSOR = "S_s"


@dataclass(frozen=True)
class Chosen:
    """A style, and what it says already."""

    style: Tensor
    """(1, 2 * width of a half)."""
    expressive: bool
    """It was made for the reply's feeling, so that the readable controls would say it twice."""


class Voices:
    """The styles of one model."""

    def __init__(
        self, width: int, reference: Tensor | None, shelf: dict[str, Tensor], *, learned: bool = False
    ) -> None:
        """Takes what is there.

        Args:
            width: Values of a style.
            reference: (1, width), for whoever has none of their own.
            shelf: (width,) by `place`.
            learned: S_s comes from a disentangler that was taught the styles of this model.
        """
        self._width, self._reference, self._shelf, self._learned = width, reference, shelf, learned

    @property
    def empty(self) -> bool:
        """Whether a call without a style of its own could not be spoken."""
        return self._reference is None and place(NEUTRAL) not in self._shelf

    def choose(self, style: style_pb2.Style, profile: dialogue_pb2.Profile) -> Chosen:
        """Takes the call's own S_s where that is learned, else the nearest on the shelf, else the reference.

        An S_s of another width is meant for other backends and passed over.

        Raises:
            InvalidInput: S_s holds values that are no numbers.
        """
        for tensor in style.tensors if self._learned else ():
            if tensor.name == _TENSOR and (array := to_array(tensor)).size == self._width:
                values = np.array(array, np.float32).reshape(1, -1)
                if not np.isfinite(values).all():
                    raise InvalidInput.of(
                        "start.style.tensors", f"{_TENSOR} holds values that are no numbers"
                    )
                return Chosen(torch.from_numpy(values), expressive=True)
        for emotion in dict.fromkeys((style.emotion or NEUTRAL, NEUTRAL)):
            for age, gender in ((profile.age, profile.gender), ("", profile.gender), ("", "")):
                if (found := self._shelf.get(place(emotion, age, gender))) is not None:
                    return Chosen(found[None], expressive=emotion != NEUTRAL or not style.emotion)
        assert self._reference is not None, "checked when the voices were loaded"
        return Chosen(self._reference, expressive=False)


def place(emotion: str, age: str = "", gender: str = "") -> str:
    """Name of a style on the shelf."""
    return "/".join(part or _ANY for part in (emotion, age, gender))


def read_shelf(path: Path, width: int) -> dict[str, Tensor]:
    """Reads a shelf.

    Raises:
        InvalidInput: It is not one, or one of another model.
    """
    try:
        shelf: dict[str, Tensor] = load_file(path)
    except (SafetensorError, OSError) as error:
        raise InvalidInput.of(str(path), f"is not a shelf of styles: {error}", reason="BAD_STYLES") from error
    wrong = [name for name, style in shelf.items() if style.shape != (width,)]
    if wrong:
        raise InvalidInput.of(
            str(path), f"{wrong[0]} does not have the model's {width} values", reason="BAD_STYLES"
        )
    return {name: style.float() for name, style in shelf.items()}


def shelve(path: Path, model: StyleTTS2, clip: Path, emotion: str, age: str = "", gender: str = "") -> None:
    """Puts the style of a clip on a shelf, a new one if there is none.

    Raises:
        InvalidInput: The emotion is unknown, the clip can't be used, or the shelf is of another model.
    """
    if emotion not in (*CLASSES, NEUTRAL):
        known = ", ".join((*CLASSES, NEUTRAL))
        raise InvalidInput.of("emotion", f"{emotion!r} is unknown; there are: {known}")
    shelf = read_shelf(path, 2 * model.config.style) if path.exists() else {}
    shelf[place(emotion, age, gender)] = embed(model, clip)[0].cpu().contiguous()
    fresh = path.with_name(f".{path.name}.fresh")
    save_file(shelf, fresh)
    fresh.replace(path)


def embed(model: StyleTTS2, clip: Path) -> Tensor:
    """Style of a WAV file, (1, width), on the model's device.

    Raises:
        InvalidInput: It can't be read, or has under a quarter of a second of sound in it.
    """
    rate = model.config.sample_rate
    wave = trimmed(_read(clip, rate))
    if len(wave) < _LEAST_S * rate:
        raise InvalidInput.of(
            str(clip),
            f"has {len(wave) / rate:.2f} s of sound; a voice needs {_LEAST_S} s or more, better 3 to 10",
            reason="BAD_REFERENCE",
        )
    device = model.bert_encoder.weight.device
    with torch.inference_mode():
        return model.embed(torch.from_numpy(wave.astype(np.float32)).to(device))


def trimmed(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cuts what is 30 dB under the loudest frame off both ends."""
    padded = np.pad(wave, _FRAME // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP]
    power = np.square(frames).mean(axis=1)
    loud = np.flatnonzero(power > power.max() * 10 ** (_SILENT_DB / 10))
    return wave[loud[0] * _HOP : (loud[-1] + 1) * _HOP] if len(loud) else wave[:0]


def _read(clip: Path, rate: int) -> NDArray[np.float64]:
    try:
        own_rate, data = wavfile.read(clip)
    except (OSError, ValueError) as error:
        raise InvalidInput.of(str(clip), f"is not a WAV file: {error}", reason="BAD_REFERENCE") from error
    whole = np.issubdtype(data.dtype, np.integer)
    scaled = data / np.iinfo(data.dtype).max if whole else data
    wave = np.asarray(scaled, np.float64)
    if data.dtype == np.uint8:
        wave = 2 * wave - 1
    if wave.ndim > 1:
        wave = wave.mean(axis=1)
    if not np.isfinite(wave).all():
        raise InvalidInput.of(str(clip), "holds values that are no numbers", reason="BAD_REFERENCE")
    common = np.gcd(rate, own_rate)
    out: NDArray[np.float64] = resample_poly(wave, rate // common, own_rate // common)
    return out
