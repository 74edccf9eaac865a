"""Scripted services: they answer at once, count their calls, and fail where a test tells them to."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from empatheia.avatar.v1 import avatar_pb2
from empatheia.common.v1 import affect_pb2, content_pb2, dialogue_pb2, media_pb2, service_pb2, style_pb2
from empatheia.disentangler.v1 import disentangler_pb2
from empatheia.perception.v1 import perception_pb2
from empatheia.reasoning.v1 import reasoning_pb2
from empatheia.safety.v1 import safety_pb2
from empatheia.speech.v1 import speech_pb2
from empatheia.synchronizer.v1 import synchronizer_pb2

from runtime.clients.in_process import InProcessTransport
from runtime.emotions import LABELS
from runtime.errors import EmpatheiaError, ServiceDown
from runtime.hosting.service import Call, Service
from runtime.safety import FIRST, KINDS, NONE, STAGES
from runtime.settings import Settings

MODEL = service_pb2.ModelInfo(backend="fake", model_id="scripted")
RATE = 24_000

CHAIN_TEXTS = {
    "event_scenario": "Pet loss.",
    "emotion_cause": "Dog died last night.",
    "response_goal": "Offer comfort.",
    "response": "I'm so sorry that your dog died. You must miss your dog.",
}


def broken(service: str) -> EmpatheiaError:
    """The error of a service that can't be reached; its reason is the one grpc gives."""
    return ServiceDown(f"{service} is down", reason="UNAVAILABLE", service=service)


class Fake(Service):
    """Base of the fakes."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.calls: Counter[str] = Counter()
        self.failures: list[EmpatheiaError] = []
        """Raised by the next calls, one each."""
        self.cancelled = 0

    async def start(self) -> None:
        return

    def describe(self) -> service_pb2.ServiceDescription:
        return service_pb2.ServiceDescription(name=self.name, version="0", model=MODEL)

    def begin(self, method: str) -> None:
        self.calls[method] += 1
        if self.failures:
            raise self.failures.pop(0)


class FakePerception(Fake):
    name = "perception"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.media = b""
        """What the last call brought."""
        self.clearness = 0.9
        """How sure it is of words that it heard."""
        self.finished = 0
        """Calls that were read to their end."""
        self.kinds: list[int] = []
        self.history: list[str] = []

    async def perceive(
        self, requests: AsyncIterator[perception_pb2.PerceiveRequest], call: Call
    ) -> AsyncIterator[perception_pb2.PerceiveResponse]:
        self.begin("perceive")
        text, self.media, self.kinds = "", b"", []
        try:
            async for request in requests:
                if request.HasField("start"):
                    text, self.history = request.start.text, [said.text for said in request.start.history]
                text = text or request.end.text
                if request.media.HasField("header"):
                    self.kinds.append(request.media.header.kind)
                if request.media.HasField("chunk"):
                    self.media += request.media.chunk.data
                    partial = perception_pb2.Transcript(text=f"heard {len(self.media)} bytes")
                    yield perception_pb2.PerceiveResponse(partial=partial)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise
        before = len(self.history)
        heard = perception_pb2.Transcript()
        if self.media and not text:
            heard = perception_pb2.Transcript(text="my dog died last night", confidence=self.clearness)
        text = text or "my dog died last night"
        affect = affect_pb2.Affect(valence=-0.7, arousal=-0.2, confidence=0.8)
        rest = 0.2 / (len(LABELS) - 1)
        for label in ("sad", *(name for name in LABELS if name != "sad")):
            affect.labels.entries.add(label=label, probability=0.8 if label == "sad" else rest)
        affect.classes.entries.add(label="sad", probability=1.0)
        span = affect_pb2.TextSpan(utterance=before, start=0, end=len(text), text=text)
        affect.evidence.add(text=span, note="a loss", weight=1.0)
        perception = perception_pb2.Perception(text=text, affect=affect, transcript=heard, audio_s=1)
        perception.modalities.add(modality="text", present=True, affect=affect, model=MODEL)
        yield perception_pb2.PerceiveResponse(perception=perception)
        self.finished += 1


class FakeSafety(Fake):
    name = "safety"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.kinds: dict[str, str] = {}
        """Kind of danger by the text that holds it; every other text holds none."""
        self.stages: dict[str, str] = {}
        self.shares: dict[str, float] = {}
        """Probability of danger by text; 0.9 where a kind is given, else 0.02."""

    async def assess(self, request: safety_pb2.AssessRequest, call: Call) -> safety_pb2.AssessResponse:
        self.begin("assess")
        response = safety_pb2.AssessResponse(model=MODEL)
        for index, said in enumerate(request.dialogue):
            if said.role != dialogue_pb2.ROLE_SPEAKER:
                continue
            kind = self.kinds.get(said.text, "self_harm")
            danger = self.shares.get(said.text, 0.9 if said.text in self.kinds else 0.02)
            one = response.assessments.add(utterance=index, seen_from=0.5, ask_from=0.3)
            for name in KINDS:
                share = 1 - danger if name == NONE else danger if name == kind else 0.0
                one.kinds.entries.add(label=name, probability=share)
            stage = self.stages.get(said.text, FIRST)
            for name in STAGES:
                one.stages.entries.add(label=name, probability=0.85 if name == stage else 0.05)
        return response


class FakeReasoning(Fake):
    name = "reasoning"

    async def generate(
        self, request: reasoning_pb2.GenerateRequest, call: Call
    ) -> AsyncIterator[reasoning_pb2.GenerateResponse]:
        step = request.context.step
        self.begin(step)
        text = CHAIN_TEXTS[step]
        yield reasoning_pb2.GenerateResponse(delta=reasoning_pb2.TextDelta(text=text))
        result = reasoning_pb2.GenerateResult(
            text=text,
            finish_reason=reasoning_pb2.FINISH_REASON_STOP,
            usage=reasoning_pb2.Usage(prompt_tokens=50, cached_tokens=40, completion_tokens=10),
            mean_logprob=-1.0,
            model=MODEL,
        )
        yield reasoning_pb2.GenerateResponse(result=result)

    async def choose(self, request: reasoning_pb2.ChooseRequest, call: Call) -> reasoning_pb2.ChooseResponse:
        self.begin("choose")
        total = sum(choice.prior for choice in request.choices) or 1.0
        response = reasoning_pb2.ChooseResponse(model=MODEL)
        for choice in sorted(request.choices, key=lambda choice: -choice.prior):
            prior = choice.prior / total if choice.prior else 1 / len(request.choices)
            response.distribution.entries.add(label=choice.label, probability=prior)
        if request.want_scores:
            for choice in request.choices:
                words = len(choice.label.split())
                response.scores.add(label=choice.label, logprob=-3.0 * words, tokens=2 * words)
        return response


class FakeSynchronizer(Fake):
    name = "synchronizer"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.before_second_sentence: Callable[[], Awaitable[Any]] | None = None
        """Awaited before the second sentence of a reply is planned."""

    async def synchronize(
        self, requests: AsyncIterator[synchronizer_pb2.SynchronizeRequest], call: Call
    ) -> AsyncIterator[synchronizer_pb2.SynchronizeResponse]:
        self.begin("synchronize")
        async for request in requests:
            if request.HasField("sentence"):
                if request.sentence.index == 1 and self.before_second_sentence is not None:
                    await self.before_second_sentence()
                text = request.sentence.text
                segment = content_pb2.ContentSegment(index=request.sentence.index, text=text, duration_s=0.4)
                segment.words.add(text=text, start_s=0.0, end_s=0.4, start_char=0, end_char=len(text))
                segment.phonemes.add(ipa="ə", start_s=0.0, end_s=0.4, word=0)
                segment.visemes.add(name="aa", start_s=0.0, end_s=0.4, weight=1.0)
                yield synchronizer_pb2.SynchronizeResponse(segment=segment, model=MODEL)


class FakeDisentangler(Fake):
    name = "disentangler"

    async def disentangle(
        self, request: disentangler_pb2.DisentangleRequest, call: Call
    ) -> disentangler_pb2.DisentangleResponse:
        self.begin("disentangle")
        style = style_pb2.Style(emotion="sad", intensity=0.5)
        style.voice.rate = -0.2
        style.face.brow_inner_up = 0.6
        return disentangler_pb2.DisentangleResponse(style=style, rationale="warm concern", model=MODEL)


class FakeSpeech(Fake):
    name = "speech"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.die_after: int | None = None
        """Audio chunks after which the next call breaks off, as if its replica had died."""

    async def synthesize(
        self, requests: AsyncIterator[speech_pb2.SynthesizeRequest], call: Call
    ) -> AsyncIterator[speech_pb2.SynthesizeResponse]:
        self.begin("synthesize")
        clock = 0.0
        chunks = 0
        async for request in requests:
            if request.HasField("start"):
                clock = request.start.start_s
                header = speech_pb2.AudioHeader(sample_rate=RATE, channels=1, model=MODEL, synthetic=True)
                yield speech_pb2.SynthesizeResponse(header=header)
                continue
            segment = content_pb2.ContentSegment()
            segment.CopyFrom(request.segment)
            segment.start_s = clock
            for timed in (*segment.words, *segment.phonemes, *segment.visemes):
                timed.start_s, timed.end_s = timed.start_s + clock, timed.end_s + clock
            yield speech_pb2.SynthesizeResponse(spoken=segment)
            for part in range(4):
                if self.die_after is not None and chunks == self.die_after:
                    self.die_after = None
                    raise broken("speech")
                sample = (1000 + 100 * segment.index + part).to_bytes(2, "little", signed=True)
                audio = speech_pb2.AudioChunk(data=sample * (RATE // 10), pts_s=clock, segment=segment.index)
                yield speech_pb2.SynthesizeResponse(audio=audio)
                clock += 0.1
                chunks += 1
        yield speech_pb2.SynthesizeResponse(summary=speech_pb2.SpeechSummary(duration_s=clock))


class FakeAvatar(Fake):
    name = "avatar"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.die_after: int | None = None
        """Audio chunks after which the next call breaks off, as if its replica had died."""
        self.heard = asyncio.Event()
        """Set when the first audio arrives."""
        self.hang = False
        """Whether to wait for ever after the first audio."""

    async def render(
        self, requests: AsyncIterator[avatar_pb2.RenderRequest], call: Call
    ) -> AsyncIterator[avatar_pb2.RenderResponse]:
        self.begin("render")
        sequence = 0
        try:
            async for request in requests:
                if request.HasField("start"):
                    header = media_pb2.MediaHeader(mime_type="video/mp4", fps=25, width=64, height=64)
                    yield avatar_pb2.RenderResponse(header=header, model=MODEL)
                    yield _chunk(b"head", 0)
                elif request.HasField("audio"):
                    self.heard.set()
                    if self.hang:
                        await asyncio.Event().wait()
                    if self.die_after is not None and sequence == self.die_after:
                        self.die_after = None
                        raise broken("avatar")
                    sequence += 1
                    yield _chunk(request.audio.data[:2], sequence)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise
        summary = avatar_pb2.RenderSummary(frames=sequence, duration_s=sequence / 25)
        yield avatar_pb2.RenderResponse(summary=summary)

    async def list_avatars(
        self, request: avatar_pb2.ListAvatarsRequest, call: Call
    ) -> avatar_pb2.ListAvatarsResponse:
        self.begin("list_avatars")
        profile = dialogue_pb2.Profile(age="young", gender="female", timbre="mid")
        return avatar_pb2.ListAvatarsResponse(
            avatars=[
                avatar_pb2.Avatar(id="ada", name="Ada", profile=profile),
                avatar_pb2.Avatar(id="bea", name="Bea", profile=profile),
            ]
        )


def _chunk(data: bytes, sequence: int) -> avatar_pb2.RenderResponse:
    return avatar_pb2.RenderResponse(chunk=media_pb2.MediaChunk(data=data, sequence=sequence))


class FakeSystem:
    """All seven fakes in one process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.perception = FakePerception(settings)
        self.safety = FakeSafety(settings)
        self.reasoning = FakeReasoning(settings)
        self.synchronizer = FakeSynchronizer(settings)
        self.disentangler = FakeDisentangler(settings)
        self.speech = FakeSpeech(settings)
        self.avatar = FakeAvatar(settings)

    def transport(self) -> InProcessTransport:
        services: list[Service] = [
            self.perception,
            self.safety,
            self.reasoning,
            self.synchronizer,
            self.disentangler,
            self.speech,
            self.avatar,
        ]
        return InProcessTransport({service.name: service for service in services})
