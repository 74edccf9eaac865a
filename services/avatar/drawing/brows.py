"""Brows and glasses: drawn anew for each picture."""

import numpy as np
import skia

from services.avatar.drawing.geometry import HeadShape, Points, View, at, curve
from services.avatar.drawing.paint import fill, mix, path, rgb, stroke
from services.avatar.profiles.schema import Eyes, Skin
from services.avatar.rig import Pose


class BrowPainter:
    """Draws the brows, and what an avatar wears on its nose."""

    def __init__(self, shape: HeadShape, eyes: Eyes, skin: Skin) -> None:
        """Fixes the hairs, so that they don't crawl."""
        self._shape = shape
        self._colour = rgb(eyes.brow)
        self._soft = mix(self._colour, rgb(skin.shade), 0.35)
        self._weight = eyes.brow_weight
        self._frame = rgb(eyes.glasses) if eyes.glasses else None
        rng = np.random.default_rng(11)
        count = 120
        self._along = np.sort(rng.uniform(0.0, 0.97, count))
        self._across = rng.uniform(-0.9, 0.9, count)
        self._length = rng.uniform(0.7, 1.25, count)
        self._lean = rng.normal(0, 0.12, count)

    def draw(self, target: skia.Canvas, pose: Pose, view: View) -> None:
        """Draws both brows on a picture."""
        for side, name in ((1, "Left"), (-1, "Right")):
            self._brow(target, pose, view, side, name)

    def _centre(self, pose: Pose, side: int, name: str) -> Points:
        s = self._shape
        down, outer, inner = pose["browDown" + name], pose["browOuterUp" + name], pose["browInnerUp"]
        x = s.eye_x + np.array([-29.0, -15.0, 2.0, 18.0, 31.0]) * (0.5 + 0.5 * s.head.width)
        y = np.array([-27.0, -31.0, -33.5, -32.0, -24.5])
        y += inner * np.array([-17.0, -11.0, -2.0, 4.0, 6.5])
        y += outer * np.array([-8.0, -12.0, -15.0, -14.0, -9.0])
        y += down * np.array([12.0, 9.5, 5.5, 1.0, -1.0])
        x -= down * np.array([6.0, 4.0, 2.0, 0.5, 0.0]) - inner * np.array([-2.0, -1.0, 0, 0, 0])
        return np.stack([side * x, y], axis=-1)

    def _brow(self, target: skia.Canvas, pose: Pose, view: View, side: int, name: str) -> None:
        scale = view.scale
        line = curve(self._centre(pose, side, name), closed=False, per_part=8)
        t = np.linspace(0, 1, len(line))
        thick = (
            self._weight * 3.9 * (0.78 + 0.4 * np.sin(np.pi * np.clip(t * 1.15, 0, 1))) * (1 - t**3 * 0.85)
        )
        tangent = np.gradient(line, axis=0)
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
        normal = np.stack([tangent[:, 1], -tangent[:, 0]], axis=-1) * side
        upper, lower = line + normal * thick[:, None], line - normal * thick[:, None] * 0.9
        depth = self._shape.depth(line) + 3
        body = np.concatenate([view(upper, depth), view(lower, depth)[::-1]])
        target.drawPath(path(body), fill(self._soft, 0.60, 1.7 * scale))
        at = self._along * (len(line) - 1)
        low = at.astype(int)
        part = (at - low)[:, None]
        ridge = np.column_stack([line, normal, tangent, thick])
        ridge = ridge[low] * (1 - part) + ridge[low + 1] * part
        middle, up, onward, wide = ridge[:, :2], ridge[:, 2:4], ridge[:, 4:6], ridge[:, 6:]
        root = middle + up * wide * self._across[:, None]
        # Hairs stand up at the inner end and lie down towards the outer one.
        rise = np.clip(0.75 - 1.5 * self._along, -0.3, 1.0)[:, None] + self._lean[:, None]
        rise = rise - 0.35 * self._across[:, None]
        way = onward * (1 - 0.4 * np.abs(rise)) + up * rise * 0.8
        tip = root + way * (6.4 * self._length * (0.7 + 0.3 * self._weight))[:, None]
        far = self._shape.depth(root) + 3
        hairs = skia.Path()
        for (ax, ay), (bx, by) in zip(view(root, far).tolist(), view(tip, far).tolist(), strict=True):
            hairs.moveTo(ax, ay)
            hairs.lineTo(bx, by)
        target.drawPath(hairs, stroke(self._colour, 0.85 * scale, 0.55))

    def draw_glasses(self, target: skia.Canvas, view: View) -> None:
        """Draws glasses on a picture, if the avatar wears any."""
        if self._frame is None:
            return
        s, scale = self._shape, view.scale
        dark = np.array((0.10, 0.06, 0.05))
        for side in (1, -1):
            corner = np.array(
                [(-30, -21), (0, -24), (29, -22), (34, -6), (28, 20), (2, 26), (-24, 20), (-31, 2)]
            )
            rim = curve(corner * (side, 1) + (side * (s.eye_x + 1.5), 5), closed=True)
            glass = view(rim, 84 - 0.5 * np.clip(np.abs(rim[:, 0]) - 30, 0, 60))
            target.drawPath(
                path(glass + at(1.5 * scale, 3.5 * scale)), stroke(dark, 2.6 * scale, 0.22, 2.2 * scale)
            )
            target.drawPath(path(glass), fill(np.ones(3), 0.045))
            target.drawPath(path(glass), stroke(self._frame, 2.7 * scale, 0.97))
            target.drawPath(
                path(glass[2:22] - (0, 0.5 * scale), closed=False),
                stroke(mix(self._frame, np.ones(3), 0.5), 0.8 * scale, 0.5),
            )
            arm = np.array([(side * (s.eye_x + 35), -3), (side * 0.985 * s.width, -6)])
            target.drawPath(
                path(view(arm, np.array([66.0, 20.0])), closed=False), stroke(self._frame, 3.0 * scale)
            )
        bridge = view(np.array([(-15.5, 0.0), (-8, -5), (0, -6.5), (8, -5), (15.5, 0.0)]), 92)
        target.drawPath(path(curve(bridge, closed=False), closed=False), stroke(self._frame, 2.7 * scale))
