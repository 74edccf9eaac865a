"""Speaks the planned segments, and keeps the reply's audio."""

import array
import io
import sys
import wave
from collections.abc import AsyncIterator

from empatheia.common.v1 import dialogue_pb2
from empatheia.speech.v1 import speech_pb2
from pydantic import BaseModel, ConfigDict

from agents.step import ModelRef
from agents.turn import Turn
from runtime.clients.retry import resuming
from runtime.errors import Internal
from runtime.rpc import SYNTHESIZE
from runtime.telemetry.metrics import record
from runtime.telemetry.schema import Attributes, Metrics

_AUDIBLE = round(32768 * 10 ** (-50 / 20))
"""Smallest sample that counts as audible: -50 dBFS."""


class SpeechData(BaseModel):
    """The reply's speech, as plain data."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    uri: str
    sample_rate: int
    duration_s: float
    synthetic: bool
    model: ModelRef


async def speak(turn: Turn, profile: dialogue_pb2.Profile, seed: int) -> SpeechData:
    """Sends segments to the speech service as they are planned and passes its audio on.

    Raises:
        EmpatheiaError: The speech is broken off, or what it needs was.
    """
    progress = _Progress(turn)
    style = await turn.streams.style.first()

    async def requests() -> AsyncIterator[speech_pb2.SynthesizeRequest]:
        first, start_s = progress.resume()
        start = speech_pb2.SynthesizeStart(style=style, profile=profile, seed=seed, start_s=start_s)
        yield speech_pb2.SynthesizeRequest(start=start)
        async for planned in turn.streams.segments:
            if planned.segment.index >= first:
                yield speech_pb2.SynthesizeRequest(segment=planned.segment)

    if turn.streams.speech.complete:
        for response in turn.streams.speech.items:
            progress.take(response)
    else:
        async for response in resuming(turn.transport, SYNTHESIZE, requests, turn.key("speak")):
            progress.take(response)
    if progress.header is None:
        raise Internal("speech ended without audio", reason="NO_RESULT", service="speech")
    await turn.streams.keep(turn.streams.speech, turn.store, turn.turn_id)
    header = progress.header
    uri = await turn.store.write(turn.turn_id, "reply.wav", _wav(bytes(progress.pcm), header.sample_rate))
    return SpeechData(
        uri=uri,
        sample_rate=header.sample_rate,
        duration_s=len(progress.pcm) / 2 / header.sample_rate,
        synthetic=header.synthetic,
        model=ModelRef.from_proto(header.model),
    )


class _Progress:
    """How far the reply was spoken; a second attempt starts at the last segment that was begun."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self.header: speech_pb2.AudioHeader | None = None
        self.pcm = bytearray()
        self._segment = 0
        self._segment_start = 0
        """Byte of `pcm` at which the current segment begins."""
        self._skip = 0
        """Bytes of the current segment that an earlier attempt has passed on."""
        self._spoken = -1
        """Last segment whose times were passed on."""

    def resume(self) -> tuple[int, float]:
        """Segment to begin with, and its start on the speech clock."""
        self._skip = len(self.pcm) - self._segment_start
        rate = self.header.sample_rate if self.header else 1
        return self._segment, self._segment_start / 2 / rate

    def take(self, response: speech_pb2.SynthesizeResponse) -> None:
        """Passes a response on, unless an earlier attempt did."""
        kind = response.WhichOneof("part")
        if kind == "header":
            if self.header is not None:
                return
            self.header = response.header
            self._turn.emit(audio_header=response.header)
        elif kind == "spoken":
            if response.spoken.index <= self._spoken:
                return
            self._spoken = response.spoken.index
            self._turn.emit(spoken=response.spoken)
        elif kind == "summary" and response.summary.duration_s:
            factor = response.summary.synthesis_ms / 1000 / response.summary.duration_s
            record(Metrics.REAL_TIME_FACTOR, factor, {Attributes.SERVICE: "speech"})
        elif kind == "audio" and not self._take_audio(response.audio):
            return
        self._turn.streams.speech.put(response)

    def _take_audio(self, audio: speech_pb2.AudioChunk) -> bool:
        if audio.segment > self._segment:
            self._segment, self._segment_start, self._skip = audio.segment, len(self.pcm), 0
        skipped = min(self._skip, len(audio.data))
        self._skip -= skipped
        data = audio.data[skipped:]
        if not data:
            return False
        if skipped and self.header is not None:
            audio.pts_s += skipped / 2 / self.header.sample_rate
            audio.data = data
        self.pcm += data
        if _audible(data):
            self._turn.mark("first_audio")
        self._turn.emit(audio=audio)
        return True


def _audible(pcm: bytes) -> bool:
    samples = array.array("h", pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    return max(samples) >= _AUDIBLE or min(samples) <= -_AUDIBLE


def _wav(pcm: bytes, sample_rate: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(pcm)
    return buffer.getvalue()
