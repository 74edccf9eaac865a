"""The state of a turn: plain data, checked whenever a node hands some in."""

from typing import Annotated, Any, TypedDict

from pydantic import BaseModel, ConfigDict

from agents.disentangle import StyleData
from agents.perceive import MediaRef, PerceptionData
from agents.render import VideoData
from agents.safety.assessment import AssessmentData
from agents.speak import SpeechData
from agents.step import StepResult, UtteranceData


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ProfileData(_Data):
    """Who answers."""

    age: str = ""
    gender: str = ""
    timbre: str = ""


class QueryData(_Data):
    """What came in: fixed for the whole turn."""

    turn_id: str
    conversation_id: str
    seed: int
    history: list[UtteranceData]
    text: str
    media: list[MediaRef]
    avatar_id: str
    profile: ProfileData
    life_began_s: float = 0.0
    """See `TurnOptions`."""
    country: str = ""
    """Where the person is, ISO 3166-1 alpha-2; empty if unknown."""


class DegradationData(_Data):
    """A part of the reply that is missing, and why."""

    part: str
    reason: str
    service: str


class Update(_Data):
    """What a node hands in; only what it sets counts."""

    perception: PerceptionData | None = None
    assessment: AssessmentData | None = None
    """Whether somebody is in danger."""
    chain: dict[str, StepResult] = {}
    """Steps of the chain by name."""
    style: StyleData | None = None
    segments: int = 0
    speech: SpeechData | None = None
    video: VideoData | None = None
    degraded: list[DegradationData] = []
    node_ms: dict[str, float] = {}
    """How long each node took."""
    marks: dict[str, float] = {}
    """Milliseconds from the start of the turn: first_audio, first_frame, total."""


def _merge(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    return {**old, **new}


def _append(old: list[Any], new: list[Any]) -> list[Any]:
    return old + [item for item in new if item not in old]


class TurnState(TypedDict, total=False):
    """What a checkpoint holds: the models above as plain dicts and lists."""

    query: dict[str, Any]
    perception: dict[str, Any]
    assessment: dict[str, Any]
    chain: Annotated[dict[str, Any], _merge]
    style: dict[str, Any]
    segments: int
    speech: dict[str, Any]
    video: dict[str, Any]
    degraded: Annotated[list[dict[str, Any]], _append]
    node_ms: Annotated[dict[str, float], _merge]
    marks: Annotated[dict[str, float], _merge]


def query_of(state: TurnState) -> QueryData:
    """The query, typed again."""
    return QueryData.model_validate(state["query"])


def update_of(state: TurnState) -> Update:
    """All that nodes have handed in so far, typed again."""
    return Update.model_validate({key: value for key, value in state.items() if key != "query"})
