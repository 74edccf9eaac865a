"""The gRPC face of speech: checks what comes in, keeps the speech clock, cuts sound into chunks."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing

import numpy as np
from empatheia.common.v1 import content_pb2, service_pb2
from empatheia.speech.v1 import speech_pb2
from numpy.typing import NDArray

from runtime.aio import iterate_in_thread, until
from runtime.errors import InvalidInput
from runtime.hosting.service import Call, Service
from runtime.registry import pick
from runtime.settings import Settings
from runtime.telemetry.schema import Attributes, Spans
from runtime.telemetry.tracing import annotate, span
from services.speech.backends import BACKENDS, Manner, SpeechBackend, Take
from services.speech.checks import MAX_SEGMENT_S, check_segment, checked_manner, checked_time
from services.speech.playback import Requests, position
from services.speech.timing import Timed

_CHUNK_S = 0.04


class SpeechService(Service):
    """Speaks a reply segment by segment."""

    name = "speech"

    def __init__(self, settings: Settings) -> None:
        """See `Service`."""
        super().__init__(settings)
        self._backend: SpeechBackend

    async def start(self) -> None:
        """See `Service.start`."""
        make = pick(BACKENDS, self.own.backend, what="speech backend")
        self._backend = await asyncio.to_thread(make, self.own.options)
        hum = content_pb2.ContentSegment(text="Ah", duration_s=0.3)
        hum.phonemes.add(ipa="ɑː", end_s=0.3, stress=2)
        manner = checked_manner(speech_pb2.SynthesizeStart(), self._backend.languages)
        take = await asyncio.to_thread(self._backend.speak, hum, manner, threading.Event())
        await asyncio.to_thread(list, take.blocks)

    def describe(self) -> service_pb2.ServiceDescription:
        """See `Service.describe`."""
        return service_pb2.ServiceDescription(
            name=self.name,
            version="0.1.0",
            model=self._backend.model,
            capabilities=["streaming", "voice_controls", "phoneme_times", "interrupt"],
            limits={
                "max_text_chars": self.settings.limits.max_text_chars,
                "max_segment_s": MAX_SEGMENT_S,
            },
            languages=self._backend.languages,
            notices=[*self._backend.notices, "espeak-ng is under GPL-3; the voice is synthetic"],
        )

    async def synthesize(
        self, requests: AsyncIterator[speech_pb2.SynthesizeRequest], call: Call
    ) -> AsyncIterator[speech_pb2.SynthesizeResponse]:
        """Speaks each segment as it comes.

        Raises:
            InvalidInput: A part is out of place, or a value out of range.
            TooMuch: A segment is too long.
        """
        incoming = aiter(requests)
        first = await anext(incoming, None)
        if first is None or first.WhichOneof("part") != "start":
            raise InvalidInput.of("part", "the first part must be start")
        manner = checked_manner(first.start, self._backend.languages)
        began_s = checked_time("start.start_s", first.start.start_s)
        rate = self._backend.sample_rate
        yield speech_pb2.SynthesizeResponse(
            header=speech_pb2.AudioHeader(
                sample_rate=rate, channels=1, model=self._backend.model, synthetic=True
            )
        )
        work_s: list[float] = []
        spoken: list[content_pb2.ContentSegment] = []
        sent = 0
        async with Requests(incoming) as rest:
            parts = self._all_spoken(rest, manner, began_s, work_s)
            async with aclosing(until(parts, rest.interrupted)) as listened:
                async for part in listened:
                    if isinstance(part, speech_pb2.AudioChunk):
                        sent += len(part.data) // 2
                        yield speech_pb2.SynthesizeResponse(audio=part)
                    else:
                        spoken.append(part)
                        yield speech_pb2.SynthesizeResponse(spoken=part)
            summary = speech_pb2.SpeechSummary(duration_s=sent / rate, synthesis_ms=sum(work_s) * 1000)
            if rest.interrupted.done():
                summary.heard.CopyFrom(position(spoken, rest.interrupted.result()))
        yield speech_pb2.SynthesizeResponse(summary=summary)

    async def _all_spoken(
        self, requests: Requests, manner: Manner, began_s: float, work_s: list[float]
    ) -> AsyncGenerator[content_pb2.ContentSegment | speech_pb2.AudioChunk]:
        """Each segment on the speech clock, and its samples."""
        rate = self._backend.sample_rate
        sent, following = 0, None
        while (segment := await requests.segment()) is not None:
            check_segment(segment, following, self.settings.limits.max_text_chars)
            following = segment.index + 1
            with span(
                Spans.MODEL.format(name="voice"), {Attributes.MODEL_ID: self._backend.model.model_id}
            ) as current:
                async with aclosing(self._spoken(segment, manner, work_s)) as parts:
                    origin = sent
                    async for part in parts:
                        if isinstance(part, content_pb2.ContentSegment):
                            yield shifted(part, began_s + origin / rate)
                            continue
                        yield speech_pb2.AudioChunk(
                            data=part.astype("<i2").tobytes(),
                            pts_s=began_s + sent / rate,
                            segment=segment.index,
                        )
                        sent += len(part)
                annotate(current, {Attributes.AUDIO_S: (sent - origin) / rate})

    async def _spoken(
        self, segment: content_pb2.ContentSegment, manner: Manner, work_s: list[float]
    ) -> AsyncGenerator[content_pb2.ContentSegment | NDArray[np.int16], None]:
        """The segment as spoken, then its samples in chunks; adds the time of each step to `work_s`."""
        size = round(_CHUNK_S * self._backend.sample_rate)

        def work(stopped: threading.Event) -> Iterator[content_pb2.ContentSegment | NDArray[np.int16]]:
            started = time.monotonic()
            take: Take = self._backend.speak(segment, manner, stopped)
            work_s.append(time.monotonic() - started)
            yield take.segment
            yield from rechunked(_timed(take.blocks, work_s), size)

        async with aclosing(iterate_in_thread(work)) as parts:
            async for part in parts:
                yield part


def _timed(blocks: Iterator[NDArray[np.int16]], work_s: list[float]) -> Iterator[NDArray[np.int16]]:
    """Notes how long each block took to make; waiting for the listener does not count."""
    while True:
        started = time.monotonic()
        block = next(blocks, None)
        work_s.append(time.monotonic() - started)
        if block is None:
            return
        yield block


def rechunked(blocks: Iterator[NDArray[np.int16]], size: int) -> Iterator[NDArray[np.int16]]:
    """Cuts blocks of any length into chunks of `size`; the last is half to one and a half times as long.

    Only the end of the sound can leave less than half a chunk, and only when all of it is shorter.
    """
    held = np.zeros(0, np.int16)
    for block in blocks:
        held = np.concatenate([held, block])
        while len(held) >= 1.5 * size:
            yield held[:size]
            held = held[size:]
    if len(held):
        yield held


def shifted(segment: content_pb2.ContentSegment, by_s: float) -> content_pb2.ContentSegment:
    """A segment on the speech clock; a copy, since the backend still reads the one that it gave."""
    moved = content_pb2.ContentSegment()
    moved.CopyFrom(segment)
    items: list[Timed] = [*moved.words, *moved.phonemes, *moved.visemes]
    for item in items:
        item.start_s += by_s
        item.end_s += by_s
    moved.start_s = by_s
    return moved
