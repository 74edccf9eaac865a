"""Hair as strands that run between guide curves, and curls; beards."""

from collections.abc import Sequence

import numpy as np
import skia
from numpy.typing import NDArray

from services.avatar.drawing.geometry import HeadShape, Points, curve, smooth
from services.avatar.drawing.layers import Layer
from services.avatar.drawing.paint import fill, linear, mix, path, rgb, stroke
from services.avatar.profiles.schema import Hair

Guide = Sequence[tuple[float, float]]


class HairPainter:
    """Paints one avatar's hair behind and in front of the head."""

    def __init__(self, hair: Hair, shape: HeadShape, seed: int) -> None:
        """Takes colours and cut."""
        self._hair = hair
        self._wide = shape.head.width
        self._shape = shape
        self._root, self._tip, self._shine = rgb(hair.root), rgb(hair.tip), rgb(hair.shine)
        self._rng = np.random.default_rng(seed)

    def back(self, target: skia.Canvas) -> None:
        """Paints what lies behind head and shoulders."""
        _STYLES[self._hair.style][0](self, target)

    def front(self, target: skia.Canvas) -> None:
        """Paints what lies on the head."""
        _STYLES[self._hair.style][1](self, target)

    def locks(
        self,
        target: skia.Canvas,
        guides: Sequence[Guide],
        count: int,
        *,
        light: float = 1.0,
        width: float = 1.5,
        loose: float = 2.0,
        solid: bool = True,
        fringe: float = 0.0,
    ) -> None:
        """Paints strands that run along guides, evenly between the first and the last.

        Args:
            target: Where.
            guides: Curves with equally many points each.
            count: Number of strands.
            light: Brightness; the far side of the head is darker.
            width: Of a strand.
            loose: How far strands stray.
            solid: Whether the area between the guides is filled first.
            fringe: Share of the length by which strands end early or late.
        """
        lines = np.array(
            [curve(np.array(g, float) * (self._wide, 1), closed=False, per_part=6) for g in guides]
        )
        top, bottom = float(lines[..., 1].min()), float(lines[..., 1].max())
        left, right = float(lines[..., 0].min()), float(lines[..., 0].max())
        root, tip, shine = self._root * light, self._tip * light, self._shine * light
        if solid:
            area = path(np.concatenate([lines[0], lines[1:-1, -1], lines[-1][::-1], lines[-2:0:-1, 0]]))
            target.drawPath(
                area, linear((left, top), (right, bottom), [(mix(root, tip, 0.45), 0), (root, 1)])
            )
            target.drawPath(area, stroke(mix(root, tip, 0.2), 3, 1.0, 0.8))
        band = [
            (mix(root, tip, 0.35), 0.0),
            (tip, 0.10),
            (shine, 0.24),
            (tip, 0.40),
            (mix(root, tip, 0.55), 0.75),
        ]
        glow = linear((left, top), (mix_x(left, right), bottom), [*band, (mix(tip, shine, 0.3), 1.0)])
        glow.setStyle(skia.Paint.kStroke_Style)
        glow.setStrokeCap(skia.Paint.kRound_Cap)
        where = np.linspace(0, len(guides) - 1, 24 * (len(guides) - 1) + 1)
        across = np.stack(
            [curve(lines[:, i], closed=False, per_part=24) for i in range(lines.shape[1])], axis=1
        )
        order = self._rng.permutation(count)
        for i in order.tolist():
            place = (i + self._rng.uniform(0, 1)) / count * (len(where) - 1)
            low = min(int(place), len(where) - 2)
            line = across[low] + (across[low + 1] - across[low]) * (place - low)
            stray = self._rng.normal(0, loose, 2)
            ramp = np.linspace(0.15, 1, len(line))[:, None]
            line = line + stray * ramp + self._rng.normal(0, 0.4 * loose) * np.sin(ramp * np.pi * 2)
            if fringe > 0:
                end = max(3, round(len(line) * (1 - self._rng.uniform(0, fringe))))
                line = line[:end]
            strand = path(line, closed=False)
            kind = self._rng.uniform()
            thick = width * float(self._rng.uniform(0.5, 1.3))
            if kind < 0.36:
                target.drawPath(strand, stroke(root * 0.72, thick, 0.50))
            else:
                glow.setStrokeWidth(thick)
                glow.setAlphaf(float(self._rng.uniform(0.22, 0.85)))
                target.drawPath(strand, glow)

    def mass(self, target: skia.Canvas, half: Guide, light: float) -> None:
        """Fills a shape that is the same left and right; `half` runs from the top down the right."""
        right = np.array(half, float) * (self._wide, 1)
        outline = curve(np.concatenate([right, (right * (-1, 1))[::-1]]), closed=True)
        tone = mix(self._root, self._tip, 0.30) * light
        target.drawPath(
            path(outline),
            linear((0, -170), (0, 240), [(tone, 0), (self._root * light * 0.7, 0.5), (tone, 1)]),
        )

    def curls(self, target: skia.Canvas, centres: Points, size: float, light: NDArray[np.float64]) -> None:
        """Paints small coils at some places, each with its own light."""
        for (x, y), tone in zip(centres.tolist(), light.tolist(), strict=True):
            r = size * float(self._rng.uniform(0.7, 1.25))
            target.drawCircle(x, y, r, fill(mix(self._root * 0.8, self._tip, 0.25 * tone), 0.9, 1.2))
            turn = float(self._rng.uniform(0, 2 * np.pi))
            for ring in (0.92, 0.66, 0.38):
                angle = turn + np.linspace(0, float(self._rng.uniform(3.2, 5.0)), 12)
                radius = r * ring * np.linspace(1.0, 0.72, 12)
                coil = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=-1)
                tint = mix(self._tip, self._shine, float(np.clip(tone * self._rng.uniform(0.2, 1.0), 0, 1)))
                target.drawPath(path(coil, closed=False), stroke(tint, 0.13 * r, 0.30 + 0.45 * tone))


def mix_x(left: float, right: float) -> float:
    """Where a gradient ends, so that its bands lean like light from the upper left."""
    return left + 0.45 * (right - left)


def paint_beard(layer: Layer, hair: Hair, shape: HeadShape, seed: int) -> None:
    """Paints a short beard and moustache on the face, lips left free."""
    rng = np.random.default_rng(seed)
    root, tip, shine = rgb(hair.root), rgb(hair.tip), rgb(hair.shine)
    s = shape
    p = rng.uniform((-98, 4), (98, s.chin_y + 3), (15000, 2))
    x, y = p[:, 0], p[:, 1]
    away = np.abs(x)
    jaw = smooth(y, s.mouth_y - 20 + 0.0 * away, s.mouth_y + 16) * smooth(away, 14, 30)
    cheek = smooth(y - 0.9 * (away - 60), 62, 86) * smooth(away, 40, 62)
    side = smooth(away, 76, 88) * smooth(y, 10, 50)
    chin = smooth(y, s.mouth_y + 20, s.mouth_y + 27)
    lip = (
        smooth(y - 0.13 * away, s.nose_y + 13, s.nose_y + 19)
        * (1 - smooth(y, s.mouth_y - 5, s.mouth_y))
        * (1 - smooth(away, 40, 50))
    )
    free = ((x / (0.98 * s.mouth_width)) ** 2 + ((y - s.mouth_y - 3) / 13) ** 2) < 1
    chance = np.clip(np.maximum.reduce([jaw * cheek, side, chin * (1 - smooth(away, 70, 90)), lip]), 0, 1)
    chance = np.maximum(chance, jaw * smooth(y, s.mouth_y - 6, s.mouth_y + 10))
    keep = (rng.uniform(0, 1, len(p)) < chance * (0.25 + 0.75 * hair.beard)) & ~free
    inside = path(curve(s.outline, closed=True))
    layer.canvas.save()
    layer.canvas.clipPath(path(curve(s.outline * 1.012, closed=True)), True)
    for px, py in p[keep].tolist():
        if not inside.contains(px, py):
            continue
        flow = (
            np.array([0.45 * px / 80, 1.0])
            if py > s.mouth_y - 4
            else np.array([1.1 * np.sign(px) * min(1, abs(px) / 14), 0.75])
        )
        way = (flow + rng.normal(0, 0.22, 2)) * rng.uniform(3.5, 6.5)
        shade = float(np.clip(0.55 - 0.004 * px - 0.002 * (py - 90) + rng.normal(0, 0.22), 0, 1))
        colour = mix(root * 0.85, tip, min(1, 2 * shade)) if shade < 0.5 else mix(tip, shine, 2 * shade - 1)
        line = np.array([[px, py], [px + way[0], py + way[1]]])
        layer.canvas.drawPath(path(line, closed=False), stroke(colour, 1.0, 0.62))
    layer.canvas.restore()


def _long_back(h: HairPainter, target: skia.Canvas) -> None:
    half = [
        (0, -160),
        (70, -150),
        (112, -84),
        (120, 0),
        (126, 90),
        (132, 170),
        (122, 232),
        (70, 226),
        (24, 212),
    ]
    h.mass(target, half, 0.62)
    for side in (-1, 1):
        guides = [
            [(side * x, y) for x, y in g]
            for g in (
                [(108, -90), (118, 0), (124, 90), (134, 170), (124, 240)],
                [(60, -20), (66, 50), (70, 110), (78, 170), (84, 234)],
            )
        ]
        h.locks(target, guides, 150, light=0.62, solid=False, loose=4, width=2)


def _long_front(h: HairPainter, target: skia.Canvas) -> None:
    right = [
        [(16, -164), (66, -156), (106, -100), (116, -10), (122, 90), (130, 170), (112, 238)],
        [(16, -152), (56, -136), (96, -82), (106, 0), (110, 88), (114, 160), (100, 236)],
        [(16, -136), (44, -122), (80, -78), (98, -6), (96, 80), (94, 150), (84, 222)],
    ]
    left = [
        [(18, -164), (-50, -162), (-106, -108), (-117, -10), (-122, 90), (-130, 170), (-112, 238)],
        [(18, -152), (-40, -142), (-94, -88), (-107, 0), (-111, 88), (-115, 160), (-100, 236)],
        [(18, -136), (-26, -124), (-74, -84), (-98, -8), (-97, 80), (-94, 150), (-84, 222)],
    ]
    h.locks(target, right, 260, light=0.80, loose=2.2, fringe=0.08)
    h.locks(target, left, 300, light=1.0, loose=2.2, fringe=0.08)


def _short_back(h: HairPainter, target: skia.Canvas) -> None:
    h.mass(target, [(0, -150), (70, -140), (102, -84), (104, -20), (98, 40), (70, 76), (20, 80)], 0.55)


def _short_front(h: HairPainter, target: skia.Canvas) -> None:
    for side, light in ((-1, 0.85), (1, 0.66)):
        guides = [
            [(side * x, y) for x, y in g]
            for g in (
                [(64, -150), (98, -128), (110, -80), (108, -32), (101, 10)],
                [(68, -120), (88, -104), (96, -72), (97, -32), (94, 14)],
                [(72, -100), (84, -86), (91, -60), (92, -30), (91, 12)],
            )
        ]
        h.locks(target, guides, 240, light=light, loose=1.4, width=1.2, fringe=0.2)
    top = [
        [(-76, -98), (-92, -130), (-64, -160), (0, -172), (60, -158)],
        [(-66, -102), (-74, -138), (-40, -168), (16, -178), (78, -150)],
        [(-50, -108), (-52, -140), (-14, -170), (40, -176), (92, -134)],
        [(-26, -114), (-20, -140), (20, -162), (66, -158), (102, -112)],
        [(4, -116), (16, -134), (46, -146), (80, -134), (104, -94)],
        [(36, -112), (48, -122), (68, -124), (88, -108), (102, -80)],
        [(60, -104), (68, -108), (80, -104), (90, -90), (98, -70)],
    ]
    h.locks(target, top, 520, light=1.0, loose=2.2, width=1.6, fringe=0.12)


def _ball(rng: np.random.Generator, count: int, wide: float, high: float, middle: float) -> Points:
    angle, radius = rng.uniform(0, 2 * np.pi, count), np.sqrt(rng.uniform(0, 1, count))
    return np.stack([wide * radius * np.cos(angle), middle + high * radius * np.sin(angle)], axis=-1)


def _curly_light(p: Points) -> NDArray[np.float64]:
    lit = np.exp(-(((p[:, 0] + 55) / 80) ** 2) - ((p[:, 1] + 130) / 70) ** 2)
    return np.clip(0.12 + 0.95 * lit, 0, 1)


def _curly_back(h: HairPainter, target: skia.Canvas) -> None:
    rng = np.random.default_rng(3)
    angle = np.linspace(0, 2 * np.pi, 70)
    edge = np.stack([148 * np.cos(angle), -48 + 132 * np.sin(angle)], axis=-1) + rng.normal(0, 4, (70, 2))
    inside = _ball(rng, 420, 146, 130, -48)
    h.curls(target, np.concatenate([edge, inside]), 11, 0.55 * _curly_light(np.concatenate([edge, inside])))


def _curly_front(h: HairPainter, target: skia.Canvas) -> None:
    rng = np.random.default_rng(4)
    p = _ball(rng, 1500, 138, 124, -64)
    hairline = ((p[:, 0] / 92) ** 2 + ((p[:, 1] + 8) / 104) ** 2) > 1
    p = p[hairline & (p[:, 1] < 0.5 * np.abs(p[:, 0]) - 60)]
    p = p[np.argsort(-p[:, 1])]
    h.curls(target, p, 9.5, _curly_light(p))


def _swept_front(h: HairPainter, target: skia.Canvas) -> None:
    for side, light in ((-1, 0.95), (1, 0.74)):
        guides = [
            [(side * x, y) for x, y in g]
            for g in (
                [(66, -142), (96, -122), (109, -80), (107, -34), (102, 8)],
                [(74, -112), (88, -96), (95, -66), (95, -30), (94, 14)],
                [(76, -96), (83, -82), (90, -58), (92, -30), (92, 12)],
            )
        ]
        h.locks(target, guides, 230, light=light, loose=1.4, width=1.2, fringe=0.15)
    top = [
        [(-78, -94), (-92, -122), (-88, -146)],
        [(-64, -112), (-74, -142), (-66, -160)],
        [(-36, -112), (-42, -154), (-34, -170)],
        [(-4, -112), (-6, -158), (0, -175)],
        [(30, -112), (36, -155), (36, -172)],
        [(62, -112), (72, -142), (66, -160)],
        [(78, -94), (92, -122), (88, -146)],
    ]
    h.locks(target, top, 460, light=1.0, loose=2.0, width=1.4)


_STYLES = {
    "long": (_long_back, _long_front),
    "short": (_short_back, _short_front),
    "curly": (_curly_back, _curly_front),
    "swept": (_short_back, _swept_front),
}
