"""Puts the reply of a turn together from its state."""

from empatheia.common.v1 import affect_pb2, style_pb2
from empatheia.dialogue.v1 import dialogue_pb2

from agents.step import StepResult
from graphs.state import TurnState, query_of, update_of
from runtime.emotions import class_distribution

CHAIN = ("event_scenario", "user_emotion", "emotion_cause", "response_goal", "response")
"""The steps of the chain, in order."""

SYNTHETIC = "The voice and the face in this reply are synthetic."


def chain_step(result: StepResult) -> dialogue_pb2.ChainStep:
    """A step of the chain as the person is told of it."""
    return dialogue_pb2.ChainStep(
        name=result.name,
        text=result.text,
        evidence=[evidence.to_proto() for evidence in result.evidence],
        confidence=result.confidence,
        distribution=_distribution(result.distribution),
        model=result.model.to_proto(),
        elapsed_ms=result.ms,
        attempts=result.attempts,
        authored=result.authored,
        dropped_utterances=result.dropped_utterances,
        alternatives=[
            dialogue_pb2.Alternative(text=one.text, confidence=one.confidence) for one in result.alternatives
        ],
    )


def compose(state: TurnState, trace_id: str) -> dialogue_pb2.Reply:
    """The whole reply.

    Args:
        state: State of a turn whose chain is complete.
        trace_id: The trace of the run that finished it.
    """
    query, so_far = query_of(state), update_of(state)
    labels = so_far.chain["user_emotion"].distribution
    label = max(labels, key=labels.__getitem__)
    classes = class_distribution(labels)
    reply = dialogue_pb2.Reply(
        turn_id=query.turn_id,
        trace_id=trace_id,
        text=so_far.chain["response"].text,
        emotion_label=label,
        emotion_class=max(classes, key=classes.__getitem__),
        emotion_confidence=labels[label],
        emotion_distribution=_distribution(labels),
        chain=[chain_step(so_far.chain[name]) for name in CHAIN],
        degraded=[dialogue_pb2.Degradation(**lost.model_dump()) for lost in so_far.degraded],
        timings_ms={**so_far.node_ms, **so_far.marks},
        seed=query.seed,
        avatar_id=query.avatar_id,
        dropped_utterances=max(step.dropped_utterances for step in so_far.chain.values()),
    )
    if so_far.assessment is not None and so_far.assessment.danger is not None:
        reply.safety.CopyFrom(so_far.assessment.danger.to_proto())
    if so_far.style is not None:
        reply.style.CopyFrom(
            style_pb2.Style(
                voice=style_pb2.VoiceControls(**so_far.style.voice),
                face=style_pb2.FaceControls(**so_far.style.face),
                emotion=so_far.style.emotion,
                intensity=so_far.style.intensity,
            )
        )
    if so_far.speech is not None:
        speech = so_far.speech
        reply.speech.CopyFrom(
            dialogue_pb2.SpeechFile(
                uri=speech.uri, sample_rate=speech.sample_rate, duration_s=speech.duration_s
            )
        )
        reply.notices.append(SYNTHETIC)
    if so_far.video is not None:
        video = so_far.video
        reply.video.CopyFrom(
            dialogue_pb2.VideoFile(
                uri=video.uri,
                fps=video.fps,
                width=video.width,
                height=video.height,
                duration_s=video.duration_s,
            )
        )
    return reply


def _distribution(probabilities: dict[str, float]) -> affect_pb2.Distribution:
    ranked = sorted(probabilities.items(), key=lambda entry: -entry[1])
    entries = [affect_pb2.LabelProbability(label=label, probability=p) for label, p in ranked]
    return affect_pb2.Distribution(entries=entries)
