"""What each service is asked in the conformance suite: requests to answer, and to refuse."""

import io
import wave
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from empatheia.avatar.v1 import avatar_pb2
from empatheia.common.v1 import affect_pb2, content_pb2, dialogue_pb2, media_pb2, style_pb2
from empatheia.disentangler.v1 import disentangler_pb2
from empatheia.perception.v1 import perception_pb2
from empatheia.reasoning.v1 import reasoning_pb2
from empatheia.safety.v1 import safety_pb2
from empatheia.speech.v1 import speech_pb2
from empatheia.synchronizer.v1 import synchronizer_pb2
from google.protobuf.message import Message

from runtime.media import parts
from runtime.rpc import (
    ASSESS,
    CHOOSE,
    DISENTANGLE,
    GENERATE,
    PERCEIVE,
    RENDER,
    SYNCHRONIZE,
    SYNTHESIZE,
    Rpc,
)

RATE = 24_000


@dataclass(frozen=True)
class Case:
    """One RPC with requests to try on it."""

    name: str
    rpc: Rpc[Any, Any]
    good: Sequence[Message]
    other: Sequence[Message]
    """Another good call, to run at the same time."""
    bad: Sequence[Message]
    field: str
    """Start of the field that a refusal of `bad` must name."""

    def send(self, requests: Sequence[Message]) -> Message | AsyncIterator[Message]:
        """The requests in the form that the RPC takes."""
        return _stream(requests) if self.rpc.request_streaming else requests[0]


async def _stream(requests: Sequence[Message]) -> AsyncIterator[Message]:
    for request in requests:
        yield request


def _said(text: str, media: Sequence[media_pb2.MediaPart] = ()) -> list[Message]:
    start = perception_pb2.PerceiveStart(text=text)
    return [
        perception_pb2.PerceiveRequest(start=start),
        *(perception_pb2.PerceiveRequest(media=part) for part in media),
    ]


def _recording(data: bytes) -> list[media_pb2.MediaPart]:
    header = media_pb2.MediaHeader(kind="MEDIA_KIND_AUDIO", file_name="query.wav")
    return list(parts(0, header, data))


def tone(seconds: float, hertz: float = 180.0, rate: int = RATE) -> bytes:
    """A hum whose loudness comes and goes, as signed 16-bit samples."""
    time = np.arange(int(seconds * rate)) / rate
    loudness = 0.3 * (0.5 - 0.5 * np.cos(2 * np.pi * 3 * time))
    return (32767 * loudness * np.sin(2 * np.pi * hertz * time)).astype("<i2").tobytes()


def wav(pcm: bytes, rate: int = RATE) -> bytes:
    """Samples in a WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return buffer.getvalue()


def _context(text: str, step: str = "event_scenario") -> reasoning_pb2.ReasoningContext:
    said = dialogue_pb2.Utterance(role=dialogue_pb2.ROLE_SPEAKER, text=text)
    return reasoning_pb2.ReasoningContext(
        system="You listen to people.", dialogue=[said], step=step, instruction="What happened?"
    )


def _generate(text: str, **options: Any) -> list[Message]:
    chosen = reasoning_pb2.GenerationOptions(**{"max_tokens": 8, **options})
    return [reasoning_pb2.GenerateRequest(context=_context(text), options=chosen)]


def _choose(text: str, *labels: str) -> list[Message]:
    choices = [reasoning_pb2.Choice(label=label) for label in labels]
    context = _context(text, "user_emotion")
    return [reasoning_pb2.ChooseRequest(context=context, choices=choices, evidence_weight=1.0)]


def _sentences(*texts: str) -> list[Message]:
    start = synchronizer_pb2.SynchronizeStart()
    return [
        synchronizer_pb2.SynchronizeRequest(start=start),
        *(
            synchronizer_pb2.SynchronizeRequest(sentence=synchronizer_pb2.Sentence(index=i, text=text))
            for i, text in enumerate(texts)
        ),
    ]


def _disentangle(label: str, age: str = "young") -> list[Message]:
    affect = affect_pb2.Affect(valence=-0.5, arousal=0.1, confidence=0.8)
    affect.labels.entries.add(label=label, probability=1.0)
    affect.classes.entries.add(label="sad", probability=1.0)
    profile = dialogue_pb2.Profile(age=age, gender="female", timbre="mid")
    return [disentangler_pb2.DisentangleRequest(affect=affect, profile=profile)]


def segment(index: int = 0, start_s: float = 0.0) -> content_pb2.ContentSegment:
    """The word "mama" as a planned segment."""
    planned = content_pb2.ContentSegment(index=index, text="Mama.", start_s=start_s, duration_s=0.6)
    planned.words.add(text="Mama", start_s=start_s, end_s=start_s + 0.6, start_char=0, end_char=4)
    for place, (ipa, viseme) in enumerate((("m", "PP"), ("ɑ", "aa"), ("m", "PP"), ("ə", "aa"))):
        begin = start_s + 0.15 * place
        planned.phonemes.add(
            ipa=ipa, start_s=begin, end_s=begin + 0.15, word=0, stress=2 if place == 1 else 0
        )
        planned.visemes.add(name=viseme, start_s=begin, end_s=begin + 0.15, weight=1.0)
    return planned


def _speak(style: style_pb2.Style, seed: int = 1) -> list[Message]:
    profile = dialogue_pb2.Profile(age="young", gender="female", timbre="mid")
    start = speech_pb2.SynthesizeStart(style=style, profile=profile, seed=seed)
    return [
        speech_pb2.SynthesizeRequest(start=start),
        speech_pb2.SynthesizeRequest(segment=segment()),
    ]


def _render(avatar_id: str = "", seed: int = 1, hertz: float = 180.0) -> list[Message]:
    start = avatar_pb2.RenderStart(avatar_id=avatar_id, seed=seed, sample_rate=RATE, size=128)
    pcm = tone(0.6, hertz)
    step = RATE * 2 // 10
    voice = [
        avatar_pb2.VoiceChunk(data=pcm[at : at + step], pts_s=at / 2 / RATE)
        for at in range(0, len(pcm), step)
    ]
    return [
        avatar_pb2.RenderRequest(start=start),
        avatar_pb2.RenderRequest(spoken=segment()),
        *(avatar_pb2.RenderRequest(audio=chunk) for chunk in voice),
    ]


def _assess(*turns: str) -> list[Message]:
    roles = (dialogue_pb2.ROLE_SPEAKER, dialogue_pb2.ROLE_LISTENER)
    said = [dialogue_pb2.Utterance(role=roles[place % 2], text=text) for place, text in enumerate(turns)]
    return [safety_pb2.AssessRequest(dialogue=said)]


CASES = (
    Case(
        "perceive",
        PERCEIVE,
        good=_said("My dog died last night and I can't stop crying."),
        other=_said("I got the job! I'm over the moon!"),
        bad=_said("", _recording(b"RIFF, but no sound at all")),
        field="media",
    ),
    Case(
        "assess",
        ASSESS,
        good=_assess("I want to die.", "Are you thinking of doing something tonight?", "Yes."),
        other=_assess("I got the job!"),
        bad=_assess("I got the job!", "How wonderful!"),
        field="dialogue",
    ),
    Case(
        "generate",
        GENERATE,
        good=_generate("My dog died last night."),
        other=_generate("I got the job I always wanted!"),
        bad=_generate("Hello.", temperature=-1.0),
        field="options.temperature",
    ),
    Case(
        "choose",
        CHOOSE,
        good=_choose("My dog died last night.", "sad", "joyful", "angry"),
        other=_choose("I got the job!", "proud", "lonely"),
        bad=_choose("Hello.", "sad"),
        field="choices",
    ),
    Case(
        "synchronize",
        SYNCHRONIZE,
        good=_sentences("I'm so sorry.", "Twelve years is a long time."),
        other=_sentences("How wonderful!"),
        bad=_sentences("word " * 20_000),
        field="sentence",
    ),
    Case(
        "disentangle",
        DISENTANGLE,
        good=_disentangle("sad"),
        other=_disentangle("joyful", "elderly"),
        bad=_disentangle("sad", "ancient"),
        field="profile",
    ),
    Case(
        "synthesize",
        SYNTHESIZE,
        good=_speak(style_pb2.Style(emotion="sad", intensity=0.5)),
        other=_speak(style_pb2.Style(voice=style_pb2.VoiceControls(pitch_shift_st=3)), seed=2),
        bad=_speak(style_pb2.Style(voice=style_pb2.VoiceControls(rate=float("nan")))),
        field="start.style",
    ),
    Case(
        "render",
        RENDER,
        good=_render(),
        other=_render(seed=2, hertz=300.0),
        bad=_render("nobody"),
        field="",
    ),
)
