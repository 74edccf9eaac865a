"""What moves in a face: the 52 ARKit blendshapes, the head's angles and the breath.

Any renderer that knows these names can take the same motion. Names are those of Apple's ARKit
(`ARFaceAnchor.BlendShapeLocation`); left and right are the avatar's own.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

SHAPES: tuple[str, ...] = (
    "browDownLeft",
    "browDownRight",
    "browInnerUp",
    "browOuterUpLeft",
    "browOuterUpRight",
    "cheekPuff",
    "cheekSquintLeft",
    "cheekSquintRight",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "eyeLookDownLeft",
    "eyeLookDownRight",
    "eyeLookInLeft",
    "eyeLookInRight",
    "eyeLookOutLeft",
    "eyeLookOutRight",
    "eyeLookUpLeft",
    "eyeLookUpRight",
    "eyeSquintLeft",
    "eyeSquintRight",
    "eyeWideLeft",
    "eyeWideRight",
    "jawForward",
    "jawLeft",
    "jawOpen",
    "jawRight",
    "mouthClose",
    "mouthDimpleLeft",
    "mouthDimpleRight",
    "mouthFrownLeft",
    "mouthFrownRight",
    "mouthFunnel",
    "mouthLeft",
    "mouthLowerDownLeft",
    "mouthLowerDownRight",
    "mouthPressLeft",
    "mouthPressRight",
    "mouthPucker",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthStretchLeft",
    "mouthStretchRight",
    "mouthUpperUpLeft",
    "mouthUpperUpRight",
    "noseSneerLeft",
    "noseSneerRight",
    "tongueOut",
)
"""The 52 blendshapes, in alphabetical order."""

_INDEX = {name: index for index, name in enumerate(SHAPES)}


@dataclass
class Pose:
    """A face at one moment."""

    shapes: NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(SHAPES)))
    """Weight of each blendshape, 0 to 1, in the order of `SHAPES`."""
    yaw: float = 0.0
    """Head turned to its left (the viewer's right), in degrees."""
    pitch: float = 0.0
    """Head raised, in degrees."""
    roll: float = 0.0
    """Head tilted to its left shoulder (clockwise for the viewer), in degrees."""
    breath: float = 0.0
    """0 is breathed out, 1 is breathed in."""

    def __getitem__(self, name: str) -> float:
        """Weight of a blendshape."""
        return float(self.shapes[_INDEX[name]])

    def __setitem__(self, name: str, weight: float) -> None:
        """Sets a blendshape, held within 0 to 1."""
        self.shapes[_INDEX[name]] = min(1.0, max(0.0, weight))

    def set_both(self, name: str, weight: float) -> None:
        """Sets the left and the right of a pair alike."""
        self[name + "Left"] = weight
        self[name + "Right"] = weight

    def look(self, right: float, up: float) -> None:
        """Turns both eyes.

        Args:
            right: Towards the viewer's right, -1 to 1.
            up: Upwards, -1 to 1.
        """
        self["eyeLookOutLeft"] = self["eyeLookInRight"] = right
        self["eyeLookInLeft"] = self["eyeLookOutRight"] = -right
        for side in ("Left", "Right"):
            self["eyeLookUp" + side] = up
            self["eyeLookDown" + side] = -up

    def both(self, name: str) -> float:
        """Mean of the left and the right of a pair."""
        return 0.5 * (self[name + "Left"] + self[name + "Right"])
