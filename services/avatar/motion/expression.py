"""From the controls of a style to blendshapes.

The controls are few; a face that shows a feeling moves more than they name. What usually moves along is added
here, after the action units of EMFACS (Ekman, Friesen & Hager 2002): a broad smile parts the lips, surprise
drops the jaw, anger narrows lids and presses the lips, disgust wrinkles the nose, fear stretches the mouth,
contempt lifts one corner only.
"""

import numpy as np
from empatheia.common.v1 import style_pb2
from numpy.typing import NDArray

from services.avatar.rig import SHAPES, Pose

MOUTH = np.array([name.startswith(("jaw", "mouth", "tongue")) for name in SHAPES])
"""Which shapes belong to the mouth, and so are shared with speech: (52,)."""


def express(face: style_pb2.FaceControls) -> NDArray[np.float64]:
    """Blendshapes of a face that shows a style in full and says nothing: (52,), 0 to 1."""
    inner, outer, down = face.brow_inner_up, face.brow_outer_up, face.brow_down
    smile, frown, cheek = face.smile, face.frown, face.cheek_raise
    wide, narrow = max(0.0, face.eye_openness), max(0.0, -face.eye_openness)
    # Both corners can't go up and down at once: a smile together with a frown is a smile on one side.
    smirk = _ramp(min(smile, frown), 0.10, 0.35)
    grin = _ramp(smile, 0.40, 0.85) * (0.4 + 0.6 * cheek) * (1 - smirk)
    surprise = _ramp(outer * wide * (1 - frown), 0.06, 0.62)
    fear = _ramp(inner * wide * min(1.0, 3 * frown), 0.05, 0.50)
    anger = _ramp(down * (1 - inner) * (1 - 1.6 * narrow), 0.12, 0.75)
    disgust = _ramp(down * narrow * min(1.0, 2 * frown), 0.03, 0.22) * (1 - inner)
    sorrow = inner * frown * (1 - fear)

    pose = Pose()
    pose["browInnerUp"] = inner
    pose.set_both("browDown", down)
    pose.set_both("browOuterUp", outer)
    pose.set_both("cheekSquint", cheek + 0.55 * disgust)
    pose.set_both("eyeSquint", 0.50 * cheek + 0.60 * anger + 0.65 * disgust + 0.15 * sorrow)
    pose.set_both("eyeWide", wide)
    pose.set_both("mouthSmile", smile)
    pose.set_both("mouthFrown", frown)
    pose.set_both("mouthDimple", 0.35 * grin)
    pose.set_both("mouthUpperUp", 0.85 * grin + 0.70 * disgust)
    pose.set_both("mouthLowerDown", 0.45 * grin + 0.55 * fear + 0.30 * disgust)
    pose.set_both("mouthStretch", 0.75 * fear + 0.15 * anger)
    pose.set_both("mouthPress", 0.75 * anger + 0.5 * smirk)
    pose.set_both("noseSneer", 0.95 * disgust + 0.35 * anger)
    pose["mouthRollUpper"] = 0.45 * anger
    pose["mouthRollLower"] = 0.45 * anger
    pose["jawForward"] = 0.5 * anger
    pose["mouthShrugLower"] = 0.75 * sorrow + 0.45 * disgust + 0.3 * smirk
    pose["mouthShrugUpper"] = 0.4 * disgust
    pose["jawOpen"] = 0.20 * grin + 0.62 * surprise + 0.15 * fear
    pose["mouthFunnel"] = 0.50 * surprise
    if smirk:
        pose["mouthSmileLeft"] = max(smile, frown) * (0.6 + 0.4 * smirk)
        pose["mouthFrownLeft"] = frown * (1 - smirk)
        pose["mouthSmileRight"] = smile * (1 - smirk)
        pose["mouthFrownRight"] = frown * (1 - 0.6 * smirk)
        pose["mouthDimpleLeft"] = 0.8 * smirk
        pose["mouthLeft"] = 0.6 * smirk
        pose["cheekSquintLeft"] = max(cheek, 0.5 * smirk)
        pose["browOuterUpLeft"] = max(outer, 0.55 * smirk)
        pose["browDownLeft"] = down * (1 - smirk)
    return pose.shapes


def _ramp(value: float, low: float, high: float) -> float:
    """0 up to `low`, 1 from `high`."""
    return min(1.0, max(0.0, (value - low) / (high - low)))
