"""The nodes of a turn: each runs one step, and keeps its failure from taking more than its part away."""

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from empatheia.common.v1 import dialogue_pb2 as common_dialogue_pb2
from empatheia.common.v1 import style_pb2
from empatheia.dialogue.v1 import dialogue_pb2
from empatheia.synchronizer.v1 import synchronizer_pb2
from langgraph.runtime import Runtime
from opentelemetry.trace import Span

from agents.disentangle import disentangle as ask_style
from agents.emotion_cause import conclude as conclude_cause
from agents.empathetic_response import write as write_response
from agents.event_scenario import conclude as conclude_event
from agents.perceive import PerceptionData
from agents.perceive import perceive as ask_perception
from agents.render import render as ask_video
from agents.response_goal import conclude as conclude_goal
from agents.safety import care
from agents.safety.assessment import SafetyData
from agents.safety.assessment import assess as ask_safety
from agents.speak import speak as ask_speech
from agents.step import Evidence, StepContext, StepResult, UtteranceData
from agents.synchronize import synchronize as ask_plan
from agents.turn import Turn
from agents.user_emotion import conclude as conclude_emotion
from graphs.reply import chain_step, compose
from graphs.state import DegradationData, TurnState, Update, query_of, update_of
from runtime.emotions import class_distribution
from runtime.errors import EmpatheiaError, Internal, Unsupported
from runtime.safety import NONE
from runtime.telemetry.metrics import record
from runtime.telemetry.schema import Attributes, Metrics, Spans
from runtime.telemetry.tracing import annotate, span

_SHOWN_LABELS = 5
"""How many of the 32 labels a span names."""

_VOICE_LANGUAGE = "en"

Step = Callable[[TurnState, Turn, Span], Awaitable[Update]]


class Node(Protocol):
    """What LangGraph calls."""

    async def __call__(self, state: TurnState, *, runtime: Runtime[Turn]) -> dict[str, Any]:
        """Runs the node and returns its update of the state."""
        ...


def node(name: str, step: Step) -> Node:
    """Makes a graph node of a step: span, time, event, and a check of what it hands in."""

    async def run(state: TurnState, *, runtime: Runtime[Turn]) -> dict[str, Any]:
        turn = runtime.context
        turn.emit(step_started=dialogue_pb2.StepStarted(name=name))
        started = time.monotonic()
        attributes = {
            Attributes.NODE: name,
            Attributes.TURN_ID: turn.turn_id,
            Attributes.KIND: "CHAIN",
        }
        with span(Spans.NODE.format(name=name), attributes) as current:
            update = await step(state, turn, current)
        elapsed = (time.monotonic() - started) * 1000
        record(Metrics.NODE, elapsed, {Attributes.NODE: name})
        timed = update.model_copy(update={"node_ms": {name: elapsed}, "marks": dict(turn.marks)})
        return timed.model_dump(mode="json", exclude_unset=True)

    run.__name__ = name
    return run


async def perceive(state: TurnState, turn: Turn, current: Span) -> Update:
    """Hears and sees the person."""
    query = query_of(state)
    perception = await ask_perception(turn, query.text, query.history, query.media)
    label = next(iter(perception.labels), "")
    annotate(
        current,
        {
            Attributes.CONFIDENCE: perception.confidence,
            Attributes.OUTPUT_TEXT: perception.text,
            Attributes.EMOTION_LABEL: label,
            Attributes.EMOTION_CLASS: next(iter(perception.classes), ""),
            Attributes.VALENCE: perception.valence,
            Attributes.AROUSAL: perception.arousal,
            Attributes.CONFLICTS: perception.conflicts,
            Attributes.PERCEPTION_NOTES: [
                *(f"{m.modality}: {m.reason}" for m in perception.modalities if not m.present),
                *perception.notes,
            ],
            **_evidence(perception.evidence),
        },
    )
    return Update(perception=perception)


async def assess(state: TurnState, turn: Turn, current: Span) -> Update:
    """Looks whether somebody is in danger, before anything is concluded or answered."""
    query, context = query_of(state), _context(state, turn)
    key = turn.key("assess")
    # Whoever types and speaks in one turn may say in either what the other hides.
    said = dict.fromkeys(filter(None, (context.dialogue[-1].text, _perceived(state).transcript)))
    dialogue = [*context.dialogue[:-1], UtteranceData(role="speaker", text=" ".join(said))]
    assessment = await ask_safety(turn.transport, key, dialogue, query.country, turn.help_file)
    danger = assessment.danger
    annotate(
        current,
        {
            Attributes.SAFETY_KIND: danger.kind if danger else NONE,
            Attributes.SAFETY_STAGE: danger.stage if danger else "",
            Attributes.SAFETY_CONFIDENCE: danger.confidence if danger else assessment.confidence,
            Attributes.SAFETY_SEEN_BY: danger.seen_by if danger else "",
            Attributes.SAFETY_UNREACHABLE: assessment.unreachable,
            Attributes.COUNTRY: danger.country if danger else "",
        },
    )
    record(Metrics.ASSESSED, 1, {Attributes.SAFETY_KIND: danger.kind if danger else NONE})
    if danger:
        turn.emit(safety=danger.to_proto())
    return Update(assessment=assessment)


def chain(name: str, conclude: Callable[[StepContext], Awaitable[StepResult]]) -> Step:
    """Makes the step of a node that reasons; where somebody is in danger, no model is asked."""

    async def step(state: TurnState, turn: Turn, current: Span) -> Update:
        context, danger = _context(state, turn), _danger(state)
        result = care.conclude(name, context, danger) if danger else await conclude(context)
        return _concluded(result, turn, current)

    return step


async def respond(state: TurnState, turn: Turn, current: Span) -> Update:
    """Writes the reply, letting each sentence go as soon as it is whole."""
    sentences = turn.streams.sentences
    written = ""

    async def on_text(delta: str) -> None:
        # A second attempt writes the same words again: only what is new goes out.
        nonlocal written
        written += delta
        if len(written) > len(turn.text):
            turn.emit(text=dialogue_pb2.TextDelta(text=written[len(turn.text) :]))
            turn.text = written

    async def on_sentence(index: int, text: str) -> None:
        if index >= len(sentences.items):
            sentences.put(synchronizer_pb2.Sentence(index=index, text=text))

    context, danger = _context(state, turn), _danger(state)
    try:
        if danger:
            result = await care.write(context, danger, on_text, on_sentence)
        else:
            result = await write_response(context, on_text, on_sentence)
    except EmpatheiaError as error:
        sentences.fail(error)
        raise
    await turn.streams.keep(sentences, turn.store, turn.turn_id)
    return _concluded(result, turn, current)


async def disentangle(state: TurnState, turn: Turn, current: Span) -> Update:
    """Decides how the reply sounds and looks; without an answer, the reply is neutral."""
    query, so_far = query_of(state), update_of(state)
    if so_far.perception is None:
        raise Internal("the style was asked for before anything was perceived", reason="BAD_STATE")
    affect = so_far.perception.affect()
    concluded = so_far.chain["user_emotion"].distribution
    if concluded:
        del affect.labels.entries[:], affect.classes.entries[:]
        for label, probability in concluded.items():
            affect.labels.entries.add(label=label, probability=probability)
    profile = common_dialogue_pb2.Profile(**query.profile.model_dump())
    try:
        style = await ask_style(turn, affect, profile, grave=_danger(state) is not None)
    except EmpatheiaError as error:
        turn.streams.style.put(style_pb2.Style(emotion="neutral"))
        turn.streams.style.close()
        return _degraded("style", error, turn, current)
    moved = {name: value for name, value in {**style.voice, **style.face}.items() if value}
    annotate(current, {Attributes.STYLE: json.dumps(moved), Attributes.OUTPUT_TEXT: style.rationale})
    return Update(style=style)


async def synchronize(state: TurnState, turn: Turn, current: Span) -> Update:
    """Plans what is said, and when. Its failure shows as the loss of speech."""
    try:
        _check_spoken(state)
        return Update(segments=await ask_plan(turn))
    except EmpatheiaError as error:
        turn.streams.segments.fail(error)
        annotate(current, {Attributes.ERROR_TYPE: error.reason})
        return Update()


async def speak(state: TurnState, turn: Turn, current: Span) -> Update:
    """Speaks the reply; without speech, the text remains."""
    query = query_of(state)
    profile = common_dialogue_pb2.Profile(**query.profile.model_dump())
    try:
        _check_spoken(state)
        speech = await ask_speech(turn, profile, query.seed)
    except EmpatheiaError as error:
        turn.streams.speech.fail(error)
        return _degraded("speech", error, turn, current)
    annotate(current, {Attributes.AUDIO_S: speech.duration_s, Attributes.ARTIFACT_URI: speech.uri})
    return Update(speech=speech)


async def render(state: TurnState, turn: Turn, current: Span) -> Update:
    """Shows the face that speaks; without it, speech and text remain."""
    query = query_of(state)
    try:
        video = await ask_video(turn, query.avatar_id, query.seed, query.life_began_s)
    except EmpatheiaError as error:
        return _degraded("video", error, turn, current)
    annotate(
        current,
        {
            Attributes.VIDEO_S: video.duration_s,
            Attributes.FRAMES: video.frames,
            Attributes.ARTIFACT_URI: video.uri,
        },
    )
    return Update(video=video)


async def reply(state: TurnState, turn: Turn, current: Span) -> Update:
    """Puts the reply together."""
    turn.mark("total")
    state = {**state, "marks": {**state.get("marks", {}), **turn.marks}}
    message = compose(state, turn.trace_id)
    await turn.store.write(turn.turn_id, "reply.pb", message.SerializeToString())
    turn.emit(reply=message)
    annotate(current, {Attributes.OUTPUT_TEXT: message.text})
    return Update(marks=dict(turn.marks))


STEPS: dict[str, Step] = {
    "perceive": perceive,
    "assess": assess,
    "event_scenario": chain("event_scenario", conclude_event),
    "user_emotion": chain("user_emotion", conclude_emotion),
    "emotion_cause": chain("emotion_cause", conclude_cause),
    "response_goal": chain("response_goal", conclude_goal),
    "respond": respond,
    "disentangle": disentangle,
    "synchronize": synchronize,
    "speak": speak,
    "render": render,
    "reply": reply,
}
"""Every node by name."""


def _check_spoken(state: TurnState) -> None:
    """Refuses to speak a reply in another language than the voice's.

    Raises:
        Unsupported: It is one.
    """
    danger = _danger(state)
    if danger and danger.language != _VOICE_LANGUAGE:
        raise Unsupported(
            f"the voice speaks English only; this reply ({danger.language}) is given as text",
            reason="LANGUAGE",
            service="speech",
        )


def _danger(state: TurnState) -> SafetyData | None:
    assessment = update_of(state).assessment
    return assessment.danger if assessment else None


def _context(state: TurnState, turn: Turn) -> StepContext:
    query, so_far, perception = query_of(state), update_of(state), _perceived(state)
    return StepContext(
        transport=turn.transport,
        turn_id=turn.turn_id,
        seed=query.seed,
        dialogue=[*query.history, UtteranceData(role="speaker", text=perception.text)],
        observations=perception.observations(),
        labels=perception.labels,
        unheard=perception.unheard(),
        perceived_evidence=perception.evidence,
        steps=list(so_far.chain.values()),
    )


def _perceived(state: TurnState) -> PerceptionData:
    perception = update_of(state).perception
    if perception is None:
        raise Internal("the chain began before anything was perceived", reason="BAD_STATE")
    return perception


def _concluded(result: StepResult, turn: Turn, current: Span) -> Update:
    turn.emit(step=chain_step(result))
    attributes: dict[str, Any] = {
        Attributes.OUTPUT_TEXT: result.text,
        Attributes.CONFIDENCE: result.confidence,
        Attributes.ATTEMPTS: result.attempts,
        Attributes.AUTHORED: result.authored,
        Attributes.DROPPED: result.dropped_utterances,
        Attributes.MODEL_ID: result.model.model_id,
        **_evidence(result.evidence),
    }
    if result.alternatives:
        alternatives = {one.text: one.confidence for one in result.alternatives}
        attributes[Attributes.ALTERNATIVES] = json.dumps(alternatives)
    if result.name == "user_emotion":
        attributes |= _emotion(result.distribution)
    annotate(current, attributes)
    used = result.usage
    read = used.get("prompt_tokens", 0.0) - used.get("cached_tokens", 0.0)
    record(Metrics.TOKENS, read + used.get("completion_tokens", 0.0), {Attributes.NODE: result.name})
    return Update(chain={result.name: result})


def _emotion(labels: dict[str, float]) -> dict[str, Any]:
    ranked = sorted(labels.items(), key=lambda entry: -entry[1])[:_SHOWN_LABELS]
    classes = class_distribution(labels)
    return {
        Attributes.EMOTION_LABEL: ranked[0][0],
        Attributes.EMOTION_CLASS: max(classes, key=classes.__getitem__),
        Attributes.EMOTION_DISTRIBUTION: json.dumps({label: round(p, 4) for label, p in ranked}),
    }


def _evidence(evidence: list[Evidence]) -> dict[str, Any]:
    found = json.dumps([item.model_dump() for item in evidence])
    return {Attributes.EVIDENCE: found, Attributes.EVIDENCE_COUNT: len(evidence)}


def _degraded(part: str, error: EmpatheiaError, turn: Turn, current: Span) -> Update:
    lost = DegradationData(part=part, reason=error.message, service=error.service)
    annotate(
        current, {Attributes.DEGRADED: [f"{part}: {error.message}"], Attributes.ERROR_TYPE: error.reason}
    )
    record(Metrics.DEGRADED, 1, {Attributes.SERVICE: error.service})
    turn.emit(degraded=dialogue_pb2.Degradation(**lost.model_dump()))
    return Update(degraded=[lost])
