"""A reply spoken by the embedded voice in this process, to be shown by a face."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from empatheia.avatar.v1 import avatar_pb2
from empatheia.common.v1 import content_pb2
from empatheia.speech.v1 import speech_pb2
from empatheia.synchronizer.v1 import synchronizer_pb2
from numpy.typing import NDArray

from runtime.clients.in_process import InProcessTransport
from runtime.clients.transport import CallKey
from runtime.rpc import SYNCHRONIZE, SYNTHESIZE
from runtime.settings import Settings
from services.speech.service import SpeechService
from services.synchronizer.service import SynchronizerService

TEXT = (
    "I am so sorry about your dog. Twelve years is a big part of a life, and the house must feel empty now.",
    "Maybe it helps to remember a happy moment, a walk by the river or a lazy morning in bed.",
    "People often blame themselves, but from what you tell me, you gave him a warm and playful home.",
    "Please be patient with yourself. Grief comes in waves, and both, the big and the small, pass by.",
    "Would you like to tell me about the best day that you two spent together?",
)
"""What is said: sentences such as a comforting reply has, with many p, b and m."""

OTHER_TEXT = (
    "It makes sense that you felt proud when the job came through, after so many months of waiting.",
    "My advice would be simple: tell somebody close to you, and mark the moment before it slips by.",
    "What a pity that your brother could not be there, but perhaps a phone call brings him nearer.",
    "Nobody expects a perfect plan on the first day, so give yourself time to become part of the team.",
    "How do you imagine your mornings from now on, and what would make them more pleasant?",
)
"""Other sentences, on which no measure was made to fit."""

_KEY = CallKey("bench", "speak")
_CHUNK_S = 0.04


@dataclass(frozen=True)
class Reply:
    """A spoken reply."""

    segments: list[content_pb2.ContentSegment]
    """Times on the speech clock."""
    samples: NDArray[np.int16]
    rate: int

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.samples) / self.rate

    def repeated(self, seconds: float) -> "Reply":
        """The same words again and again, for at least so long; times go on."""
        segments = []
        times = max(1, round(np.ceil(seconds / self.seconds)))
        for turn in range(times):
            for segment in self.segments:
                copy = content_pb2.ContentSegment()
                copy.CopyFrom(segment)
                for items in (copy.visemes, copy.phonemes, copy.words):
                    for item in items:
                        item.start_s += turn * self.seconds
                        item.end_s += turn * self.seconds
                segments.append(copy)
        return Reply(segments, np.tile(self.samples, times), self.rate)

    async def requests(self, paced: bool = False, **start: Any) -> AsyncIterator[avatar_pb2.RenderRequest]:
        """The whole stream of a call.

        Args:
            paced: Send each chunk when its time has come, as a live voice would.
            start: Fields of `RenderStart`.
        """
        yield avatar_pb2.RenderRequest(start=avatar_pb2.RenderStart(sample_rate=self.rate, **start))
        began, waiting = time.perf_counter(), list(self.segments)
        step = round(_CHUNK_S * self.rate)
        for first in range(0, len(self.samples), step):
            at = first / self.rate
            while waiting and (
                not waiting[0].visemes or waiting[0].visemes[0].start_s <= at + _CHUNK_S + 0.3
            ):
                yield avatar_pb2.RenderRequest(spoken=waiting.pop(0))
            if paced:
                await asyncio.sleep(max(0.0, began + at - time.perf_counter()))
            data = self.samples[first : first + step].astype("<i2").tobytes()
            yield avatar_pb2.RenderRequest(audio=avatar_pb2.VoiceChunk(data=data, pts_s=at))

    def visemes(self, *names: str) -> Iterator[content_pb2.Viseme]:
        """Mouth shapes of some names, in order of time."""
        for segment in self.segments:
            yield from (viseme for viseme in segment.visemes if viseme.name in names)


async def speak(settings: Settings, sentences: Iterable[str] = TEXT) -> Reply:
    """Plans and speaks sentences with the services of the settings, in this process."""
    transport = InProcessTransport(
        {"synchronizer": SynchronizerService(settings), "speech": SpeechService(settings)}
    )
    await transport.start()

    async def plan() -> AsyncIterator[synchronizer_pb2.SynchronizeRequest]:
        yield synchronizer_pb2.SynchronizeRequest(start=synchronizer_pb2.SynchronizeStart())
        for index, text in enumerate(sentences):
            yield synchronizer_pb2.SynchronizeRequest(
                sentence=synchronizer_pb2.Sentence(index=index, text=text)
            )

    async def planned() -> AsyncIterator[speech_pb2.SynthesizeRequest]:
        yield speech_pb2.SynthesizeRequest(start=speech_pb2.SynthesizeStart())
        async for response in transport.stream(SYNCHRONIZE, plan(), _KEY):
            yield speech_pb2.SynthesizeRequest(segment=response.segment)

    segments, parts, rate = [], [], 0
    async for response in transport.stream(SYNTHESIZE, planned(), _KEY):
        kind = response.WhichOneof("part")
        if kind == "header":
            rate = response.header.sample_rate
        elif kind == "spoken":
            segments.append(response.spoken)
        elif kind == "audio":
            parts.append(np.frombuffer(response.audio.data, "<i2").astype(np.int16))
    await transport.stop()
    return Reply(segments, np.concatenate(parts), rate)
