"""Draws a sheet of avatars and expressions: `python -m services.avatar.sheet -o sheet.png`."""

import argparse
from pathlib import Path

import numpy as np
import skia

from services.avatar.drawing.painter import Painter, Picture
from services.avatar.profiles.schema import FOLDER, load_profiles
from services.avatar.rig import Pose

EXPRESSIONS: dict[str, dict[str, float]] = {
    "rest": {},
    "glad": {"mouthSmile": 0.75, "cheekSquint": 0.5, "browOuterUp": 0.15, "eyeSquint": 0.3},
    "sad": {"browInnerUp": 0.8, "mouthFrown": 0.45, "eyeBlink": 0.14, "eyeLookDown": 0.3},
    "worried": {"browInnerUp": 0.75, "browDown": 0.4, "mouthFrown": 0.25, "mouthStretch": 0.15},
    "surprised": {"browInnerUp": 0.6, "browOuterUp": 0.8, "eyeWide": 0.8, "jawOpen": 0.3},
}
_ROLL = {"sad": 3.0, "worried": -2.0}


def sheet(size: int, keys: list[str] | None = None) -> np.ndarray:
    """Draws each avatar with each expression.

    Args:
        size: Of one picture.
        keys: Avatars; all if not given.

    Returns:
        RGBA, one row an avatar.
    """
    rows = []
    for key, profile in load_profiles([FOLDER]).items():
        if keys and key not in keys:
            continue
        painter = Painter(profile, size)
        row = []
        for name, shapes in EXPRESSIONS.items():
            pose = Pose(roll=_ROLL.get(name, 0.0))
            for shape, weight in shapes.items():
                if shape == "browInnerUp" or shape == "jawOpen":
                    pose[shape] = weight
                else:
                    pose.set_both(shape, weight)
            row.append(painter.draw(pose, Picture(painter)))
        rows.append(np.concatenate(row, axis=1))
    return np.concatenate(rows, axis=0)


def main() -> None:
    """Writes the sheet."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-o", "--output", type=Path, default=Path("sheet.png"))
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--avatar", action="append")
    given = parser.parse_args()
    skia.Image.fromarray(sheet(given.size, given.avatar), skia.kRGBA_8888_ColorType).save(str(given.output))


if __name__ == "__main__":
    main()
