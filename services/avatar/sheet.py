"""A sheet of faces: a row for each avatar, a column for each style."""

from collections.abc import Mapping

import cv2
import numpy as np
from empatheia.common.v1 import style_pb2
from numpy.typing import NDArray

from services.avatar.drawing.painter import Painter, Picture
from services.avatar.motion.animator import Animator
from services.avatar.profiles.schema import AvatarProfile
from services.avatar.rig import Pose

_HEAD = 24
"""Height of the line of names, in pixels."""


def sheet(
    profiles: Mapping[str, AvatarProfile], styles: Mapping[str, style_pb2.FaceControls], size: int
) -> NDArray[np.uint8]:
    """Draws each avatar in each style, heads held still.

    Args:
        profiles: Avatars by key.
        styles: Controls by the name that stands above their column.
        size: Width and height of one face.

    Returns:
        RGB.
    """
    poses = [_pose(face) for face in styles.values()]
    rows = [_names(list(styles), size)]
    for profile in profiles.values():
        painter = Painter(profile, size)
        faces = [painter.draw(pose, Picture(painter))[..., :3] for pose in poses]
        rows.append(np.concatenate(faces, axis=1))
    return np.concatenate(rows)


def _pose(face: style_pb2.FaceControls) -> Pose:
    still = style_pb2.FaceControls()
    still.CopyFrom(face)
    still.head_motion = still.blink_rate = -4
    return Animator(still, seed=2, sample_rate=24000, fps=25).pose(1.0)


def _names(names: list[str], size: int) -> NDArray[np.uint8]:
    line = np.full((_HEAD, len(names) * size, 3), 245, np.uint8)
    for i, name in enumerate(names):
        (width, height), _ = cv2.getTextSize(name, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)
        place = (i * size + (size - width) // 2, (_HEAD + height) // 2)
        cv2.putText(line, name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (40, 40, 40), 1, cv2.LINE_AA)
    return line
