"""Draws a sheet of avatars and expressions: `python -m services.avatar.sheet -o sheet.png`."""

import argparse
from pathlib import Path

import numpy as np
import skia
from empatheia.common.v1 import style_pb2
from numpy.typing import NDArray

from services.avatar.drawing.painter import Painter, Picture
from services.avatar.motion.animator import Animator
from services.avatar.profiles.schema import FOLDER, load_profiles
from services.avatar.rig import Pose

EXPRESSIONS: dict[str, dict[str, float]] = {
    "rest": {},
    "glad": {"smile": 0.9, "cheek_raise": 0.7, "brow_outer_up": 0.2, "head_tilt": 0.15},
    "concerned": {"brow_inner_up": 0.75, "frown": 0.15, "eye_openness": -0.1, "head_tilt": 0.4},
    "sad": {"brow_inner_up": 0.9, "frown": 0.6, "eye_openness": -0.35, "gaze_down": 0.5, "head_pitch": -0.3},
    "worried": {"brow_inner_up": 0.9, "brow_outer_up": 0.4, "eye_openness": 0.6, "frown": 0.35},
    "angry": {"brow_down": 0.95, "frown": 0.4, "eye_openness": 0.1, "head_pitch": -0.15},
    "surprised": {"brow_inner_up": 0.7, "brow_outer_up": 0.9, "eye_openness": 0.8, "head_pitch": 0.2},
}
"""Controls of the style by name."""


def _pose(controls: dict[str, float]) -> Pose:
    """The expression in full, the head held still."""
    face = style_pb2.FaceControls(head_motion=-4, blink_rate=-4, **controls)
    return Animator(face, seed=2, sample_rate=24000, fps=25).pose(1.0)


def sheet(size: int, keys: list[str] | None = None) -> NDArray[np.uint8]:
    """Draws each avatar with each expression.

    Args:
        size: Of one picture.
        keys: Avatars; all if not given.

    Returns:
        RGBA; a row for each avatar.
    """
    poses = [_pose(controls) for controls in EXPRESSIONS.values()]
    rows = []
    for key, profile in load_profiles([FOLDER]).items():
        if keys is None or key in keys:
            painter = Painter(profile, size)
            rows.append(np.concatenate([painter.draw(pose, Picture(painter)) for pose in poses], axis=1))
    return np.concatenate(rows, axis=0)


def main() -> None:
    """Writes the sheet."""
    parser = argparse.ArgumentParser(description="Draws a sheet of avatars and expressions.")
    parser.add_argument("-o", "--output", type=Path, default=Path("sheet.png"))
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--avatar", action="append", help="key of an avatar; may be given several times")
    given = parser.parse_args()
    skia.Image.fromarray(sheet(given.size, given.avatar), skia.kRGBA_8888_ColorType).save(str(given.output))


if __name__ == "__main__":
    main()
