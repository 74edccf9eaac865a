"""The single list of span names, attributes and metrics.

Code uses these constants; a test asserts that whatever is emitted is declared here. Names with a `pii`
segment hold the person's words, or reasoning about them, and are left out where settings say so.
"""

from dataclasses import dataclass


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
    EVIDENCE_COUNT = "empatheia.step.evidence_count"
    EMOTION_LABEL = "empatheia.emotion.label"
    EMOTION_CLASS = "empatheia.emotion.class"
    DEGRADED = "empatheia.degraded"
    """Parts of the reply that were lost."""
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
    """Evidence as JSON."""
    OPENINFERENCE_INPUT = "input.value"
    """OpenInference's name for what went in; the person's words, so it goes with `pii`."""
    OPENINFERENCE_OUTPUT = "output.value"
    """OpenInference's name for what came out; goes with `pii`."""


SENSITIVE = frozenset(
    {
        Attributes.INPUT_TEXT,
        Attributes.OUTPUT_TEXT,
        Attributes.EVIDENCE,
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
    DEGRADED = Metric("empatheia.turn.degraded", "{part}", "Parts of replies that were lost")
