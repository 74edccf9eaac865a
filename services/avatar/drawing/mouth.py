"""The mouth: lips, teeth and tongue, drawn anew for each picture."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import skia
from numpy.typing import NDArray

from services.avatar.drawing.geometry import (
    JAW_ASIDE,
    JAW_DROP,
    HeadShape,
    Points,
    View,
    at,
    mouth_aside,
)
from services.avatar.drawing.paint import fill, linear, mix, path, rgb, stroke
from services.avatar.profiles.schema import Skin
from services.avatar.rig import Pose

_Put = Callable[[Points], Points]
"""Carries points of head space to the picture."""

_T = np.linspace(-1, 1, 37)
"""Places along the mouth, corner to corner."""


_UPPER_GAPS = np.array([-0.77, -0.56, -0.30, 0.0, 0.30, 0.56, 0.77])
_LOWER_GAPS = np.array([-0.64, -0.44, -0.22, 0.0, 0.22, 0.44, 0.64])
"""Places between teeth, from the middle to the side of the mouth."""


@dataclass
class MouthLines:
    """The four edges of the lips in head space, each of shape (37, 2), corner to corner."""

    outer_upper: Points
    inner_upper: Points
    inner_lower: Points
    outer_lower: Points

    @property
    def gap(self) -> float:
        """Widest distance between the lips, in units of head space."""
        return float(np.max(self.inner_lower[:, 1] - self.inner_upper[:, 1]))


def mouth_lines(shape: HeadShape, pose: Pose) -> MouthLines:
    """Where the lips are for a pose."""
    pucker, funnel, jaw = pose["mouthPucker"], pose["mouthFunnel"], pose["jawOpen"]
    smile, sneer = pose.both("mouthSmile"), pose.both("noseSneer")
    rounded = max(pucker, 0.8 * funnel)
    wide = 0.23 * smile + 0.17 * pose.both("mouthStretch") + 0.06 * pose.both("mouthDimple")
    half = shape.mouth_width * (1 + wide - 0.38 * pucker - 0.22 * funnel - 0.14 * jaw * (1 - smile))
    drop = (JAW_DROP * jaw) * (1 - pose["mouthClose"])
    raised = 6.4 * pose.both("mouthUpperUp")
    lowered = 6.4 * pose.both("mouthLowerDown")
    down = 0.86 * drop + lowered + 1.5 * funnel * min(1.0, drop / 4)
    up = 0.07 * drop + raised + 2.0 * funnel * min(1.0, drop / 4)
    if drop + lowered + raised < 0.4:
        down = up = 0.0
    left = (_T + 1) / 2
    lift = 7.6 + 13.0 * _blend(pose, "mouthSmile", left) - 13.0 * _blend(pose, "mouthFrown", left)
    away = np.abs(_T)
    line = -lift * (away**1.7 - 0.22) + 0.28 * drop * away**2 * (1 - 0.8 * smile)
    wave = 0.9 * np.exp(-((_T / 0.16) ** 2)) - 0.6 * np.exp(-(((away - 0.42) / 0.22) ** 2))
    line += wave * (1 - smile) * (1 - 0.6 * pose.both("mouthFrown"))
    line += 2.0 * pose["mouthClose"] * jaw * 3
    line -= (2.6 * pose["mouthShrugLower"] + 2.2 * pose["mouthShrugUpper"] + 2.0 * sneer) * (1 - away**2)
    # Speech opens like a lens, a smile like a crescent, round lips like an O.
    bow = np.clip(1 - away ** (2.5 - 0.5 * rounded), 0, 1) ** (0.72 - 0.22 * rounded + 0.65 * smile)
    full = shape.head.lips
    press = pose.both("mouthPress")
    thin = 1 - 0.24 * smile - 0.10 * pose.both("mouthStretch") + 0.20 * rounded
    upper = 9.2 * full * thin * (1 - 0.55 * pose["mouthRollUpper"] - 0.30 * press)
    lower = 11.4 * full * thin * (1 - 0.60 * pose["mouthRollLower"] - 0.28 * press)
    lower *= 1 + 0.18 * pose["mouthShrugLower"]
    cupid = 1 + 0.13 * np.exp(-(((away - 0.27) / 0.13) ** 2)) - 0.15 * np.exp(-((_T / 0.10) ** 2))
    # Smiling lips meet before the corner, and are not thin there.
    swell_up = np.clip(1 - away**1.7, 0, 1) ** 1.05 * cupid + 0.16 * smile * away**4
    swell_low = np.clip(1 - away**3.0, 0, 1) ** 0.66 + 0.10 * smile * away**4
    aside = mouth_aside(pose)
    x = half * _T + aside
    # The jaw carries the lower lip further to its side than the upper one.
    low_x = half * _T + aside + 0.3 * JAW_ASIDE * (pose["jawLeft"] - pose["jawRight"]) * bow
    base = shape.mouth_y
    inner_up = base + line - up * bow
    inner_low = base + line + down * bow
    return MouthLines(
        np.stack([x, inner_up - upper * swell_up], axis=-1),
        np.stack([x, inner_up], axis=-1),
        np.stack([low_x, inner_low], axis=-1),
        np.stack([0.97 * low_x, inner_low + (lower + 1.5 * pose["jawForward"]) * swell_low], axis=-1),
    )


def _blend(pose: Pose, name: str, left: NDArray[np.float64]) -> NDArray[np.float64]:
    return pose[name + "Right"] * (1 - left) + pose[name + "Left"] * left


class MouthPainter:
    """Draws the mouth of one avatar."""

    def __init__(self, shape: HeadShape, skin: Skin) -> None:
        """Mixes the colours."""
        self._shape = shape
        self._lips = mix(rgb(skin.lips), rgb(skin.light), 0.10)
        self._shade = rgb(skin.shade)
        self._light = rgb(skin.light)
        self._deep = mix(self._lips * 0.36, np.array((0.16, 0.04, 0.04)), 0.5)

    def draw(self, target: skia.Canvas, pose: Pose, view: View) -> None:
        """Draws the mouth on a picture."""
        lines = mouth_lines(self._shape, pose)
        scale = view.scale

        def put(p: Points) -> Points:
            return view(p, self._shape.depth(p) + 4)

        edges = (lines.outer_upper, lines.inner_upper, lines.inner_lower, lines.outer_lower)
        outer_up, inner_up, inner_low, outer_low = put(np.stack(edges))
        self._under(target, outer_low, scale)
        if lines.gap > 0.7:
            hole = np.concatenate([inner_up - (0, 0.6 * scale), (inner_low + at(0, 0.6 * scale))[::-1]])
            self._inside(target, pose, lines, put, hole, scale)
        self._lip(target, outer_up, inner_up, scale, upper=True)
        self._lip(target, outer_low, inner_low, scale, upper=False)
        self._seam(target, inner_up, inner_low, scale, lines.gap)

    def _under(self, target: skia.Canvas, outer_low: Points, scale: float) -> None:
        below = outer_low[8:-8] + at(0, 3.2 * scale)
        target.drawPath(path(below, closed=False), stroke(self._shade, 5 * scale, 0.30, 3.2 * scale))

    def _inside(
        self, target: skia.Canvas, pose: Pose, lines: MouthLines, put: _Put, hole: Points, scale: float
    ) -> None:
        s = self._shape
        half = float(lines.inner_upper[-1, 0])
        jaw = JAW_DROP * pose["jawOpen"] * (1 - pose["mouthClose"])
        target.save()
        target.clipPath(path(hole), True)
        top, bottom = float(hole[:, 1].min()), float(hole[:, 1].max())
        dark, red = np.array((0.15, 0.035, 0.04)), np.array((0.34, 0.09, 0.09))
        target.drawPath(path(hole), linear((0, top), (0, bottom + 1), [(dark, 0), (dark, 0.4), (red, 1)]))
        tip = pose["tongueOut"]
        across = np.linspace(-1, 1, 15)
        rise = 11 + 0.30 * jaw + tip * 0.62 * jaw
        back = s.mouth_y + 0.86 * jaw + 9 - rise * np.sqrt(np.clip(1 - across**2, 0, 1))
        tongue = np.stack([0.66 * half * across, back], axis=-1)
        tongue = put(
            np.concatenate(
                [tongue, [(0.66 * half, s.mouth_y + jaw + 20), (-0.66 * half, s.mouth_y + jaw + 20)]]
            )
        )
        target.drawPath(path(tongue), fill(np.array((0.69, 0.30, 0.29)), 0.92, 1.0 * scale))
        crown = tongue[4:11] + at(0, 3.4 * scale)
        target.drawPath(
            path(crown, closed=False), stroke(np.array((0.85, 0.48, 0.45)), 3 * scale, 0.45, 2 * scale)
        )
        groove = put(np.array([(0.0, back[7] + 1.5), (0.0, back[7] + 12)]))
        target.drawPath(
            path(groove, closed=False), stroke(np.array((0.42, 0.13, 0.13)), 1.6 * scale, 0.4, 1.2 * scale)
        )
        # Rounded lips stand out and cover the teeth.
        edge_y = s.mouth_y + 3.4 - 5.0 * pose["mouthPucker"]
        smile = pose.both("mouthSmile")
        arch = 2.6 + 7.0 * smile
        self._teeth(target, put, lines, s.mouth_y - 14, edge_y + 2.6 * smile, arch, scale, upper=True)
        # A smile shows the upper teeth only.
        low = s.mouth_y + 0.80 * jaw + 9.0 * smile
        self._teeth(target, put, lines, low + 3.2, low + 16, 2.6, scale, upper=False)
        # The lips throw shade on what is behind them.
        edge = hole[: len(hole) // 2]
        target.drawPath(path(edge, closed=False), stroke(dark, 5.0 * scale, 0.55, 2.4 * scale))
        target.restore()

    def _teeth(
        self,
        target: skia.Canvas,
        put: _Put,
        lines: MouthLines,
        top: float,
        bottom: float,
        arch: float,
        scale: float,
        *,
        upper: bool,
    ) -> None:
        across = np.linspace(-1, 1, 21)
        left, right = lines.inner_upper[[0, -1], 0].tolist()
        middle, half = (left + right) / 2, (right - left) / 2 * (1.0 if upper else 0.86)
        reach = min(0.94 * half, 41.0)
        bend = arch * across**2
        near, far = (bottom, top) if upper else (top, bottom)
        edge = np.stack([middle + reach * across, near - (bend if upper else -bend)], axis=-1)
        root = np.stack([middle + reach * across, np.full(21, far)], axis=-1)
        band = put(np.concatenate([edge, root[::-1]]))
        left, right = float(band[:, 0].min()), float(band[:, 0].max())
        white, side = np.array((0.965, 0.940, 0.905)), np.array((0.58, 0.47, 0.43))
        if not upper:
            white = white * 0.84
        paint = linear((left, 0), (right, 0), [(side, 0), (white, 0.24), (white, 0.76), (side, 1)])
        target.drawPath(path(band), paint)
        x = middle + reach * (_UPPER_GAPS if upper else _LOWER_GAPS)
        ends = np.stack([np.stack([x, np.full(7, near)], -1), np.stack([x, np.full(7, far)], -1)], axis=1)
        gaps = skia.Path()
        for (ax, ay), (bx, by) in put(ends).tolist():
            gaps.moveTo(ax, ay)
            gaps.lineTo(bx, by)
        target.drawPath(gaps, stroke(np.array((0.55, 0.44, 0.40)), 0.9 * scale, 0.20))

    def _lip(self, target: skia.Canvas, outer: Points, inner: Points, scale: float, *, upper: bool) -> None:
        shape = path(np.concatenate([outer, inner[::-1]]))
        middle = len(outer) // 2
        start, end = (0, float(outer[:, 1].min())), (0, float(inner[middle, 1]))
        if upper:
            colours = [
                (mix(self._lips, self._light, 0.16), 0.0),
                (self._lips * 0.90, 0.45),
                (self._lips * 0.70, 1.0),
            ]
        else:
            start, end = (0, float(inner[middle, 1])), (0, float(outer[:, 1].max()))
            glow = mix(self._lips, np.array((1.0, 0.86, 0.80)), 0.20)
            colours = [(self._lips * 0.80, 0.0), (glow, 0.42), (mix(self._lips, self._shade, 0.25), 1.0)]
        paint = linear(start, end, colours)
        paint.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, 0.7 * scale))
        target.drawPath(shape, paint)
        if upper:
            ridge = outer[9:-9] - (0, 0.6 * scale)
            target.drawPath(
                path(ridge, closed=False),
                stroke(mix(self._light, np.ones(3), 0.35), 1.2 * scale, 0.30, 0.9 * scale),
            )
            return
        thick = float(outer[middle, 1] - inner[middle, 1])
        shine = inner[10:20] * 0.58 + outer[10:20] * 0.42
        target.drawPath(
            path(shine, closed=False),
            stroke(np.array((1.0, 0.93, 0.90)), 0.22 * thick, 0.30, 0.16 * thick + 0.1),
        )

    def _seam(
        self, target: skia.Canvas, inner_up: Points, inner_low: Points, scale: float, gap: float
    ) -> None:
        if gap <= 3.0:
            middle = (inner_up + inner_low) / 2
            strength = 1 - 0.6 * gap / 3.0
            thick = (0.5 + 0.75 * (1 - np.abs(_T) ** 3)) * scale
            lens = np.concatenate(
                [middle - np.stack([0 * _T, thick], -1), (middle + np.stack([0 * _T, 0.6 * thick], -1))[::-1]]
            )
            target.drawPath(path(lens), fill(self._deep, 0.82 * strength, 0.5 * scale))
        for corner, inward in ((inner_up[0], 1), (inner_up[-1], -1)):
            x, y = corner.tolist()
            target.drawCircle(x + inward * 0.4 * scale, y, 2.0 * scale, fill(self._deep, 0.36, 1.3 * scale))
