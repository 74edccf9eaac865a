"""Hair as strands that run between guide curves, and curls; beards."""

from collections.abc import Sequence

import numpy as np
import skia
from numpy.typing import NDArray

from services.avatar.drawing.geometry import HeadShape, Points, curve, smooth
from services.avatar.drawing.layers import Layer
from services.avatar.drawing.paint import Rgb, fill, linear, mix, path, rgb, stroke
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
        glow = linear(
            (left, top), (left + 0.45 * (right - left), bottom), [*band, (mix(tip, shine, 0.3), 1.0)]
        )
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
                target.drawPath(strand, stroke(root * 0.72, thick, 0.34))
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

    def tone(self, light: float) -> Rgb:
        """Colour of the hair, from the dark of its roots (0) to its tips (1)."""
        return mix(self._root, self._tip, light)

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


def paint_beard(layer: Layer, hair: Hair, shape: HeadShape, seed: int) -> None:
    """Paints a short beard and moustache on the face, lips left free."""
    rng = np.random.default_rng(seed)
    root, tip, shine = rgb(hair.root), rgb(hair.tip), rgb(hair.shine)
    s = shape
    # The hairs' roots darken the skin between them.
    cover = (0.5 * hair.beard * _bearded(layer.coordinates(), s))[..., None]
    tint = 255 * mix(root * 0.85, tip, 0.35)
    pixels = layer.pixels[..., :3]
    pixels[:] = np.round(pixels + (tint - pixels) * cover * (layer.pixels[..., 3:] / 255.0))
    p = rng.uniform((-98, 4), (98, s.chin_y + 3), (15000, 2))
    chance = _bearded(p, s)
    keep = rng.uniform(0, 1, len(p)) < chance**1.25 * (0.25 + 0.75 * hair.beard)
    inside = path(curve(s.outline, closed=True))
    layer.canvas.save()
    layer.canvas.clipPath(path(curve(s.outline * 1.012, closed=True)), True)
    for (px, py), dense in zip(p[keep].tolist(), chance[keep].tolist(), strict=True):
        if not inside.contains(px, py):
            continue
        moustache = py < s.mouth_y - 4 and abs(px) < 50
        flow = np.array(
            [1.1 * np.sign(px) * min(1, abs(px) / 14), 0.75] if moustache else [0.45 * px / 80, 1.0]
        )
        way = (flow + rng.normal(0, 0.22, 2)) * rng.uniform(3.5, 6.5) * (0.5 + 0.5 * dense)
        shade = float(np.clip(0.55 - 0.004 * px - 0.002 * (py - 90) + rng.normal(0, 0.22), 0, 1))
        colour = mix(root * 0.85, tip, min(1, 2 * shade)) if shade < 0.5 else mix(tip, shine, 2 * shade - 1)
        line = np.array([[px, py], [px + way[0], py + way[1]]])
        layer.canvas.drawPath(path(line, closed=False), stroke(colour, 0.9, 0.30 + 0.30 * dense))
    layer.canvas.restore()


def _bearded(p: Points, s: HeadShape) -> NDArray[np.float64]:
    """How thickly a beard grows at some points of the face, 0 to 1."""
    x, y = p[..., 0], p[..., 1]
    away = np.abs(x)
    jaw = smooth(y, s.mouth_y - 20, s.mouth_y + 16) * smooth(away, 14, 30)
    cheek = smooth(y - 0.9 * (away - 60), 62, 86) * smooth(away, 40, 62)
    side = smooth(away, 76, 88) * smooth(y, 10, 50)
    chin = smooth(y, s.mouth_y + 20, s.mouth_y + 27)
    lip = (
        smooth(y - 0.13 * away, s.nose_y + 13, s.nose_y + 19)
        * (1 - smooth(y, s.mouth_y - 5, s.mouth_y))
        * (1 - smooth(away, 40, 50))
    )
    free = ((x / (0.98 * s.mouth_width)) ** 2 + ((y - s.mouth_y - 3) / 13) ** 2) < 1
    grown = np.maximum.reduce([jaw * cheek, side, chin * (1 - smooth(away, 70, 90)), lip])
    grown = np.maximum(grown, jaw * smooth(y, s.mouth_y - 6, s.mouth_y + 10))
    return np.asarray(np.clip(grown, 0, 1) * ~free)


def _long_back(h: HairPainter, target: skia.Canvas) -> None:
    half = [
        (0, -166),
        (76, -152),
        (118, -84),
        (124, 0),
        (132, 90),
        (140, 170),
        (134, 236),
        (70, 240),
        (24, 226),
    ]
    h.mass(target, half, 0.62)
    for side in (-1, 1):
        guides = [
            [(side * x, y) for x, y in g]
            for g in (
                [(112, -90), (124, 0), (132, 90), (141, 170), (126, 250)],
                [(56, -20), (62, 50), (64, 110), (70, 170), (72, 244)],
            )
        ]
        h.locks(target, guides, 170, light=0.66, solid=False, loose=4, width=2, fringe=0.1)


def _long_front(h: HairPainter, target: skia.Canvas) -> None:
    right = [
        [(20, -184), (76, -168), (117, -104), (125, -10), (132, 86), (137, 162), (118, 252)],
        [(20, -170), (70, -148), (108, -86), (114, 2), (116, 84), (124, 156), (104, 250)],
        [(20, -150), (58, -126), (92, -72), (102, 4), (100, 80), (106, 150), (92, 240)],
        [(20, -134), (40, -112), (72, -64), (92, 6), (95, 70), (94, 142), (82, 232)],
    ]
    left = [
        [(22, -184), (-58, -172), (-115, -108), (-125, -10), (-132, 86), (-138, 162), (-118, 252)],
        [(22, -170), (-50, -154), (-106, -92), (-114, 0), (-117, 84), (-124, 156), (-104, 250)],
        [(22, -150), (-38, -132), (-90, -80), (-103, 2), (-101, 80), (-107, 150), (-92, 240)],
        [(22, -134), (-22, -118), (-66, -74), (-91, 2), (-95, 70), (-94, 142), (-82, 232)],
    ]
    h.locks(target, right, 420, light=0.90, loose=2.4, width=1.3, fringe=0.14)
    h.locks(target, left, 480, light=1.0, loose=2.4, width=1.3, fringe=0.14)


def _short_back(h: HairPainter, target: skia.Canvas) -> None:
    h.mass(target, [(0, -150), (70, -140), (101, -84), (101, -20), (90, 20), (62, 42), (20, 46)], 0.55)


def _short_front(h: HairPainter, target: skia.Canvas) -> None:
    for side, light in ((-1, 0.85), (1, 0.66)):
        guides = [
            [(side * x, y) for x, y in g]
            for g in (
                [(64, -152), (98, -130), (111, -86), (110, -52), (106, -20)],
                [(68, -124), (90, -106), (100, -74), (101, -42), (99, -6)],
                [(72, -100), (84, -86), (92, -60), (93, -30), (92, 18)],
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
    return np.clip(0.22 + 0.9 * lit, 0, 1)


def _curly_back(h: HairPainter, target: skia.Canvas) -> None:
    rng = np.random.default_rng(3)
    angle = np.linspace(0, 2 * np.pi, 150)
    edge = np.stack([148 * np.cos(angle), -48 + 132 * np.sin(angle)], axis=-1) + rng.normal(0, 5, (150, 2))
    inside = _ball(rng, 900, 146, 130, -48)
    h.curls(target, np.concatenate([edge, inside]), 8.5, 0.55 * _curly_light(np.concatenate([edge, inside])))


def _curly_front(h: HairPainter, target: skia.Canvas) -> None:
    rng = np.random.default_rng(4)
    p = _ball(rng, 1900, 138, 124, -64)
    hairline = ((p[:, 0] / 92) ** 2 + ((p[:, 1] + 8) / 104) ** 2) > 1
    p = p[hairline & (p[:, 1] < 0.5 * np.abs(p[:, 0]) - 60)]
    p = p[np.argsort(-p[:, 1])]
    h.curls(target, p, 8.5, _curly_light(p))


def _swept_front(h: HairPainter, target: skia.Canvas) -> None:
    for side, light in ((-1, 0.95), (1, 0.74)):
        guides = [
            [(side * x, y) for x, y in g]
            for g in (
                [(66, -144), (96, -124), (110, -84), (109, -50), (105, -20)],
                [(74, -114), (90, -96), (99, -68), (99, -40), (98, -4)],
                [(76, -96), (83, -82), (91, -58), (93, -30), (93, 18)],
            )
        ]
        h.locks(target, guides, 230, light=light, loose=1.4, width=1.2, fringe=0.15)
    top = [
        [(-78, -94), (-92, -120), (-92, -136)],
        [(-64, -112), (-76, -140), (-70, -155)],
        [(-36, -112), (-42, -154), (-34, -170)],
        [(-4, -112), (-6, -158), (0, -175)],
        [(30, -112), (36, -155), (36, -172)],
        [(62, -112), (76, -140), (70, -155)],
        [(78, -94), (92, -120), (92, -136)],
    ]
    h.locks(target, top, 460, light=1.0, loose=2.0, width=1.4)


def _bob_back(h: HairPainter, target: skia.Canvas) -> None:
    h.mass(target, [(0, -166), (76, -150), (114, -84), (119, 0), (116, 70), (94, 120), (40, 126)], 0.6)


def _bob_front(h: HairPainter, target: skia.Canvas) -> None:
    for side, light in ((1, 0.84), (-1, 1.0)):
        guides = [
            [(side * x, y) for x, y in g]
            for g in (
                [(-4, -184), (70, -170), (115, -104), (122, -10), (121, 62), (98, 124)],
                [(-4, -170), (64, -150), (106, -88), (113, 0), (110, 64), (90, 120)],
                [(-4, -152), (56, -132), (94, -78), (99, 0), (97, 62), (84, 112)],
                [(20, -140), (60, -118), (86, -66), (90, 2), (90, 56), (83, 98)],
            )
        ]
        h.locks(target, guides, 420, light=light, loose=1.6, width=1.3, fringe=0.06)
    fan = [
        [(-58, -156), (-86, -112), (-93, -50)],
        [(-34, -166), (-56, -118), (-60, -46)],
        [(-8, -172), (-14, -120), (-14, -45)],
        [(20, -168), (32, -118), (34, -45)],
        [(44, -160), (66, -114), (72, -48)],
        [(58, -152), (84, -108), (93, -52)],
    ]
    h.locks(target, fan, 460, loose=1.6, width=1.4, fringe=0.10)


def _bun_back(h: HairPainter, target: skia.Canvas) -> None:
    h.mass(target, [(0, -150), (70, -140), (101, -84), (101, -20), (88, 20), (62, 42), (20, 46)], 0.62)
    knot = [
        [(-30, -170), (-36, -196), (-8, -214), (26, -206), (34, -180)],
        [(-22, -168), (-26, -190), (-4, -204), (20, -198), (26, -176)],
        [(-10, -166), (-12, -182), (0, -190), (12, -186), (14, -172)],
    ]
    target.drawCircle(0, -184, 31, fill(h.tone(0.4)))
    h.locks(target, knot, 170, light=0.88, loose=1.2, width=1.4)


def _bun_front(h: HairPainter, target: skia.Canvas) -> None:
    back = [
        [(-92, 14), (-104, -20), (-112, -64), (-96, -122)],
        [(-90, -34), (-102, -72), (-100, -112), (-70, -152)],
        [(-76, -80), (-86, -116), (-74, -146), (-44, -170)],
        [(-44, -108), (-50, -142), (-40, -162), (-20, -180)],
        [(-8, -118), (-8, -148), (-4, -168), (0, -184)],
        [(30, -114), (36, -146), (32, -166), (18, -181)],
        [(68, -90), (78, -124), (68, -150), (42, -171)],
        [(88, -42), (100, -80), (98, -116), (68, -153)],
        [(92, 14), (104, -20), (112, -64), (96, -122)],
    ]
    h.locks(target, back, 760, light=0.96, loose=1.5, width=1.3)


def _crop_front(h: HairPainter, target: skia.Canvas) -> None:
    rng = np.random.default_rng(9)
    p = _ball(rng, 6500, 112, 124, -54)
    hairline = ((p[:, 0] / 90) ** 2 + ((p[:, 1] + 6) / 106) ** 2) > 1
    skull = ((p[:, 0] / 108) ** 2 + ((p[:, 1] + 40) / 122) ** 2) < 1
    p = p[hairline & skull & (p[:, 1] < -14)]
    h.curls(target, p[np.argsort(-p[:, 1])], 3.4, _curly_light(p))


_STYLES = {
    "long": (_long_back, _long_front),
    "short": (_short_back, _short_front),
    "curly": (_curly_back, _curly_front),
    "swept": (_short_back, _swept_front),
    "bob": (_bob_back, _bob_front),
    "bun": (_bun_back, _bun_front),
    "crop": (_short_back, _crop_front),
}
