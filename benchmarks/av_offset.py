"""How far sound and picture of a talking face are apart, measured in the finished file.

Lips are seen as the dark inside of the mouth, the voice as its energy between 500 and 2,000 Hz, where open
vowels are strong. Both rise and fall together; the shift at which they do so best is the offset. This is made
for the drawn face: beards, teeth and poor light hide the inside of real mouths.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from services.perception.modalities.faces import Finder

Floats = NDArray[np.float64]

_BAND_HZ = (500.0, 2000.0)
_WINDOW_S = 0.08
_SEARCH_S, _STEP_S = 0.4, 0.005
_FIND_EVERY = 5
# Where the middle of the mouth is in the square that the face finder gives, as shares of its side (further
# out, long hair is as dark as a mouth); and how dark the inside of a mouth is at most, against the skin.
_ROWS, _COLUMNS = (0.68, 0.95), (0.40, 0.60)
_DARK = 0.3


@dataclass(frozen=True)
class Film:
    """A decoded video with sound."""

    times: Floats
    """(pictures,): when each picture is shown, in seconds."""
    pictures: list[NDArray[np.uint8]]
    """Grey, (height, width)."""
    sound: Floats
    """(samples,), from second 0 of the film's clock."""
    rate: int


@dataclass(frozen=True)
class Offset:
    """Where lips and voice fit best."""

    ms: float
    """Positive: the sound comes before the picture it belongs to (the sign of ITU-R BT.1359)."""
    correlation: float
    """How well they fit there, -1 to 1."""


def read(path: Path, size: int = 0) -> Film:
    """Decodes all pictures and the sound, each where its time stamp says.

    Args:
        path: The file.
        size: Width and height that the pictures are brought to; 0 leaves them.

    Raises:
        av.FFmpegError: It can't be decoded.
        ValueError: It holds no pictures, or no sound.
    """
    times, pictures, parts = [], [], []
    with av.open(str(path)) as file:
        if not file.streams.video or not file.streams.audio:
            raise ValueError(f"{path} lacks pictures or sound")
        rate = int(file.streams.audio[0].rate)
        for frame in file.decode(video=0, audio=0):
            if isinstance(frame, av.VideoFrame):
                times.append(float(frame.time or 0))
                pictures.append(
                    frame.reformat(size or None, size or None, "gray").to_ndarray().astype(np.uint8)
                )
            elif isinstance(frame, av.AudioFrame):
                parts.append((round(float(frame.time or 0) * rate), mono(frame)))
    if not pictures or not parts:
        raise ValueError(f"{path} lacks pictures or sound")
    sound = np.zeros(max(start + len(part) for start, part in parts))
    for start, part in parts:
        sound[max(0, start) : start + len(part)] = part[max(0, -start) :]
    return Film(np.asarray(times), pictures, sound, rate)


def mono(frame: av.AudioFrame) -> Floats:
    """Samples of a decoded frame as one channel, full scale 1."""
    samples = frame.to_ndarray()
    scale = 2.0 ** (8 * samples.itemsize - 1) if samples.dtype.kind == "i" else 1.0
    planes = samples if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels).T
    mono: Floats = planes.mean(axis=0) / scale
    return mono


def lip_opening(pictures: list[NDArray[np.uint8]]) -> Floats | None:
    """Share of the mouth's region that is as dark as the inside of a mouth, per picture.

    Args:
        pictures: Grey, (height, width) each.

    Returns:
        (pictures,); None if no face is found.
    """
    finder = Finder()
    found = [boxes[0] for picture in pictures[::_FIND_EVERY] if (boxes := finder.find(picture))]
    if not found:
        return None
    x, y, side = np.median([(box.x, box.y, box.side) for box in found], axis=0)
    rows = slice(int(y + _ROWS[0] * side), int(y + _ROWS[1] * side))
    columns = slice(int(x + _COLUMNS[0] * side), int(x + _COLUMNS[1] * side))
    mouths = np.stack([picture[rows, columns] for picture in pictures])
    opening: Floats = (mouths < _DARK * np.median(mouths)).mean(axis=(1, 2))
    return opening


def offset(times: Floats, opening: Floats, sound: Floats, rate: int) -> Offset | None:
    """Finds the shift, of up to 0.4 s either way, at which lips and voice correlate best.

    Args:
        times: (pictures,), in seconds.
        opening: (pictures,), in any unit.
        sound: (samples,), on the same clock.
        rate: Samples a second.

    Returns:
        None if lips or voice stay the same, or fit best at the edge of the search.
    """
    filtered = sosfiltfilt(butter(2, _BAND_HZ, "bandpass", fs=rate, output="sos"), sound)
    power = np.concatenate(([0.0], np.cumsum(filtered**2)))
    return shift_of(times, opening, lambda at: _level(power, at, rate))


def shift_of(times: Floats, opening: Floats, expected: Callable[[Floats], Floats]) -> Offset | None:
    """Finds the shift, of up to 0.4 s either way, at which lips and what is expected of them correlate best.

    Args:
        times: (pictures,), in seconds.
        opening: (pictures,), in any unit.
        expected: Gives the opening at some times, in any unit.

    Returns:
        None if either stays the same, or they fit best at the edge of the search.
    """
    shifts = np.arange(-round(_SEARCH_S / _STEP_S), round(_SEARCH_S / _STEP_S) + 1) * _STEP_S
    fits = np.array([_fit(opening, expected(times - shift)) for shift in shifts])
    best = int(np.argmax(fits))
    if not 0 < best < len(fits) - 1 or fits[best] <= 0:
        return None
    return Offset(float(1000 * shifts[best]), float(fits[best]))


def _level(power: Floats, times: Floats, rate: int) -> Floats:
    """Root mean square around each time, silent outside of the sound; from cumulated squares."""
    starts = np.clip(np.round((times - _WINDOW_S / 2) * rate).astype(int), 0, len(power) - 1)
    ends = np.clip(np.round((times + _WINDOW_S / 2) * rate).astype(int), 0, len(power) - 1)
    level: Floats = np.sqrt(np.maximum(0, power[ends] - power[starts]) / (_WINDOW_S * rate))
    return level


def _fit(first: Floats, second: Floats) -> float:
    if first.std() == 0 or second.std() == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
