"""A reply, and the events that lead to it, as plain data: what `reply.json`, HTTP and the terminal show.

Tensors and media bytes are left out; everything else a person or a program may want is kept.
"""

from collections.abc import Iterable
from typing import Any

from empatheia.common.v1 import affect_pb2, service_pb2, style_pb2
from empatheia.dialogue.v1 import dialogue_pb2
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

Json = dict[str, Any]

MEDIA_CHUNKS = frozenset({"audio", "video"})
"""Events of a turn that carry only bytes."""


def reply_json(
    reply: dialogue_pb2.Reply, *, speech_path: str | None = None, video_path: str | None = None
) -> Json:
    """Writes a reply in the shape of `reply.json`.

    Args:
        reply: The last event of a turn.
        speech_path: Where the reader finds the speech: a file beside `reply.json`, or a URL; the artifact's
            own URI if not given.
        video_path: Likewise, the video.

    Returns:
        JSON data; `speech` and `video` are None where they were lost.
    """
    speech = reply.speech if reply.HasField("speech") else None
    video = reply.video if reply.HasField("video") else None
    return {
        "turn_id": reply.turn_id,
        "trace_id": reply.trace_id,
        "text": reply.text,
        "emotion": {
            "label": reply.emotion_label,
            "class": reply.emotion_class,
            "confidence": reply.emotion_confidence,
            "distribution": _distribution(reply.emotion_distribution),
        },
        "chain": {step.name: step_json(step) for step in reply.chain},
        "safety": _fields(reply.safety) if reply.HasField("safety") else None,
        "speech": speech
        and {
            "path": speech_path or speech.uri,
            "sample_rate": speech.sample_rate,
            "duration_s": speech.duration_s,
        },
        "video": video
        and {
            "path": video_path or video.uri,
            "fps": video.fps,
            "width": video.width,
            "height": video.height,
            "duration_s": video.duration_s,
        },
        "style": style_json(reply.style),
        "avatar": reply.avatar_id,
        "degraded": [_fields(part) for part in reply.degraded],
        "notices": list(reply.notices),
        "timings_ms": {name: round(ms, 3) for name, ms in sorted(reply.timings_ms.items())},
        "seed": reply.seed,
    }


def step_json(step: dialogue_pb2.ChainStep) -> Json:
    """Writes one step of the chain; `confidence` is None where the step has no measure of it."""
    return {
        "text": step.text,
        "evidence": [evidence_json(item) for item in step.evidence],
        "confidence": step.confidence or None,
        "alternatives": [_fields(one) for one in step.alternatives],
        "model": model_json(step.model),
        "ms": round(step.elapsed_ms, 3),
        "attempts": step.attempts,
    }


def evidence_json(evidence: affect_pb2.Evidence) -> Json:
    """Writes one piece of evidence; `source` is "text", "audio", "face", or "" where no place is known."""
    source = evidence.WhichOneof("source") or ""
    place = _fields(getattr(evidence, source)) if source else {}
    return {"source": source, **place, "note": evidence.note, "weight": evidence.weight}


def style_json(style: style_pb2.Style) -> Json:
    """Writes how a reply sounds and looks, in its readable controls."""
    return {
        "emotion": style.emotion,
        "intensity": style.intensity,
        "voice": _fields(style.voice),
        "face": _fields(style.face),
    }


def model_json(model: service_pb2.ModelInfo) -> Json:
    """Writes which model did a piece of work."""
    return _fields(model)


def event_json(event: dialogue_pb2.TurnEvent) -> tuple[str, Json]:
    """Writes an event of a turn.

    Returns:
        Its name in the contract, and its data.
    """
    name = event.WhichOneof("event") or ""
    if name == "reply":
        return name, reply_json(event.reply)
    if name == "step":
        distribution = _distribution(event.step.distribution)
        return name, {"name": event.step.name, **step_json(event.step), "distribution": distribution}
    if name == "style":
        return name, style_json(event.style)
    if name == "perceived":
        return name, _without(event.perceived, ["features"])
    if name == "spoken":
        return name, _without(event.spoken, ["tensors"])
    if not name or name in MEDIA_CHUNKS:
        return name, {}
    return name, _fields(getattr(event, name))


def _distribution(distribution: affect_pb2.Distribution) -> dict[str, float]:
    return {entry.label: entry.probability for entry in distribution.entries}


def _without(message: Message, fields: Iterable[str]) -> Json:
    copy = type(message)()
    copy.CopyFrom(message)
    for field in fields:
        copy.ClearField(field)
    return {key: value for key, value in _fields(copy).items() if key not in fields}


def _fields(message: Message) -> Json:
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
