"""Reads what a person sent: bytes of any usual container into sound and still pictures, with bounds.

Decoding runs in libav through PyAV. Only containers of the table below are opened, none of which can name
other files or addresses, so that a playlist in disguise can't make the service read something else.
"""

import threading
import time
from dataclasses import dataclass, field
from typing import Protocol

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from av.error import FFmpegError
from empatheia.common.v1 import media_pb2
from numpy.typing import NDArray

from runtime.errors import Cancelled, InvalidInput
from runtime.request import no_recording
from services.perception.inflow import Inflow

Floats = NDArray[np.float32]

SAMPLE_RATE = 16000
_FORMATS = "wav,w64,aiff,flac,mp3,ogg,matroska,webm,mov,mp4,m4a,3gp,mpeg,mpegvideo,mpegts,avi,aac,amr,flv"
_KEEPS_LENGTH = ("flac", "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
"""Containers whose header says how long they are, so that a missing end shows."""
_MAX_PIXELS = 4096 * 2304
_MAX_DAMAGED = 0.1
_LONG_SIDE = 640
STEP_S = 0.2
"""Time from still to still, at least."""
_DECODE_FACTOR = 2.0
"""Seconds of wall time allowed per second of the longest recording."""


@dataclass(frozen=True)
class Picture:
    """One still of a video."""

    time_s: float
    grey: NDArray[np.uint8]
    """(height, width), upright, long side at most 640 pixels."""


class Sink(Protocol):
    """Takes what a recording holds, in the order in which it is decoded."""

    def sound(self, samples: Floats) -> None:
        """The next samples, at 16 kHz, mono, -1 to 1."""

    def picture(self, picture: Picture) -> None:
        """The next still, at least 0.2 s after the one before."""


@dataclass
class Summary:
    """What is known of a recording once it was decoded."""

    audio_s: float = 0.0
    video_s: float = 0.0
    pictures: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass
class Clip:
    """A whole recording, for trainings and tests."""

    blocks: list[Floats] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    summary: Summary = field(default_factory=Summary)

    def picture(self, picture: Picture) -> None:
        """See `Sink`."""
        self.pictures.append(picture)

    def sound(self, samples: Floats) -> None:
        """See `Sink`."""
        self.blocks.append(samples)

    @property
    def samples(self) -> Floats | None:
        """All of the sound, (samples,); None where there is none."""
        return np.concatenate(self.blocks) if self.blocks else None


def decode(data: bytes | bytearray, header: media_pb2.MediaHeader, where: str, max_s: float) -> Clip:
    """Decodes a whole recording; see `decode_into`."""
    inflow = Inflow()
    inflow.write(bytes(data))
    inflow.end()
    clip = Clip()
    clip.summary = decode_into(clip, inflow, header, where, max_s)
    return clip


def decode_into(
    sink: Sink,
    inflow: Inflow,
    header: media_pb2.MediaHeader,
    where: str,
    max_s: float,
    stopped: threading.Event | None = None,
) -> Summary:
    """Decodes a recording while it arrives.

    Args:
        sink: Gets sound and stills.
        inflow: The file's bytes.
        header: What its sender said of it.
        where: Field for messages: "media[0]".
        max_s: Longest recording that is taken.
        stopped: Ends the work early, together with `inflow.stop`.

    Raises:
        Cancelled: `stopped` was set.
        InvalidInput: It can't be read, is cut short, holds nothing, or is too long.
    """
    name = f"{header.file_name!r} " if header.file_name else ""
    start = inflow.head(12)
    if not start:
        _leave_if(stopped, where)
        raise InvalidInput.of(where, f"{name}is empty (0 bytes)", reason="EMPTY_MEDIA")
    # A second of media is enough to tell the streams apart; by default five would be waited for.
    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "none", "analyzeduration": "1000000"}
    try:
        container = av.open(inflow.file(), "r", options=options)
    except (FFmpegError, ValueError, OSError) as error:
        _leave_if(stopped, where)
        _whole_riff(start, inflow, where, name)
        mistaken = no_recording(start)
        raise InvalidInput.of(
            where,
            f"{name}{f'is {mistaken}, and ' if mistaken else ''}can't be read as sound or video; "
            "send wav, flac, mp3, ogg/opus, webm, mp4 or mpg, whole",
            reason="UNREADABLE_MEDIA",
        ) from error
    with container:
        summary = _Reader(container, inflow, sink, header, where, name, max_s, stopped).read()
    _whole_riff(start, inflow, where, name)
    return summary


def _leave_if(stopped: threading.Event | None, where: str) -> None:
    if stopped is not None and stopped.is_set():
        raise Cancelled(f"{where}: no longer wanted", reason="CANCELLED")


def _whole_riff(start: bytes, inflow: Inflow, where: str, name: str) -> None:
    """Checks that a WAV or AVI file is as long as it says; programs that stream write 0 or 2^32 - 1 there."""
    declared = int.from_bytes(start[4:8], "little")
    if start[:4] != b"RIFF" or len(start) < 12 or declared in (0, 0xFFFFFFFF):
        return
    if declared + 8 > inflow.received:
        raise InvalidInput.of(
            where,
            f"{name}is cut short: {inflow.received} of {declared + 8} bytes are there; send the whole file",
            reason="TRUNCATED_MEDIA",
        )


class _Reader:
    def __init__(
        self,
        container: InputContainer,
        inflow: Inflow,
        sink: Sink,
        header: media_pb2.MediaHeader,
        where: str,
        name: str,
        max_s: float,
        stopped: threading.Event | None,
    ) -> None:
        self._container = container
        self._inflow = inflow
        self._sink = sink
        self._header = header
        self._where = where
        self._name = name
        self._max_s = max_s
        self._stopped = stopped
        self._summary = Summary()
        self._resampler = AudioResampler("fltp", rate=SAMPLE_RATE)
        self._samples = 0
        self._heard = False
        self._start_s: float | None = None
        self._next_s = 0.0

    def read(self) -> Summary:
        # A stream whose codec libav doesn't know has no decoder.
        audio = next((s for s in self._container.streams.audio if s.codec_context), None)
        video = next((s for s in self._container.streams.video if s.codec_context and not _is_cover(s)), None)
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
        # What the sender takes to send it doesn't count.
        give_up = time.monotonic() - self._inflow.waited_s + 10 + _DECODE_FACTOR * self._max_s
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
            _leave_if(self._stopped, self._where)
            if time.monotonic() - self._inflow.waited_s > give_up:
                raise self._refused("takes too long to decode; send it in a simpler format", "TOO_COMPLEX")
        if damaged > max(1, _MAX_DAMAGED * packets):
            raise self._refused(f"is damaged ({damaged} of {packets} packets)", "DAMAGED_MEDIA")
        if damaged:
            self._summary.notes.append(f"{self._name}{damaged} damaged packets of {packets} skipped")

    def _packets(self, streams: list[av.audio.AudioStream | av.video.VideoStream]):  # type: ignore[no-untyped-def]
        try:
            yield from self._container.demux(streams)
        except (FFmpegError, ValueError) as error:
            raise self._refused("breaks off in the middle, or is damaged", "DAMAGED_MEDIA") from error

    def _hear(self, frame: av.AudioFrame) -> None:
        self._heard = True
        for block in self._resampler.resample(frame):
            self._pass_on(block)

    def _pass_on(self, frame: av.AudioFrame) -> None:
        # libav's own downmix of two equal channels comes out 3 dB too loud, and clips.
        block = frame.to_ndarray().mean(axis=0)
        self._samples += len(block)
        if self._samples > self._max_s * SAMPLE_RATE:
            raise self._too_long("is too long")
        self._sink.sound(np.clip(np.nan_to_num(block.astype(np.float32)), -1, 1))

    def _see(self, frame: av.VideoFrame) -> None:
        moment = frame.time or 0.0
        if self._start_s is None:
            self._start_s = moment
        moment -= self._start_s
        if moment > self._max_s:
            raise self._too_long("is too long")
        self._summary.video_s = max(self._summary.video_s, moment)
        if moment + 1e-6 < self._next_s:
            return
        self._next_s = moment + STEP_S
        self._summary.pictures += 1
        self._sink.picture(Picture(moment, _upright(frame)))

    def _finish(self, declared: float) -> Summary:
        for block in self._resampler.resample(None) if self._heard else ():
            self._pass_on(block)
        summary = self._summary
        summary.audio_s = self._samples / SAMPLE_RATE
        if not self._samples and not summary.pictures:
            raise self._refused("holds no samples and no pictures", "NO_SAMPLES")
        found = max(summary.audio_s, summary.video_s)
        if self._container.format.name in _KEEPS_LENGTH and found < 0.9 * declared - 0.3:
            raise self._refused(
                f"is cut short: {found:.1f} of {declared:.1f} s are there; send the whole file",
                "TRUNCATED_MEDIA",
            )
        return summary

    def _refused(self, description: str, reason: str) -> InvalidInput:
        return InvalidInput.of(self._where, self._name + description, reason=reason)

    def _too_long(self, description: str) -> InvalidInput:
        return self._refused(
            f"{description}; the longest taken is {self._max_s:.0f} s: send a shorter part", "MEDIA_TOO_LONG"
        )


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
