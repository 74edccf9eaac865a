"""Media made for the tests: tones, spoken sentences, drawn pictures, in any container."""

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import av
import cv2
import numpy as np
from empatheia.common.v1 import media_pb2

from runtime import media
from runtime.espeak import espeak


@dataclass(frozen=True)
class File:
    data: bytes
    name: str
    kind: int = media_pb2.MEDIA_KIND_UNSPECIFIED


def parts(index: int, file: File) -> Iterator[media_pb2.MediaPart]:
    return media.parts(index, media_pb2.MediaHeader(file_name=file.name, kind=file.kind), file.data)


def tone(seconds: float, rate: int = 16000, hertz: float = 220.0, level: float = 0.3) -> np.ndarray:
    return (level * np.sin(2 * math.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


@cache
def spoken(sentence: str) -> np.ndarray:
    """A sentence said by espeak-ng, at 22.05 kHz, with half a second of silence on both sides."""
    said = espeak().speak(sentence, pitch_range=50).samples.astype(np.float32) / 32768
    pause = np.zeros(22050 // 2, np.float32)
    return np.concatenate((pause, said, pause))


def audio(
    samples: np.ndarray,
    rate: int,
    container: str = "wav",
    codec: str = "pcm_s16le",
    channels: int = 1,
    options: dict[str, str] | None = None,
) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container, options=options or {}) as output:
        stream = output.add_stream(codec, rate=rate, layout="stereo" if channels == 2 else "mono")
        _write_audio(output, stream, samples, rate, channels)
    return file.getvalue()


def video(
    pictures: list[np.ndarray],
    sound: np.ndarray | None = None,
    rate: int = 22050,
    container: str = "mp4",
    codec: str = "libx264",
    audio_codec: str = "aac",
    fps: int = 10,
) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=fps)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv444p" if pictures[0].shape[0] % 2 else "yuv420p"
        voice = None if sound is None else output.add_stream(audio_codec, rate=rate, layout="mono")
        for picture in pictures:
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")):
                output.mux(packet)
        output.mux(stream.encode(None))
        if voice is not None:
            _write_audio(output, voice, sound, rate, 1)
    return file.getvalue()


def _write_audio(output, stream, samples: np.ndarray, rate: int, channels: int) -> None:
    resampler = av.AudioResampler(stream.format, stream.layout, stream.rate)
    for start in range(0, len(samples), 1024):
        block = np.repeat(samples[None, start : start + 1024], channels, axis=0).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(block), "fltp", "stereo" if channels == 2 else "mono"
        )
        frame.sample_rate, frame.pts = rate, start
        for piece in resampler.resample(frame):
            output.mux(stream.encode(piece))
    output.mux(stream.encode(None))


def scene(width: int = 320, height: int = 240) -> np.ndarray:
    """A picture with no face in it."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    return (np.stack((x, y, 1 - x), axis=-1) * 255).astype(np.uint8)


def face(
    width: int = 320, height: int = 240, centre: tuple[int, int] = (160, 120), size: int = 60
) -> np.ndarray:
    """A drawn face that the cascade takes for one."""
    picture = np.full((height, width, 3), 90, np.uint8)
    skin, dark, lips = (205, 170, 150), (60, 45, 40), (120, 60, 60)

    def oval(dx: float, dy: float, across: float, down: float, colour: tuple[int, int, int]) -> None:
        middle = round(centre[0] + dx * size), round(centre[1] + dy * size)
        cv2.ellipse(picture, middle, (round(across * size), round(down * size)), 0, 0, 360, colour, -1)

    oval(0, 0, 0.8, 1.1, skin)
    for side in (-0.33, 0.33):
        oval(side, -0.2, 0.2, 0.1, dark)
        oval(side, -0.42, 0.26, 0.07, dark)
    oval(0, 0.02, 0.06, 0.24, (225, 190, 170))
    oval(0, 0.3, 0.17, 0.06, (150, 110, 100))
    oval(0, 0.6, 0.33, 0.1, lips)
    return cv2.GaussianBlur(picture, (0, 0), size / 30)
