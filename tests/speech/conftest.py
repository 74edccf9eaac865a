import numpy as np
import pytest
from empatheia.common.v1 import content_pb2
from empatheia.speech.v1 import speech_pb2

from runtime.clients.in_process import InProcessTransport
from runtime.clients.transport import CallKey
from runtime.espeak import espeak
from runtime.rpc import SYNTHESIZE
from runtime.settings import load_settings
from runtime.spoken_text import spoken_text
from services.speech.service import SpeechService

KEY = CallKey("t", "speak")
LONG = (
    "When you told me about your father, and how he used to sing in the kitchen every morning, I thought of "
    "how quiet the house must be now that nobody sings there any more and the kettle is the only voice."
)


def planned(text, index=0, pause_s=0.3):
    """A plan such as a synchronizer makes, with one viseme over all of it."""
    spoken = spoken_text(text)
    sounds = espeak().speak(spoken.text).sounds if spoken.text else ()
    segment = content_pb2.ContentSegment(index=index, text=text, pause_s=pause_s, duration_s=0.25)
    if sounds:
        segment.duration_s = sounds[-1].end_s
    owners = [spoken.word_at(s.position) if s.ipa else -1 for s in sounds]
    for sound, owner in zip(sounds, owners, strict=True):
        segment.phonemes.add(
            ipa=sound.ipa, start_s=sound.start_s, end_s=sound.end_s, word=owner, stress=sound.stress
        )
    for i, word in enumerate(spoken.words):
        own = [s for s, owner in zip(sounds, owners, strict=True) if owner == i]
        times = {"start_s": own[0].start_s, "end_s": own[-1].end_s} if own else {}
        segment.words.add(text=text[word.start : word.end], start_char=word.start, end_char=word.end, **times)
    segment.visemes.add(name="aa", end_s=segment.duration_s, weight=1)
    return segment


async def requests(*segments, voice=None, **start):
    opening = speech_pb2.SynthesizeStart(**start)
    for name, value in (voice or {}).items():
        setattr(opening.style.voice, name, value)
    yield speech_pb2.SynthesizeRequest(start=opening)
    for segment in segments:
        yield speech_pb2.SynthesizeRequest(segment=segment)


class Spoken:
    """A whole answer, taken apart."""

    def __init__(self, responses):
        self.kinds = [r.WhichOneof("part") for r in responses]
        self.header = responses[0].header
        self.chunks = [r.audio for r in responses if r.WhichOneof("part") == "audio"]
        self.segments = [r.spoken for r in responses if r.WhichOneof("part") == "spoken"]
        self.summary = responses[-1].summary
        self.pcm = b"".join(chunk.data for chunk in self.chunks)
        self.samples = np.frombuffer(self.pcm, "<i2") / 32768


@pytest.fixture
async def transport():
    service = SpeechService(load_settings())
    await service.start()
    return InProcessTransport({"speech": service})


@pytest.fixture
def speak(transport):
    async def call(*segments, voice=None, **start):
        stream = transport.stream(SYNTHESIZE, requests(*segments, voice=voice, **start), KEY)
        return Spoken([response async for response in stream])

    return call
