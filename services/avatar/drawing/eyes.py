"""Eyes, lids, lashes: drawn anew for each picture."""

from dataclasses import dataclass

import cv2
import numpy as np
import skia
from numpy.typing import NDArray

from services.avatar.drawing.geometry import HeadShape, Points, View, at, curve
from services.avatar.drawing.paint import Rgb, canvas, fill, image, linear, mix, path, rgb, stroke
from services.avatar.profiles.schema import Eyes, Skin
from services.avatar.rig import Pose

_IRIS = 13.0
"""Radius of an iris at eye size 1."""


@dataclass
class _Lids:
    upper: Points
    lower: Points
    crease: Points
    opening: float
    """0 closed, 1 at rest."""


class EyePainter:
    """Draws both eyes of one avatar."""

    def __init__(self, shape: HeadShape, eyes: Eyes, skin: Skin, scale: float) -> None:
        """Paints the iris, which is the same in each picture."""
        self._shape = shape
        self._eyes = eyes
        self._light, self._shade = rgb(skin.light), rgb(skin.shade)
        self._blush = rgb(skin.blush)
        self._radius = _IRIS * shape.head.eye_size
        self._iris_pixels = _paint_iris(rgb(eyes.iris), max(8, round(self._radius * scale * 2)))
        self._iris = image(self._iris_pixels)
        self._lash = mix(np.array((0.09, 0.06, 0.05)), rgb(eyes.brow), 0.25)

    def draw(self, target: skia.Canvas, pose: Pose, view: View) -> None:
        """Draws both eyes on a picture."""
        for side, name in ((1, "Left"), (-1, "Right")):
            self._eye(target, pose, view, side, name)

    def _lids(self, pose: Pose, side: int, name: str) -> _Lids:
        s, half = self._shape, self._shape.eye_width
        slant = 2.2 + 2.6 * s.head.eye_slant
        wide, squint = pose["eyeWide" + name], pose["eyeSquint" + name]
        down = pose["eyeLookDown" + name] - 0.6 * pose["eyeLookUp" + name]
        opening = (1 - pose["eyeBlink" + name]) * (1 + 0.42 * wide - 0.28 * squint)
        opening *= 1 - 0.30 * max(down, 0) + 0.10 * max(-down, 0)
        smile = pose["mouthSmile" + name] + pose["cheekSquint" + name]
        high, low = 0.385 * half, 0.345 * half - 2.2 * squint - 1.3 * smile
        rest = low * 0.72
        top = rest - (rest + high) * opening
        bottom = low + (0.6 - 1.2 * opening) * (1 - min(opening, 1.0))
        brow = pose["browInnerUp"] * 1.5
        inner, outer = (-half, 2.6), (half, 2.6 - slant - 1.2)

        def arc(height: float, lean: float, edge: float) -> Points:
            mid = (inner[1] + outer[1]) / 2
            return curve(
                np.array(
                    [
                        (inner[0], inner[1]),
                        (-0.52 * half + lean, mid + (height - mid) * edge),
                        (0.02 * half + lean, height),
                        (0.56 * half + lean, mid + (height - mid) * edge + 0.2 * outer[1]),
                        (outer[0], outer[1]),
                    ]
                ),
                closed=False,
                per_part=7,
            )

        upper = arc(top, 0.4, 0.80)
        lower = arc(bottom, 1.4, 0.76)
        lift = 5.2 + 1.5 * wide + 2.5 * (1 - min(opening, 1.0)) * 0.4
        above = arc(min(top, -0.1 * half) * 0.55 - 0.45 * high - lift + 0.6, 0.0, 0.86) - (
            0,
            1.0 + brow * 0.4,
        )
        above[:, 0] *= 1.04
        flip = np.array([side, 1.0])
        origin = np.array([side * s.eye_x, 0.0])
        return _Lids(upper * flip + origin, lower * flip + origin, above * flip + origin, opening)

    def _eye(self, target: skia.Canvas, pose: Pose, view: View, side: int, name: str) -> None:
        lids = self._lids(pose, side, name)
        scale = view.scale
        centre = np.array([side * self._shape.eye_x, 0.0])

        edges = np.stack([lids.upper, lids.lower, lids.crease])
        far = np.abs(edges[..., 0]) - self._shape.eye_x
        upper, lower, crease = view(edges, 64 - 0.22 * np.clip(far, -20, 30))
        hole = path(np.concatenate([upper, lower[::-1]]))
        if lids.opening > 0.06:
            target.save()
            target.clipPath(hole, True)
            self._ball(target, pose, view, centre, side, name, upper)
            target.restore()
        self._rims(target, lids, upper, lower, crease, scale, side)

    def _ball(
        self, target: skia.Canvas, pose: Pose, view: View, centre: Points, side: int, name: str, upper: Points
    ) -> None:
        half, scale = self._shape.eye_width, view.scale
        box = view(np.array([centre + at(-half - 4, -half), centre + at(half + 4, half)]), 62)
        area = skia.Rect.MakeLTRB(*np.concatenate([box.min(0), box.max(0)]).tolist())
        white = mix(np.array((0.93, 0.915, 0.90)), self._light, 0.12)
        corner = mix(white, self._blush * 0.8, 0.42)
        left, right = view(np.array([centre - (half, 0), centre + at(half, 0)]), 62)
        target.drawRect(area, linear(left, right, [(corner, 0), (white, 0.24), (white, 0.76), (corner, 1)]))
        across = pose["eyeLookOut" + name] - pose["eyeLookIn" + name]
        gaze = np.array([side * across * 8.5, 5.5 * (pose["eyeLookDown" + name] - pose["eyeLookUp" + name])])
        middle = view((centre + gaze + (0, -0.8))[None], 66)[0]
        radius = self._radius * scale
        squeeze = 1 - 0.10 * abs(across)
        place = skia.Rect.MakeXYWH(
            float(middle[0]) - radius * squeeze, float(middle[1]) - radius, 2 * radius * squeeze, 2 * radius
        )
        target.drawCircle(
            float(middle[0]),
            float(middle[1]),
            radius * 1.02,
            fill(np.array((0.12, 0.08, 0.07)), 0.35, scale * 1.1),
        )
        target.drawImageRect(self._iris, place, skia.SamplingOptions(skia.FilterMode.kLinear))
        # The lid's shadow falls on the ball.
        shadow = path(np.concatenate([upper, upper[::-1] - (0, 14 * scale)]))
        target.drawPath(shadow, fill(np.array((0.16, 0.08, 0.08)), 0.55, 3.0 * scale))
        x, y = (middle + np.array([-0.34, -0.40]) * radius).tolist()
        target.drawCircle(x, y, 0.215 * radius, fill(np.ones(3), 0.95, 0.25 * scale))
        x, y = (middle + np.array([0.36, 0.42]) * radius).tolist()
        target.drawCircle(x, y, 0.13 * radius, fill(np.ones(3), 0.34, 0.6 * scale))
        # The tear corner.
        x, y = view((centre + at(-side * (half - 1.5), 2.4))[None], 62)[0].tolist()
        target.drawCircle(x, y, 2.6 * scale, fill(mix(self._blush, np.ones(3), 0.25), 0.75, 1.0 * scale))

    def _rims(
        self,
        target: skia.Canvas,
        lids: _Lids,
        upper: Points,
        lower: Points,
        crease: Points,
        scale: float,
        side: int,
    ) -> None:
        deep = mix(self._shade, self._lash, 0.35)
        closed = 1 - min(lids.opening, 1.0)
        # Lid between crease and lashes: a little lighter in its middle, so that it reads as round.
        lid = path(np.concatenate([crease[4:-4], upper[::-1][3:-3]]))
        target.drawPath(lid, fill(mix(self._light, np.ones(3), 0.12), 0.16 + 0.12 * closed, 2.4 * scale))
        target.drawPath(
            path(crease[2:-1], closed=False), stroke(deep, 1.5 * scale, 0.62 - 0.36 * closed, 0.75 * scale)
        )
        target.drawPath(
            path(crease[3:-2] - (0, 2.0 * scale), closed=False), stroke(deep, 5 * scale, 0.20, 3 * scale)
        )
        if lids.opening > 0.06:
            target.drawPath(
                path(lower[2:-1] + at(0, 0.5 * scale), closed=False),
                stroke(mix(self._blush, np.ones(3), 0.55), 1.5 * scale, 0.5, 0.5 * scale),
            )
        target.drawPath(
            path(lower[6:] + at(0, 1.6 * scale), closed=False),
            stroke(mix(deep, self._lash, 0.4), (0.9 + 0.5 * self._eyes.lashes) * scale, 0.55, 0.6 * scale),
        )
        self._lashes(target, upper, scale, side, closed)

    def _lashes(self, target: skia.Canvas, upper: Points, scale: float, side: int, closed: float) -> None:
        amount = self._eyes.lashes
        n = len(upper)
        t = np.linspace(0, 1, n)
        # A line that swells towards the outer corner, and ends in a small wing.
        thick = (0.7 + (1.3 + 1.3 * amount) * np.sin(np.pi * np.clip(t, 0, 1) ** 0.8) ** 0.8) * scale
        wing = upper[-1:] + np.array([[side * (1.2 + 3.0 * amount), -0.6 - 1.4 * amount]]) * scale
        over = np.concatenate([upper, wing, (upper - np.stack([0 * t, thick], -1))[::-1]])
        target.drawPath(path(over), fill(self._lash, 0.94, 0.3 * scale))
        if amount < 0.4:
            return
        hairs = skia.Path()
        turn = 1 - 1.8 * closed
        at, long = t[9:, None], (1.2 + 4.4 * t[9:, None] ** 2.2) * amount * scale
        root = upper[9:] - np.stack([0 * t[9:], 0.5 * thick[9:]], axis=-1)
        bend = root + np.array([side * 0.75, -0.05 * turn]) * long * 0.6
        tip = root + np.concatenate([side * (0.25 + 0.85 * at**2), 0 * at - 0.62 * turn], axis=-1) * long
        for (x, y), over, end in zip(root.tolist(), bend.tolist(), tip.tolist(), strict=True):
            hairs.moveTo(x, y)
            hairs.quadTo(*over, *end)
        target.drawPath(hairs, stroke(self._lash, 0.8 * scale, 0.75))


def _paint_iris(colour: Rgb, size: int) -> NDArray[np.uint8]:
    """An iris with fibres, a dark rim and a pupil, as premultiplied pixels."""
    big = 4 * size
    pixels, target, _keep = canvas(big, big)
    r = big / 2
    rng = np.random.default_rng(7)
    target.drawCircle(r, r, 0.985 * r, fill(colour * 0.42))
    target.drawCircle(r, r, 0.90 * r, fill(colour * 0.80, 1, 0.05 * r))
    for angle in np.linspace(0, 2 * np.pi, 150, endpoint=False) + rng.normal(0, 0.015, 150):
        way = np.array([np.cos(angle), np.sin(angle)])
        near, far = rng.uniform(0.36, 0.5), rng.uniform(0.72, 0.92)
        line = path(np.stack([r + way * near * r, r + way * far * r]), closed=False)
        tint = mix(colour, np.array((1.0, 0.93, 0.75)), float(rng.uniform(0.0, 0.5)))
        target.drawPath(line, stroke(tint, 0.025 * r, 0.4))
    # Light enters at the upper left and gathers at the lower right.
    target.drawCircle(
        1.22 * r, 1.30 * r, 0.42 * r, fill(mix(colour, np.array((1.0, 0.9, 0.7)), 0.55), 0.45, 0.16 * r)
    )
    target.drawCircle(r, r, 0.44 * r, fill(np.array((0.03, 0.02, 0.02)), 0.98, 0.035 * r))
    target.drawCircle(r, r, 0.955 * r, stroke(colour * 0.22, 0.09 * r, 0.75, 0.04 * r))
    return np.asarray(cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
