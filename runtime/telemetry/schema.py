"""The single list of span names, attributes and metrics.

Code uses these constants; a test asserts that whatever is emitted is declared here. Names with a `pii`
segment hold the person's words, or reasoning about them, and are left out where settings say so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


class Spans:
    """Names of spans."""

    TURN = "turn"
    """One query and its reply; the root."""
    NODE = "node {name}"
    """One node of the graph."""
    RPC_CLIENT = "{service}/{method}"
    """A call as its caller sees it: kind CLIENT."""
    RPC_SERVER = "{service}/{method}"
    """A call as its service sees it: kind SERVER."""
    MODEL = "model {name}"
    """Work of one model inside a service."""
    MEDIA = "media {name}"
    """Work on what a person sent before any model sees it, such as decoding."""


CHAIN_NODES: tuple[str, ...] = ("event_scenario", "user_emotion", "emotion_cause", "response_goal", "respond")
"""Nodes that are steps of the chain, in its order; `respond` concludes the step "response"."""

NODES: tuple[str, ...] = (
    "perceive",
    "assess",
    *CHAIN_NODES,
    "disentangle",
    "synchronize",
    "speak",
    "render",
    "reply",
)
"""Every node of the graph."""


class Attributes:
    """Names of span attributes."""

    TURN_ID = "empatheia.turn.id"
    CONVERSATION_ID = "gen_ai.conversation.id"
    SESSION_ID = "session.id"
    """OpenInference's name for the conversation."""
    SEED = "empatheia.seed"
    PRESET = "empatheia.preset"
    MODALITIES = "empatheia.input.modalities"
    """Which of text, speech and face the person gave."""
    NODE = "empatheia.node.name"
    ATTEMPTS = "empatheia.node.attempts"
    CONFIDENCE = "empatheia.step.confidence"
    AUTHORED = "empatheia.step.authored"
    """Whether a sentence written beforehand, or the person's own words, stand in for the model's."""
    DROPPED = "empatheia.step.dropped_utterances"
    """Oldest utterances that the model did not read, because the dialogue is too long."""
    EVIDENCE_COUNT = "empatheia.step.evidence_count"
    EMOTION_LABEL = "empatheia.emotion.label"
    EMOTION_CLASS = "empatheia.emotion.class"
    EMOTION_DISTRIBUTION = "empatheia.emotion.distribution"
    """The most probable labels as a JSON object of label -> probability."""
    VALENCE = "empatheia.emotion.valence"
    AROUSAL = "empatheia.emotion.arousal"
    PERCEPTION_NOTES = "empatheia.perception.notes"
    """List of what could not be judged and why: "face: no face found"."""
    SUMMED = "empatheia.span.summed"
    """Whether a span is as long as many pieces of work together, and not where they were."""
    SAFETY_KIND = "empatheia.safety.kind"
    """The danger that was seen, or "none"."""
    SAFETY_STAGE = "empatheia.safety.stage"
    """Where the talk about it stands; "doubt" where the person is asked."""
    SAFETY_CONFIDENCE = "empatheia.safety.confidence"
    """Probability of danger, 0 to 1."""
    SAFETY_SEEN_BY = "empatheia.safety.seen_by"
    """"classifier", "net" (a list of phrases), "both", or "history"."""
    SAFETY_UNREACHABLE = "empatheia.safety.unreachable"
    """Why the classifier was not asked, so that the net decided alone; empty if it was."""
    COUNTRY = "empatheia.safety.country"
    """Country whose help was named; empty if none was."""
    STYLE = "empatheia.style.controls"
    """Controls of voice and face that differ from rest, as a JSON object of name -> value."""
    DEGRADED = "empatheia.degraded"
    """List of the parts of the reply that were lost, each with its reason: "video: ..."."""
    SERVICE = "empatheia.service"
    BACKEND = "empatheia.backend"
    MODEL_ID = "gen_ai.request.model"
    WEIGHT_HASH = "empatheia.model.weight_hash"
    OPERATION = "gen_ai.operation.name"
    PROVIDER = "gen_ai.provider.name"
    INPUT_TOKENS = "gen_ai.usage.input_tokens"
    OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
    CACHED_TOKENS = "empatheia.usage.cached_tokens"
    RPC_SYSTEM = "rpc.system.name"
    RPC_METHOD = "rpc.method"
    RPC_STATUS = "rpc.status_code"
    RPC_ATTEMPT = "empatheia.rpc.attempt"
    PEER = "server.address"
    FIRST_RESPONSE_MS = "empatheia.rpc.first_response_ms"
    """From the start of a call to its first answer."""
    MODEL_MS = "empatheia.model.ms"
    """Time spent inside models."""
    AUDIO_S = "empatheia.audio.duration_s"
    VIDEO_S = "empatheia.video.duration_s"
    FRAMES = "empatheia.video.frames"
    ARTIFACT_URI = "empatheia.artifact.uri"
    FIRST_AUDIO_MS = "empatheia.timing.first_audio_ms"
    FIRST_FRAME_MS = "empatheia.timing.first_frame_ms"
    ERROR_TYPE = "error.type"
    KIND = "openinference.span.kind"
    INPUT_TEXT = "empatheia.pii.input.text"
    OUTPUT_TEXT = "empatheia.pii.output.text"
    EVIDENCE = "empatheia.pii.step.evidence"
    """Evidence as a JSON list of objects with the fields of `evidence.Quote`."""
    ALTERNATIVES = "empatheia.pii.step.alternatives"
    """Conclusions that a step weighed and did not take, as a JSON object of words -> confidence."""
    CONFLICTS = "empatheia.pii.perception.conflicts"
    """List of sentences, one for each pair of modalities that say different things."""
    OPENINFERENCE_INPUT = "input.value"
    """OpenInference's name for what went in; the person's words, so it goes with `pii`."""
    OPENINFERENCE_OUTPUT = "output.value"
    """OpenInference's name for what came out; goes with `pii`."""
    OPENINFERENCE_MODEL = "llm.model_name"
    OPENINFERENCE_INPUT_TOKENS = "llm.token_count.prompt"
    OPENINFERENCE_OUTPUT_TOKENS = "llm.token_count.completion"


TWINS: Mapping[str, str] = {
    Attributes.CONVERSATION_ID: Attributes.SESSION_ID,
    Attributes.INPUT_TEXT: Attributes.OPENINFERENCE_INPUT,
    Attributes.OUTPUT_TEXT: Attributes.OPENINFERENCE_OUTPUT,
    Attributes.MODEL_ID: Attributes.OPENINFERENCE_MODEL,
    Attributes.INPUT_TOKENS: Attributes.OPENINFERENCE_INPUT_TOKENS,
    Attributes.OUTPUT_TOKENS: Attributes.OPENINFERENCE_OUTPUT_TOKENS,
}
"""OpenInference's name for an attribute; `annotate` writes it beside ours, so that viewers know both."""

SENSITIVE = frozenset(
    {
        Attributes.INPUT_TEXT,
        Attributes.OUTPUT_TEXT,
        Attributes.EVIDENCE,
        Attributes.ALTERNATIVES,
        Attributes.CONFLICTS,
        Attributes.OPENINFERENCE_INPUT,
        Attributes.OPENINFERENCE_OUTPUT,
    }
)
"""Attributes that hold the person's words or reasoning about them."""

DECLARED = frozenset(value for key, value in vars(Attributes).items() if key.isupper())
"""Every attribute that may be emitted."""


@dataclass(frozen=True)
class Metric:
    """A measure: what it counts, from when to when, in which unit."""

    name: str
    unit: str
    description: str
    kind: Literal["histogram", "counter"] = "histogram"


class Metrics:
    """Measures of the running system."""

    FIRST_AUDIO = Metric(
        "empatheia.turn.first_audio",
        "ms",
        "From the arrival of the turn at the gateway to the first sample of the reply above -50 dBFS",
    )
    FIRST_FRAME = Metric(
        "empatheia.turn.first_frame",
        "ms",
        "From the arrival of the turn at the gateway to the first chunk of the reply's video with a picture",
    )
    TURN = Metric("empatheia.turn.duration", "ms", "From the arrival of the turn to its last event")
    NODE = Metric("empatheia.node.duration", "ms", "From the start of a node to its end, retries included")
    RPC = Metric(
        "empatheia.rpc.duration", "ms", "From sending a call to its last answer, as its caller sees it"
    )
    DEGRADED = Metric("empatheia.turn.degraded", "{part}", "Parts of replies that were lost", "counter")
    ASSESSED = Metric(
        "empatheia.safety.assessed",
        "{turn}",
        "Turns assessed for danger, by its kind, none among them",
        "counter",
    )
    REAL_TIME_FACTOR = Metric(
        "empatheia.model.real_time_factor",
        "1",
        "Time spent making a reply's sound or picture over the time it lasts; under 1 keeps up",
    )
    TOKENS = Metric(
        "empatheia.model.tokens", "{token}", "Tokens read and written by language models", "counter"
    )
