"""Folds that come and go with an expression: drawn anew for each picture, nothing at rest."""

from collections.abc import Sequence

import numpy as np
import skia

from services.avatar.drawing.geometry import HeadShape, View, curve
from services.avatar.drawing.paint import mix, path, rgb, stroke
from services.avatar.profiles.schema import Skin
from services.avatar.rig import Pose

_LEAST = 0.05
"""Weaker folds are not drawn."""


class CreasePainter:
    """Draws the folds of one avatar; an older skin folds deeper."""

    def __init__(self, shape: HeadShape, skin: Skin) -> None:
        """Mixes the colour."""
        self._shape = shape
        self._shade = rgb(skin.shade) * 0.86
        self._light = mix(rgb(skin.light), np.ones(3), 0.25)
        self._age = skin.wrinkles

    def draw(self, target: skia.Canvas, pose: Pose, view: View) -> None:
        """Draws what the pose folds."""
        s, age = self._shape, self._age
        raised = pose.both("browOuterUp") * 0.7 + pose["browInnerUp"] * 0.5
        for row, y in enumerate((-70.0, -82.0, -94.0)):
            points = [(-46 + 6 * row, y + 4), (-20, y), (0, y + 2), (20, y), (46 - 6 * row, y + 4)]
            self._fold(target, view, points, 2.6, raised * (0.12 + 0.5 * age), lit=False)
        for side, name in ((1, "Left"), (-1, "Right")):
            smile, sneer = pose["mouthSmile" + name], pose["noseSneer" + name]
            squint = 0.5 * pose["cheekSquint" + name] + 0.5 * pose["eyeSquint" + name]
            lift = 4 * smile + 5 * sneer
            corner = s.mouth_width * (1 + 0.30 * smile) + 9
            nose_to_mouth = [
                (s.nose_width + 2, s.nose_y - 8 - lift),
                (s.nose_width + 15, s.nose_y + 6 - 0.6 * lift),
                (corner, s.mouth_y - 9 - 5 * smile),
                (corner + 1, s.mouth_y + 4 - 4 * smile),
            ]
            deep = 0.75 * smile + 0.7 * sneer + 0.25 * pose["mouthUpperUp" + name]
            self._fold(target, view, nose_to_mouth, 3.4, deep * (0.26 + 0.5 * age), side=side)
            frown = pose["browDown" + name] + 0.45 * pose["browInnerUp"]
            between = [(8 + 2 * frown, -46), (5.5, -36), (7, -27)]
            self._fold(target, view, between, 2.4, frown * (0.34 + 0.3 * age), side=side)
            bridge = [(14, 6), (9, 13), (11, 21)]
            self._fold(target, view, bridge, 2.2, 0.34 * sneer, side=side)
            pouch = [(s.eye_x - 20, 17), (s.eye_x - 2, 22), (s.eye_x + 20, 17)]
            self._fold(target, view, pouch, 2.4, squint * (0.16 + 0.44 * age), side=side, lit=False)
            for angle in (-7.0, 1.0, 9.0):
                outer = s.eye_x + s.eye_width
                crow = [(outer + 5, 1 + 0.5 * angle), (outer + 15, 1 + 1.15 * angle)]
                self._fold(target, view, crow, 1.6, squint * (0.06 + 0.6 * age), lit=False, side=side)
        chin = [(-13, s.chin_y - 24), (0, s.chin_y - 28), (13, s.chin_y - 24)]
        self._fold(target, view, chin, 3.0, 0.4 * pose["mouthShrugLower"])

    def _fold(
        self,
        target: skia.Canvas,
        view: View,
        points: Sequence[tuple[float, float]],
        width: float,
        strength: float,
        *,
        side: int = 1,
        lit: bool = True,
    ) -> None:
        """A soft dark line, with light on the skin that bulges above it."""
        if strength < _LEAST:
            return
        at, scale = np.array(points) * (side, 1.0), view.scale
        line = curve(view(at, self._shape.depth(at)), closed=False, per_part=4)
        if lit:
            glow = stroke(self._light, 1.5 * width * scale, 0.30 * min(1.0, strength), 1.2 * width * scale)
            outward = (0.9 * side * width * scale, -0.6 * width * scale)
            target.drawPath(path(line + outward, closed=False), glow)
        target.drawPath(
            path(line, closed=False),
            stroke(self._shade, width * scale, min(0.85, strength), 0.55 * width * scale),
        )
