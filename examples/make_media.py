"""Makes query.wav and query.mp4: `.venv/bin/python examples/make_media.py`.

Nobody was recorded: this project's own services speak the words of dialogue.json and draw the face that says
them.
"""

import asyncio
import json
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
from empatheia.avatar.v1 import avatar_pb2
from empatheia.common.v1 import content_pb2, dialogue_pb2, style_pb2
from empatheia.disentangler.v1 import disentangler_pb2
from empatheia.speech.v1 import speech_pb2
from empatheia.synchronizer.v1 import synchronizer_pb2

from runtime.clients.in_process import InProcessTransport
from runtime.clients.transport import CallKey
from runtime.hosting.service import Service
from runtime.registry import load
from runtime.rpc import DISENTANGLE, RENDER, SYNCHRONIZE, SYNTHESIZE
from runtime.services import SERVICES
from runtime.settings import load_settings

HERE = Path(__file__).parent
AVATAR = "jonas"
PROFILE = dialogue_pb2.Profile(age="young", gender="male", timbre="low")
EMOTION = "sad"
SEED = 7
ROOM_DB = -55
"""Noise of the room: no microphone hears the digital silence that a synthesiser leaves between words."""
KEY = CallKey(turn_id="examples", step="make_media")


async def plan(transport: InProcessTransport, sentences: list[str]) -> list[content_pb2.ContentSegment]:
    """Phonemes and times of the sentences."""

    async def requests() -> AsyncIterator[synchronizer_pb2.SynchronizeRequest]:
        yield synchronizer_pb2.SynchronizeRequest(start=synchronizer_pb2.SynchronizeStart())
        for index, text in enumerate(sentences):
            sentence = synchronizer_pb2.Sentence(index=index, text=text)
            yield synchronizer_pb2.SynchronizeRequest(sentence=sentence)

    return [response.segment async for response in transport.stream(SYNCHRONIZE, requests(), KEY)]


async def style(transport: InProcessTransport) -> style_pb2.Style:
    """How a sad person sounds and looks."""
    request = disentangler_pb2.DisentangleRequest(
        profile=PROFILE, emotion_override=EMOTION, intensity_override=0.9
    )
    return (await transport.unary(DISENTANGLE, request, KEY)).style


async def speak(
    transport: InProcessTransport, segments: list[content_pb2.ContentSegment], manner: style_pb2.Style
) -> list[speech_pb2.SynthesizeResponse]:
    """All that the speech service answers, as heard in a quiet room."""

    async def requests() -> AsyncIterator[speech_pb2.SynthesizeRequest]:
        start = speech_pb2.SynthesizeStart(style=manner, profile=PROFILE, seed=SEED)
        yield speech_pb2.SynthesizeRequest(start=start)
        for segment in segments:
            yield speech_pb2.SynthesizeRequest(segment=segment)

    responses = [response async for response in transport.stream(SYNTHESIZE, requests(), KEY)]
    noise = np.random.default_rng(SEED)
    for response in responses:
        if response.WhichOneof("part") == "audio":
            voice = np.frombuffer(response.audio.data, np.int16)
            room = noise.normal(0, 32768 * 10 ** (ROOM_DB / 20), len(voice))
            response.audio.data = np.clip(voice + room, -32768, 32767).astype(np.int16).tobytes()
    return responses


async def show(
    transport: InProcessTransport, spoken: list[speech_pb2.SynthesizeResponse], manner: style_pb2.Style
) -> bytes:
    """A video of the face that says it."""

    async def requests() -> AsyncIterator[avatar_pb2.RenderRequest]:
        for response in spoken:
            kind = response.WhichOneof("part")
            if kind == "header":
                start = avatar_pb2.RenderStart(
                    avatar_id=AVATAR, style=manner, seed=SEED, sample_rate=response.header.sample_rate
                )
                yield avatar_pb2.RenderRequest(start=start)
            elif kind == "audio":
                voice = avatar_pb2.VoiceChunk(data=response.audio.data, pts_s=response.audio.pts_s)
                yield avatar_pb2.RenderRequest(audio=voice)
            elif kind == "spoken":
                yield avatar_pb2.RenderRequest(spoken=response.spoken)

    return b"".join([response.chunk.data async for response in transport.stream(RENDER, requests(), KEY)])


async def main() -> None:
    """Writes both files."""
    text: str = json.loads((HERE / "dialogue.json").read_text())["query"]["text"]
    sentences = [f"{sentence.strip('.')}." for sentence in text.split(". ")]
    settings = load_settings("embedded")
    services: dict[str, Service] = {
        name: load(SERVICES[name].servicer)(settings)
        for name in ("synchronizer", "disentangler", "speech", "avatar")
    }
    for service in services.values():
        await service.start()
    transport = InProcessTransport(services)
    manner = await style(transport)
    spoken = await speak(transport, await plan(transport, sentences), manner)
    with wave.open(str(HERE / "query.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(spoken[0].header.sample_rate)
        file.writeframes(b"".join(response.audio.data for response in spoken))
    (HERE / "query.mp4").write_bytes(await show(transport, spoken, manner))
    for service in services.values():
        await service.stop()


if __name__ == "__main__":
    asyncio.run(main())
