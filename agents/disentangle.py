"""Decides how the reply sounds and looks, from what the person feels and who answers."""

from empatheia.common.v1 import affect_pb2, dialogue_pb2, style_pb2
from empatheia.disentangler.v1 import disentangler_pb2
from pydantic import BaseModel, ConfigDict

from agents.step import ModelRef
from agents.turn import Turn
from runtime.rpc import DISENTANGLE


class StyleData(BaseModel):
    """The style in terms a person can read, as plain data."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    emotion: str
    """What the reply shows: one of the 7 classes or "neutral"."""
    intensity: float
    voice: dict[str, float]
    """Controls of the voice by their names in `VoiceControls`."""
    face: dict[str, float]
    """Controls of the face by their names in `FaceControls`."""
    rationale: str
    model: ModelRef


async def disentangle(
    turn: Turn, affect: affect_pb2.Affect, profile: dialogue_pb2.Profile, *, grave: bool = False
) -> StyleData:
    """Asks for the style of the reply and passes it on to voice and face.

    Args:
        turn: The turn in progress.
        affect: What the person feels.
        profile: Who answers.
        grave: Whether somebody may be in danger.

    Raises:
        EmpatheiaError: There is no style; voice and face wait no longer.
    """
    request = disentangler_pb2.DisentangleRequest(affect=affect, profile=profile, grave=grave)
    response = await turn.transport.unary(DISENTANGLE, request, turn.key("disentangle"))
    turn.streams.style.put(response.style)
    await turn.streams.keep(turn.streams.style, turn.store, turn.turn_id)
    turn.emit(style=response.style)
    style = response.style
    return StyleData(
        emotion=style.emotion,
        intensity=style.intensity,
        voice=_controls(style.voice),
        face=_controls(style.face),
        rationale=response.rationale,
        model=ModelRef.from_proto(response.model),
    )


def _controls(controls: style_pb2.VoiceControls | style_pb2.FaceControls) -> dict[str, float]:
    return {field.name: round(getattr(controls, field.name), 4) for field in controls.DESCRIPTOR.fields}
