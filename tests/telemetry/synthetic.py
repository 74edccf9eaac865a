"""A turn as the whole system records it, made with the same calls but without models."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

from runtime.errors import ServiceDown
from runtime.settings import Settings
from runtime.telemetry import tracing
from runtime.telemetry.schema import Attributes, Spans
from runtime.telemetry.setup import configure, resource_of, shutdown, tracer_provider
from runtime.telemetry.tracing import annotate, extract, inject, span

PERSON = "I studied for months and still failed the exam. I don't know how to tell my parents."
REPLY = "That sounds crushing after so much work. You don't have to find the words for them tonight."


def _words(start: int, end: int, note: str, weight: float) -> dict:
    found = {"utterance": 2, "start": start, "end": end, "text": PERSON[start:end]}
    return {"kind": "text", "note": note, "weight": weight, **found}


def _seconds(kind: str, start: float, end: float, note: str, weight: float) -> dict:
    return {"kind": kind, "note": note, "weight": weight, "utterance": None, "start": start, "end": end}


STEPS: dict[str, tuple[str, float, list[dict]]] = {
    "event_scenario": (
        "The speaker failed an exam that they had studied for over months.",
        0.86,
        [_words(0, 46, "names the event", 0.9), _words(21, 46, "in spite of the effort", 0.3)],
    ),
    "user_emotion": (
        "The speaker feels ashamed.",
        0.62,
        [
            _words(48, 84, "dreads the telling", 0.8),
            _seconds("audio", 1.2, 3.9, "speaks slowly, falling pitch", 0.6),
            _seconds("face", 0.4, 2.0, "brows drawn up in the middle, gaze down", 0.5),
        ],
    ),
    "emotion_cause": (
        "They fear that their parents will be disappointed after all the effort.",
        0.71,
        [_words(73, 83, "who matters here", 0.7)],
    ),
    "response_goal": ("Take the weight off, acknowledge the effort, ask nothing yet.", 0.0, []),
    "respond": (REPLY, 0.0, []),
}


def write_spans(settings: Settings, process: str, trace_id: str, count: int) -> None:
    """Records spans of one trace, with many words, as a process would."""
    parent = extract({"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"})
    configure(process, settings)
    for number in range(count):
        with span("model x", {Attributes.OUTPUT_TEXT: "é" * 9000, Attributes.SEED: number}, parent=parent):
            pass
    shutdown()


class Stage:
    """Plays a turn; every service records as a process of its own."""

    def __init__(self, settings: Settings, *, step_s: float = 0.004, broken: str = "") -> None:
        """Makes the processes.

        Args:
            settings: Say where spans go.
            step_s: The length of one beat; a turn has about forty.
            broken: Name of a service that can't be reached.
        """
        self._settings = settings
        self._step_s = step_s
        self._broken = broken
        self._providers: dict[str, TracerProvider] = {}

    async def turn(self, turn_id: str = "turn-1") -> str:
        """Plays one turn and returns its trace id."""
        asked = {
            Attributes.TURN_ID: turn_id,
            Attributes.CONVERSATION_ID: "conversation-1",
            Attributes.SEED: 7,
            Attributes.PRESET: self._settings.preset,
            Attributes.MODALITIES: ["text", "speech", "face"],
            Attributes.INPUT_TEXT: PERSON,
            Attributes.KIND: "AGENT",
        }
        with self._as("gateway", Spans.TURN, asked) as turn:
            await self._perceive()
            with (
                self._node("assess", **{Attributes.SAFETY_KIND: "none"}),
                self._call("assess", "safety", "Assess"),
            ):
                await self._model("safety", "danger", 0.3)
            for name in ("event_scenario", "user_emotion", "emotion_cause", "response_goal"):
                await self._step(name)
            joined = await asyncio.gather(
                self._step("respond"),
                self._style(),
                self._stream("synchronize", "synchronizer", "Synchronize", "espeak", 1, 5),
                self._stream("speak", "speech", "Synthesize", "world", 2, 7),
                self._stream("render", "avatar", "Render", "rig", 3, 9),
                return_exceptions=True,
            )
            lost = [str(error) for error in joined if isinstance(error, ServiceDown)]
            with self._as("gateway", Spans.NODE.format(name="reply"), {Attributes.NODE: "reply"}):
                await self._beat(0.5)
            annotate(
                turn,
                {
                    Attributes.OUTPUT_TEXT: REPLY,
                    Attributes.EMOTION_LABEL: "ashamed",
                    Attributes.EMOTION_CLASS: "sad",
                    Attributes.FIRST_AUDIO_MS: 24 * self._step_s * 1000,
                    Attributes.FIRST_FRAME_MS: 26 * self._step_s * 1000,
                },
            )
            if lost:
                annotate(turn, {Attributes.DEGRADED: [f"video: {reason}" for reason in lost]})
            trace_id = tracing.trace_id(turn)
        for provider in self._providers.values():
            provider.shutdown()
        tracing.use_provider(None)
        return trace_id

    @contextmanager
    def _as(self, process: str, name: str, attributes: dict, **options) -> Iterator:
        if process not in self._providers:
            resource = resource_of(process, self._settings)
            self._providers[process] = tracer_provider(resource, self._settings)
        tracing.use_provider(self._providers[process])
        with span(name, attributes, **options) as current:
            yield current

    async def _beat(self, beats: float) -> None:
        await asyncio.sleep(beats * self._step_s)

    @contextmanager
    def _node(self, name: str, **attributes) -> Iterator:
        about = {Attributes.NODE: name, Attributes.ATTEMPTS: 1, Attributes.KIND: "CHAIN", **attributes}
        with self._as("gateway", Spans.NODE.format(name=name), about) as current:
            yield current

    @contextmanager
    def _call(self, node: str, service: str, method: str) -> Iterator:
        about = {
            Attributes.SERVICE: service,
            Attributes.RPC_SYSTEM: "grpc",
            Attributes.RPC_METHOD: f"empatheia.{service}.v1.{service.capitalize()}Service/{method}",
            Attributes.NODE: node,
            Attributes.RPC_ATTEMPT: 1,
            Attributes.KIND: "CHAIN",
        }
        name = Spans.RPC_CLIENT.format(service=service, method=method)
        with self._as("gateway", name, about, kind=SpanKind.CLIENT) as client:
            if service == self._broken:
                raise ServiceDown(f"the {service} service can't be reached", reason="UNAVAILABLE")
            headers: dict[str, str] = {}
            inject(headers)
            about[Attributes.BACKEND] = "embedded"
            with self._as(service, name, about, kind=SpanKind.SERVER, parent=extract(headers)) as server:
                yield server
                annotate(server, {Attributes.RPC_STATUS: "OK"})
            annotate(client, {Attributes.RPC_STATUS: "OK"})
            annotate(client, {Attributes.FIRST_RESPONSE_MS: self._step_s * 1000})

    async def _model(self, service: str, name: str, beats: float, **attributes) -> None:
        about = {Attributes.MODEL_ID: f"{name}-small", **attributes}
        with self._as(service, Spans.MODEL.format(name=name), about):
            await self._beat(beats)

    async def _perceive(self) -> None:
        everything = [*STEPS["user_emotion"][2]]
        about = {
            Attributes.OUTPUT_TEXT: PERSON,
            Attributes.EMOTION_LABEL: "ashamed",
            Attributes.EMOTION_CLASS: "sad",
            Attributes.VALENCE: -0.6,
            Attributes.AROUSAL: -0.2,
            Attributes.CONFIDENCE: 0.58,
            Attributes.EVIDENCE: json.dumps(everything),
            Attributes.EVIDENCE_COUNT: len(everything),
            Attributes.CONFLICTS: ["the words say sad, the face says contempt"],
            Attributes.PERCEPTION_NOTES: ["2 further faces ignored"],
        }
        with self._node("perceive", **about), self._call("perceive", "perception", "Perceive"):
            await asyncio.gather(
                self._model("perception", "asr", 5),
                self._model("perception", "voice affect", 2),
                self._model("perception", "face affect", 4),
                self._model("perception", "text affect", 1),
            )

    async def _step(self, name: str) -> None:
        text, confidence, found = STEPS[name]
        about: dict = {Attributes.OUTPUT_TEXT: text, Attributes.EVIDENCE_COUNT: len(found)}
        if confidence:
            about[Attributes.CONFIDENCE] = confidence
        if found:
            about[Attributes.EVIDENCE] = json.dumps(found)
        if name == "user_emotion":
            about[Attributes.EMOTION_LABEL] = "ashamed"
            about[Attributes.EMOTION_CLASS] = "sad"
            about[Attributes.EMOTION_DISTRIBUTION] = json.dumps(
                {"ashamed": 0.62, "disappointed": 0.2, "anxious": 0.09, "sad": 0.04}
            )
        if name == "emotion_cause":
            about[Attributes.ALTERNATIVES] = json.dumps({"They failed an exam.": 0.44})
            about[Attributes.ATTEMPTS] = 2
        method = "Choose" if name == "user_emotion" else "Generate"
        with self._node(name, **about), self._call(name, "reasoning", method):
            spoken = {
                Attributes.KIND: "LLM",
                Attributes.OPERATION: "chat",
                Attributes.PROVIDER: "empatheia",
                Attributes.INPUT_TOKENS: 180,
                Attributes.OUTPUT_TOKENS: 24,
                Attributes.CACHED_TOKENS: 150,
                Attributes.INPUT_TEXT: f"Write the {name} of: {PERSON}",
                Attributes.OUTPUT_TEXT: text,
            }
            await self._model("reasoning", "smollm2", 8 if name == "respond" else 4, **spoken)

    async def _style(self) -> None:
        controls = json.dumps({"rate": -0.25, "pitch_shift_st": -1.5, "brow_inner_up": 0.6, "smile": 0.1})
        with (
            self._node("disentangle", **{Attributes.STYLE: controls}),
            self._call("disentangle", "disentangler", "Disentangle"),
        ):
            await self._model("disentangler", "style", 0.3)

    async def _stream(
        self, node: str, service: str, method: str, model: str, after: float, beats: float
    ) -> None:
        with self._node(node), self._call(node, service, method):
            await self._beat(after)
            for _ in range(4):
                await self._model(service, model, beats / 8)
                await self._beat(beats / 8)
