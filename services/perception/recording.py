"""Reads what a person sent: bytes of any usual container into sound and still pictures, with bounds.

Decoding runs in libav through PyAV. Only containers of the table below are opened, none of which can name
other files or addresses, so that a playlist in disguise can't make the service read something else.
"""

import io
import threading
import time
from dataclasses import dataclass, field

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from av.error import FFmpegError
from empatheia.common.v1 import media_pb2
from numpy.typing import NDArray

from runtime.errors import Cancelled, InvalidInput

Floats = NDArray[np.float32]

SAMPLE_RATE = 16000
_FORMATS = "wav,w64,aiff,flac,mp3,ogg,matroska,webm,mov,mp4,m4a,3gp,mpeg,mpegvideo,mpegts,avi,aac,amr,flv"
_KEEPS_LENGTH = ("flac", "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
"""Containers whose header says how long they are, so that a missing end shows."""
_MAX_PIXELS = 4096 * 2304
_MAX_DAMAGED = 0.1
_LONG_SIDE = 640
_FIRST_STEP_S = 0.2
_MAX_PICTURES = 100
_DECODE_FACTOR = 2.0
"""Seconds of wall time allowed per second of the longest recording."""


@dataclass(frozen=True)
class Picture:
    """One still of a video."""

    time_s: float
    grey: NDArray[np.uint8]
    """(height, width), upright, long side at most 640 pixels."""


@dataclass
class Clip:
    """A recording as it was decoded."""

    sound: NDArray[np.float32] | None = None
    """(samples,) at 16 kHz, mono, -1 to 1; None where there is no sound."""
    pictures: list[Picture] = field(default_factory=list)
    """In order of time, at most 100, at even steps of at least 0.2 s."""
    step_s: float = _FIRST_STEP_S
    """Time from picture to picture."""
    video_s: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def audio_s(self) -> float:
        """Length of the sound."""
        return 0.0 if self.sound is None else len(self.sound) / SAMPLE_RATE


def decode(
    data: bytes | bytearray,
    header: media_pb2.MediaHeader,
    where: str,
    max_s: float,
    stopped: threading.Event | None = None,
) -> Clip:
    """Decodes a whole recording.

    Args:
        data: The file.
        header: What its sender said of it.
        where: Field for messages: "media[0]".
        max_s: Longest recording that is taken.
        stopped: Ends the work early.

    Raises:
        Cancelled: `stopped` was set.
        InvalidInput: It can't be read, is cut short, holds nothing, or is too long.
    """
    name = f"{header.file_name!r} " if header.file_name else ""
    if not data:
        raise InvalidInput.of(where, f"{name}is empty (0 bytes)", reason="EMPTY_MEDIA")
    if data[:4] == b"RIFF" and len(data) >= 12 and _riff_bytes(data) > len(data):
        raise InvalidInput.of(
            where,
            f"{name}is cut short: {len(data)} of {_riff_bytes(data)} bytes are there; send the whole file",
            reason="TRUNCATED_MEDIA",
        )
    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "none"}
    try:
        container = av.open(io.BytesIO(data), "r", options=options)
    except (FFmpegError, ValueError, OSError) as error:
        raise InvalidInput.of(
            where,
            f"{name}can't be read as sound or video; send wav, flac, mp3, ogg/opus, webm, mp4 or mpg, whole",
            reason="UNREADABLE_MEDIA",
        ) from error
    with container:
        return _Reader(container, header, where, name, max_s, stopped).read()


class _Reader:
    def __init__(
        self,
        container: InputContainer,
        header: media_pb2.MediaHeader,
        where: str,
        name: str,
        max_s: float,
        stopped: threading.Event | None,
    ) -> None:
        self._container = container
        self._header = header
        self._where = where
        self._name = name
        self._max_s = max_s
        self._stopped = stopped
        self._clip = Clip()
        self._resampler = AudioResampler("fltp", rate=SAMPLE_RATE)
        self._blocks: list[NDArray[np.float32]] = []
        self._samples = 0
        self._start_s: float | None = None
        self._next_s = 0.0

    def read(self) -> Clip:
        audio = next(iter(self._container.streams.audio), None)
        video = next((s for s in self._container.streams.video if not _is_cover(s)), None)
        if self._header.kind == media_pb2.MEDIA_KIND_AUDIO:
            video = None
            if audio is None:
                raise self._refused("holds no sound; send it as video, or send another file", "NO_SOUND")
        if self._header.kind == media_pb2.MEDIA_KIND_VIDEO and video is None:
            raise self._refused("holds no moving pictures; send it as audio", "NO_PICTURES")
        streams = [stream for stream in (audio, video) if stream is not None]
        if not streams:
            raise self._refused("holds neither sound nor pictures", "NO_SAMPLES")
        declared = _declared_s(self._container, streams)
        if declared > self._max_s:
            raise self._too_long(f"is {declared:.0f} s long")
        if video is not None and video.width * video.height > _MAX_PIXELS:
            raise self._refused(
                f"has pictures of {video.width}x{video.height}; the largest taken is 4096x2304",
                "PICTURES_TOO_LARGE",
            )
        for stream in streams:
            stream.codec_context.options = {"max_pixels": str(_MAX_PIXELS)}
        self._decode(streams)
        return self._finish(declared)

    def _decode(self, streams: list[av.audio.AudioStream | av.video.VideoStream]) -> None:
        give_up = time.monotonic() + 10 + _DECODE_FACTOR * self._max_s
        packets = damaged = 0
        for packet in self._packets(streams):
            packets += 1
            try:
                for frame in packet.decode():
                    if isinstance(frame, av.AudioFrame):
                        self._hear(frame)
                    elif isinstance(frame, av.VideoFrame):
                        self._see(frame)
            except (FFmpegError, ValueError):
                damaged += 1
            if self._stopped is not None and self._stopped.is_set():
                raise Cancelled(f"{self._where}: no longer wanted", reason="CANCELLED")
            if time.monotonic() > give_up:
                raise self._refused("takes too long to decode; send it in a simpler format", "TOO_COMPLEX")
        if damaged > max(1, _MAX_DAMAGED * packets):
            raise self._refused(f"is damaged ({damaged} of {packets} packets)", "DAMAGED_MEDIA")
        if damaged:
            self._clip.notes.append(f"{self._name}{damaged} damaged packets of {packets} skipped")

    def _packets(self, streams: list[av.audio.AudioStream | av.video.VideoStream]):  # type: ignore[no-untyped-def]
        try:
            yield from self._container.demux(streams)
        except (FFmpegError, ValueError) as error:
            raise self._refused("breaks off in the middle, or is damaged", "DAMAGED_MEDIA") from error

    def _hear(self, frame: av.AudioFrame) -> None:
        for block in self._resampler.resample(frame):
            self._keep(block)

    def _keep(self, frame: av.AudioFrame) -> None:
        # libav's own downmix of two equal channels comes out 3 dB too loud, and clips.
        block = frame.to_ndarray().mean(axis=0)
        self._samples += len(block)
        if self._samples > self._max_s * SAMPLE_RATE:
            raise self._too_long("is too long")
        self._blocks.append(block)

    def _see(self, frame: av.VideoFrame) -> None:
        moment = frame.time or 0.0
        if self._start_s is None:
            self._start_s = moment
        moment -= self._start_s
        if moment > self._max_s:
            raise self._too_long("is too long")
        self._clip.video_s = max(self._clip.video_s, moment)
        if moment + 1e-6 < self._next_s:
            return
        self._next_s = moment + self._clip.step_s
        self._clip.pictures.append(Picture(moment, _upright(frame)))
        if len(self._clip.pictures) > _MAX_PICTURES:
            self._clip.pictures = self._clip.pictures[::2]
            self._clip.step_s *= 2
            self._next_s = self._clip.pictures[-1].time_s + self._clip.step_s

    def _finish(self, declared: float) -> Clip:
        for block in self._resampler.resample(None) if self._blocks else ():
            self._keep(block)
        if self._blocks:
            sound = np.concatenate(self._blocks).astype(np.float32)
            self._clip.sound = np.clip(np.nan_to_num(sound), -1, 1)
        if not self._blocks and not self._clip.pictures:
            raise self._refused("holds no samples and no pictures", "NO_SAMPLES")
        found = max(self._clip.audio_s, self._clip.video_s)
        if self._container.format.name in _KEEPS_LENGTH and found < 0.9 * declared - 0.3:
            raise self._refused(
                f"is cut short: {found:.1f} of {declared:.1f} s are there; send the whole file",
                "TRUNCATED_MEDIA",
            )
        return self._clip

    def _refused(self, description: str, reason: str) -> InvalidInput:
        return InvalidInput.of(self._where, self._name + description, reason=reason)

    def _too_long(self, description: str) -> InvalidInput:
        return self._refused(
            f"{description}; the longest taken is {self._max_s:.0f} s: send a shorter part", "MEDIA_TOO_LONG"
        )


def _riff_bytes(data: bytes | bytearray) -> int:
    """Length that a WAV or AVI file declares; programs that stream write 0 or 2^32 - 1 there."""
    declared = int.from_bytes(data[4:8], "little")
    return 0 if declared == 0xFFFFFFFF else declared + 8


def _is_cover(stream: av.video.VideoStream) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _declared_s(
    container: InputContainer, streams: list[av.audio.AudioStream | av.video.VideoStream]
) -> float:
    own = [float(s.duration * s.time_base) for s in streams if s.duration and s.time_base]
    if not own and container.duration:
        own = [container.duration / av.time_base]
    return max(own, default=0.0)


def _upright(frame: av.VideoFrame) -> NDArray[np.uint8]:
    shrink = min(1.0, _LONG_SIDE / max(frame.width, frame.height))
    small = frame.reformat(
        width=max(2, round(frame.width * shrink)), height=max(2, round(frame.height * shrink)), format="gray"
    )
    grey = small.to_ndarray().astype(np.uint8)
    quarter_turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(grey, quarter_turns))
