"""Backdrop, neck, shoulders and clothing."""

import numpy as np
import skia
from numpy.typing import NDArray

from services.avatar.drawing.geometry import CENTRE, FRAME, HeadShape, Points, at, curve, smooth
from services.avatar.drawing.layers import Layer
from services.avatar.drawing.paint import fill, linear, mix, path, rgb, stroke
from services.avatar.profiles.schema import Backdrop, Dress, Skin

_DARK = np.array((0.10, 0.07, 0.08))


def paint_backdrop(pixels: NDArray[np.uint8], colours: Backdrop) -> None:
    """Paints a calm wall with light behind the head and darker corners on opaque RGBA pixels."""
    size = pixels.shape[0]
    x, y = np.meshgrid(*(2 * ((np.arange(size) + 0.5) / size,)))
    away = np.hypot(x - 0.38, 1.05 * (y - 0.34))
    wall = (
        rgb(colours.centre) + (rgb(colours.edge) - rgb(colours.centre)) * smooth(away, 0.05, 0.80)[..., None]
    )
    corners = smooth(np.hypot(x - 0.5, y - 0.48), 0.38, 0.86)
    wall = wall * (1 - 0.26 * corners[..., None])
    # Grain hides the steps that 8 bits would show in so slow a gradient.
    grain = np.random.default_rng(1).uniform(-0.9, 0.9, (size, size, 1))
    pixels[..., :3] = np.clip(np.round(wall * 255 + grain), 0, 255)
    pixels[..., 3] = 255


def paint_body(layer: Layer, shape: HeadShape, skin: Skin, dress: Dress) -> None:
    """Paints neck and clothing on a layer."""
    target = layer.canvas
    # A short face leaves no long neck.
    target.translate(0, 0.9 * (shape.chin_y - 140))
    bottom = FRAME - CENTRE[1] + 30
    broad = shape.head.neck
    light, shade = rgb(skin.light), rgb(skin.shade)
    neck = 47 * broad
    # Trapezius and neck in one outline.
    half = np.array(
        [
            (neck, 70),
            (neck * 0.97, 118),
            (neck * 1.05, 150),
            (neck * 1.45, 174),
            (94 * broad, 204),
            (110 * broad, bottom),
        ]
    )
    outline = np.concatenate([half, (half * (-1, 1))[::-1]])
    skin_path = path(curve(outline, closed=False))
    target.drawPath(
        skin_path,
        linear(
            (-70, 0),
            (80, 0),
            [(mix(light, shade, 0.20), 0), (mix(light, shade, 0.12), 0.35), (mix(light, shade, 0.75), 1)],
        ),
    )
    target.save()
    target.clipPath(skin_path, True)
    chin = np.array([(-95, 60), (-74, 118), (-30, 160), (22, 172), (70, 140), (100, 60)])
    target.drawPath(path(curve(chin, closed=True)), fill(shade * 0.72, 0.72, 11))
    for side in (-1, 1):
        cord = np.array([(side * 40, 120), (side * 24, 160), (side * 9, 186)])
        target.drawPath(path(curve(cord, closed=False), closed=False), stroke(shade, 6, 0.30, 4))
        bone = np.array([(side * 12, 194), (side * 52, 190), (side * 110, 184)])
        target.drawPath(path(curve(bone, closed=False), closed=False), stroke(shade, 5, 0.34, 3.5))
        target.drawPath(
            path(curve(bone - (0, 5), closed=False), closed=False),
            stroke(mix(light, np.ones(3), 0.2), 4, 0.30, 3),
        )
    target.drawCircle(0, 196, 8, fill(shade, 0.30, 5))
    target.restore()
    _DRESSES[dress.style](target, dress, broad, bottom)


def _shoulders(broad: float, bottom: float, neck_x: float, neck_y: float) -> Points:
    return np.array(
        [
            (neck_x, neck_y),
            (neck_x + 24, neck_y + 11),
            (122 * broad, neck_y + 26),
            (172 * broad, neck_y + 50),
            (200 * broad, neck_y + 98),
            (212 * broad, bottom + 40),
        ]
    )


def _cloth(target: skia.Canvas, outline: Points, colour: str) -> skia.Path:
    tone = rgb(colour)
    made = path(outline)
    target.drawPath(
        made,
        linear((-190, 150), (200, 250), [(mix(tone, np.ones(3), 0.16), 0), (tone, 0.45), (tone * 0.62, 1)]),
    )
    return made


def _folds(target: skia.Canvas, clip: skia.Path, colour: str, lines: list[list[tuple[float, float]]]) -> None:
    tone = rgb(colour)
    target.save()
    target.clipPath(clip, True)
    for points in lines:
        bent = curve(np.array(points), closed=False)
        target.drawPath(path(bent, closed=False), stroke(tone * 0.50, 7, 0.42, 5))
        target.drawPath(path(bent - (5, 3), closed=False), stroke(mix(tone, np.ones(3), 0.35), 4, 0.28, 3.5))
    target.restore()


_ARMS = [
    [(-150.0, 200.0), (-128.0, 240.0), (-122.0, 300.0)],
    [(150.0, 200.0), (130.0, 240.0), (124.0, 300.0)],
    [(-60.0, 246.0), (-44.0, 270.0), (-40.0, 310.0)],
    [(66.0, 240.0), (52.0, 268.0), (46.0, 310.0)],
]


def _crew(target: skia.Canvas, dress: Dress, broad: float, bottom: float) -> None:
    half = _shoulders(broad, bottom, 56 * broad, 158)
    dip = np.array([(0, 196), (30 * broad, 188), (50 * broad, 170)])
    front = np.concatenate([(dip * (-1, 1))[::-1], dip[1:]])
    outline = curve(np.concatenate([(half * (-1, 1))[::-1], front, half]), closed=False)
    clip = _cloth(target, outline, dress.colour)
    _folds(target, clip, dress.colour, _ARMS)
    tone = rgb(dress.colour)
    collar = curve(np.concatenate([[(-56 * broad, 158)], front, [(56 * broad, 158)]]), closed=False)
    target.drawPath(path(collar + at(0, 7), closed=False), stroke(tone * 0.45, 14, 0.40, 3))
    target.drawPath(path(collar + at(0, 4), closed=False), stroke(mix(tone, np.ones(3), 0.05), 11))
    target.drawPath(path(collar + at(-0.5, 1), closed=False), stroke(mix(tone, np.ones(3), 0.28), 2, 0.7, 1))
    target.drawPath(path(collar - (0, 3), closed=False), stroke(_DARK, 4, 0.30, 2.2))


def _scoop(target: skia.Canvas, dress: Dress, broad: float, bottom: float) -> None:
    half = _shoulders(broad, bottom, 78 * broad, 171)
    dip = np.array([(0, 238), (44 * broad, 229), (72 * broad, 200)])
    front = np.concatenate([(dip * (-1, 1))[::-1], dip[1:]])
    outline = curve(np.concatenate([(half * (-1, 1))[::-1], front, half]), closed=False)
    clip = _cloth(target, outline, dress.colour)
    _folds(target, clip, dress.colour, _ARMS[:2])
    tone = rgb(dress.colour)
    edge = curve(np.concatenate([[(-78 * broad, 171)], front, [(78 * broad, 171)]]), closed=False)
    target.drawPath(path(edge - (0, 2), closed=False), stroke(_DARK, 4, 0.32, 2.4))
    target.drawPath(path(edge + at(0, 2), closed=False), stroke(mix(tone, np.ones(3), 0.22), 3.4, 0.9))
    target.drawPath(path(edge + at(0, 5), closed=False), stroke(tone * 0.5, 2, 0.4, 1.6))


def _open_front(target: skia.Canvas, dress: Dress, broad: float, bottom: float, *, collar: bool) -> None:
    inner = np.array(
        [
            (-70 * broad, 172),
            (-40 * broad, 212),
            (0, 222),
            (40 * broad, 212),
            (70 * broad, 172),
            (120, bottom),
            (-120, bottom),
        ]
    )
    if collar:
        inner[2] = (0, 206)
    under = path(np.concatenate([curve(inner[:5], closed=False), inner[5:]]))
    tone = rgb(dress.inner)
    target.drawPath(under, linear((-60, 0), (90, 0), [(tone, 0), (tone * 0.94, 0.5), (tone * 0.70, 1)]))
    edge = curve(inner[:5], closed=False)
    target.drawPath(path(edge - (0, 2), closed=False), stroke(_DARK, 4, 0.25, 2.4))
    target.drawPath(path(edge + at(0, 2), closed=False), stroke(tone * 0.78, 2, 0.6, 0.8))
    for side in (-1, 1):
        half = _shoulders(broad, bottom, 58 * broad, 158)
        flap = np.array([(62 * broad, 196), (44 * broad, 240), (30 * broad, bottom)])
        outline = np.concatenate([curve(half, closed=False), curve(flap, closed=False)[::-1]]) * (side, 1)
        clip = _cloth(target, outline, dress.colour)
        _folds(target, clip, dress.colour, _ARMS[:2])
        cloth = rgb(dress.colour)
        hem = curve(np.concatenate([half[:1], flap]), closed=False) * (side, 1)
        target.save()
        target.clipPath(clip, True)
        target.drawPath(path(hem - (side * 4, 0), closed=False), stroke(_DARK, 6, 0.28, 4))
        target.drawPath(path(hem + at(side * 4, 1), closed=False), stroke(cloth * 0.86, 9))
        target.drawPath(
            path(hem + at(side * 0.5, 0), closed=False), stroke(mix(cloth, np.ones(3), 0.30), 1.8, 0.6, 0.6)
        )
        target.drawPath(path(hem + at(side * 9, 1), closed=False), stroke(cloth * 0.5, 2, 0.5, 1.4))
        target.restore()


def _cardigan(target: skia.Canvas, dress: Dress, broad: float, bottom: float) -> None:
    _open_front(target, dress, broad, bottom, collar=False)


def _shirt(target: skia.Canvas, dress: Dress, broad: float, bottom: float) -> None:
    _open_front(target, dress, broad, bottom, collar=True)
    tone = rgb(dress.colour)
    for side in (-1, 1):
        wing = np.array(
            [(56 * broad, 150), (84 * broad, 170), (66 * broad, 216), (36 * broad, 232), (48 * broad, 190)]
        )
        outline = wing * (side, 1)
        target.drawPath(path(outline + at(0, 4)), fill(_DARK, 0.35, 5))
        lit = mix(tone, np.ones(3), 0.20 if side < 0 else 0.04)
        target.drawPath(path(outline), fill(lit, blur=0.5))
        target.drawPath(path(outline[1:4], closed=False), stroke(tone * 0.7, 1.2, 0.6, 0.5))


_DRESSES = {"crew": _crew, "scoop": _scoop, "cardigan": _cardigan, "shirt": _shirt}
