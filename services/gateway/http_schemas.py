"""What the HTTP door returns, for its OpenAPI page; a test holds it against what is really returned."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Documented(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Model(_Documented):
    """The model that did a piece of work."""

    backend: str
    model_id: str
    weight_hash: str = Field(description="First 16 hex digits of the SHA-256 of its weights.")


class Evidence(_Documented):
    """What a conclusion rests on."""

    model_config = ConfigDict(extra="allow")

    source: str = Field(
        description='"text" (with utterance, start, end, text), "audio" or "face" (start_s, end_s), or ""'
    )
    note: str = Field(description="What was noticed there, for a person to read.")
    weight: float = Field(description="How much it counted, 0 to 1.")


class Alternative(_Documented):
    """A conclusion that a step weighed and did not take."""

    text: str
    confidence: float = Field(description="How sure the step would have been of it, 0 to 1.")


class Step(_Documented):
    """One step of the Chain of Empathy."""

    text: str = Field(description="What it concluded.")
    evidence: list[Evidence]
    confidence: float | None = Field(description="0 to 1; null where the step has no measure of it.")
    alternatives: list[Alternative] = Field(
        description="What else it might have concluded, best first, two at most; of emotions, see `emotion`."
    )
    model: Model
    ms: float = Field(description="How long it took, in milliseconds.")
    attempts: int


class Emotion(_Documented):
    """What the person feels."""

    label: str = Field(description="One of the 32 labels of EmpatheticDialogues.")
    klass: str = Field(alias="class", description="One of the 7 classes of AvaMERG.")
    confidence: float
    distribution: dict[str, float] = Field(description="Over the 32 labels.")


class Speech(_Documented):
    """The reply's speech."""

    path: str = Field(description="Where to get it: a wav file.")
    sample_rate: int
    duration_s: float


class Video(_Documented):
    """The reply's talking face, with its sound."""

    path: str = Field(description="Where to get it: an mp4 file; ranges are answered.")
    fps: float
    width: int
    height: int
    duration_s: float


class Style(_Documented):
    """How the reply sounds and looks; 0 changes nothing."""

    emotion: str
    intensity: float
    voice: dict[str, float]
    face: dict[str, float]


class Degraded(_Documented):
    """A part of the reply that is missing, and why."""

    part: str = Field(description='"speech" or "video".')
    reason: str
    service: str


class HelpLine(_Documented):
    """Somebody who can help."""

    name: str
    number: str = Field(description="As dialled in that country; empty where only words can be given.")
    text: str = Field(description="What to send a text message to; may be empty.")
    hours: str
    url: str
    category: str = Field(description="emergency, suicide, violence, child or poison.")


class CountryName(_Documented):
    """A country whose help lines are known."""

    code: str = Field(description="ISO 3166-1 alpha-2.")
    name: str


class Help(_Documented):
    """Who can help somebody in danger."""

    country: str = Field(description="Whose lines these are; empty where help is named in general words.")
    help: list[HelpLine]
    countries: list[CountryName]


class Safety(_Documented):
    """A danger that was seen, and who can help."""

    kind: str = Field(
        description="self_harm, harm_from_others, harm_to_others, medical, child_at_risk or other_at_risk."
    )
    confidence: float
    stage: str = Field(description="first, ongoing, taken_back, afterwards, or doubt: the reply asks.")
    seen_by: str = Field(description="classifier, net (a list of phrases), both, or history.")
    help: list[HelpLine]
    country: str = Field(description="Country of the help; empty if unknown.")
    language: str = Field(description="Language of the reply.")


class Reply(_Documented):
    """The whole reply, in the shape of `reply.json`."""

    turn_id: str
    trace_id: str
    text: str
    emotion: Emotion
    chain: dict[str, Step] = Field(
        description="event_scenario, user_emotion, emotion_cause, response_goal, response."
    )
    safety: Safety | None = Field(description="Null where no danger was seen.")
    speech: Speech | None
    video: Video | None
    style: Style
    avatar: str
    degraded: list[Degraded]
    notices: list[str] = Field(description="What a listener must be told, e.g. that the voice is synthetic.")
    timings_ms: dict[str, float] = Field(
        description="first_audio, first_frame, total, and each node of the graph."
    )
    seed: int


class Profile(_Documented):
    """Who somebody is, as far as a voice and a face show it."""

    age: str
    gender: str
    timbre: str


class Avatar(_Documented):
    """A face that can answer."""

    id: str
    name: str
    profile: Profile
    description: str


class Avatars(_Documented):
    """The avatars, the default first."""

    avatars: list[Avatar]


class Health(_Documented):
    """How the gateway is."""

    status: str


class WrongField(_Documented):
    """A field of the input that is wrong."""

    field: str
    description: str


class Problem(_Documented):
    """An error, by RFC 9457."""

    type: str
    title: str
    status: int
    detail: str = Field(description="What was wrong, where, and what to do.")
    reason: str = Field(description="The same for programs, in UPPER_SNAKE_CASE.")
    service: str = Field(description="Service in which it arose, where known.")
    fields: list[WrongField]


Responses = dict[int | str, dict[str, Any]]

HISTORY = (
    'What was said before, oldest first, as JSON: `[{"role": "speaker" or "listener", "text": ...,'
    ' "emotion": optional label}]`.'
)
STREAM_VIDEO = (
    "Also send the video as it is made: after each `video_header` events `video` with `data`, the next bytes "
    "of the MP4 in base64. For a player that takes fragments."
)
COUNTRY = (
    "Where the person is (ISO 3166-1, two letters), for the numbers of those who can help; without it the"
    " setting, then the region of `Accept-Language`. `ZZ` is elsewhere: help is named without numbers."
)
LIFE_BEGAN = "As `/v1/life` says, where the face is already seen: the reply's video goes on from there."
RESPOND: Responses = {
    200: {
        "model": Reply,
        "description": "The events of the turn; or the reply, if JSON is asked for.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    400: {"model": Problem, "description": "The request is at fault; `fields` say where."},
    413: {"model": Problem, "description": "A bound on text or recordings was passed."},
    503: {"model": Problem, "description": "A service is down."},
}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
WAV: Responses = {200: {"description": "16-bit PCM, one channel.", "content": {"audio/wav": _BINARY}}}
MP4: Responses = {200: {"description": "H.264 and AAC.", "content": {"video/mp4": _BINARY}}}
PROBLEMS: Responses = {"4XX": {"model": Problem, "description": "The request is at fault."}}
