"""The face without its moving features: a relief, lit softly from the upper left."""

import cv2
import numpy as np
import skia
from numpy.typing import NDArray

from services.avatar.drawing.geometry import HeadShape, Points, at, bump, curve, smooth
from services.avatar.drawing.layers import Layer
from services.avatar.drawing.paint import canvas, fill, mix, path, rgb, stroke
from services.avatar.profiles.schema import Skin

_LIGHT = np.array([-0.50, -0.50, 0.71])
"""Direction of the key light."""


def paint_head(layer: Layer, shape: HeadShape, skin: Skin, seed: int) -> None:
    """Paints ears and face on a layer."""
    _ears(layer.canvas, shape, skin)
    p = layer.coordinates()
    height = _relief(p, shape) + _creases(layer, shape, skin)
    colour = _shade(height, p, shape, skin, layer)
    colour = _marks(colour, p, shape, skin, seed)
    outline = curve(shape.outline, closed=True)
    mask_pixels, mask, _keep = canvas(layer.pixels.shape[1], layer.pixels.shape[0])
    mask.concat(layer.canvas.getTotalMatrix())
    mask.drawPath(path(outline), fill(np.ones(3), blur=0.35))
    cover = mask_pixels[..., 3:].astype(np.float64) / 255
    under = layer.pixels.astype(np.float64)
    over = np.concatenate([np.clip(colour, 0, 1) * 255, np.full((*colour.shape[:2], 1), 255.0)], axis=-1)
    layer.pixels[:] = np.round(over * cover + under * (1 - cover)).astype(np.uint8)
    _nose(layer.canvas, shape, skin)


def _relief(p: Points, s: HeadShape) -> NDArray[np.float64]:
    x, y = p[..., 0], p[..., 1]
    radius = (np.abs(x) / (1.16 * s.width)) ** 2.3 + (np.abs(y + 4) / 168) ** 2.3
    z = 92 * np.sqrt(np.clip(1 - radius, 0.02, 1))
    nose_width = s.nose_width
    # Bridge: grows broader and higher towards the tip.
    down = np.clip((y + 16) / (s.nose_y + 12), 0, 1)
    bridge = np.exp(-0.5 * (x / (7.5 + 0.22 * nose_width * down)) ** 2)
    z += bridge * (3 + 11 * down**1.3) * smooth(y, -36, 6) * (1 - smooth(y, s.nose_y, s.nose_y + 14))
    z += 7.5 * bump(p, 0, s.nose_y - 3, 0.66 * nose_width, 10)
    for side in (-1, 1):
        z += 5.0 * bump(p, side * 0.80 * nose_width, s.nose_y + 1, 0.36 * nose_width, 6.5)
        z -= 2.2 * bump(p, side * 1.45 * nose_width, s.nose_y + 1, 6, 9)
        z += 3.5 * bump(p, side * 40, -35, 24, 9)
        z -= 9.0 * bump(p, side * (s.eye_x - 4), -4, 25, 14)
        z += 6.0 * bump(p, side * s.eye_x, 1, 19, 11.5)
        z -= 3.2 * bump(p, side * (s.eye_x - 3), 17, 20, 5)
        z += 7.0 * bump(p, side * 56, 40, 25, 20)
        z -= 3.5 * bump(p, side * 74, 78, 16, 26)
    z += 6 * bump(p, 0, s.mouth_y, 38, 20)
    z -= 1.6 * bump(p, 0, s.mouth_y - 18, 4.2, 9)
    z -= 5.0 * bump(p, 0, s.mouth_y + 22, 20, 6)
    z += 8.5 * bump(p, 0, s.chin_y - 15, 23, 14)
    z += 4.0 * bump(p, 0, -96, 60, 40)
    return z


def _creases(layer: Layer, s: HeadShape, skin: Skin) -> NDArray[np.float64]:
    """Folds and wrinkles as valleys of the relief."""
    pixels, drawing, _keep = canvas(layer.pixels.shape[1], layer.pixels.shape[0])
    drawing.concat(layer.canvas.getTotalMatrix())
    age = skin.wrinkles
    white = np.ones(3)

    def line(points: list[tuple[float, float]], width: float, depth: float, blur: float) -> None:
        for side in (-1, 1):
            mirrored = curve(np.array(points) * (side, 1), closed=False)
            drawing.drawPath(path(mirrored, closed=False), stroke(white, width, depth, blur))

    wing, nose, mouth = s.nose_width, s.nose_y, s.mouth_y
    line(
        [(wing + 2, nose - 6), (wing + 13, nose + 10), (s.mouth_width + 9, mouth - 4)],
        4,
        0.10 + 0.5 * age,
        2.6,
    )
    line([(s.mouth_width + 6, mouth + 6), (s.mouth_width + 8, mouth + 22)], 3, 0.08 + 0.32 * age, 2.2)
    line([(24, 16), (38, 23), (56, 20)], 3, 0.12 + 0.4 * age, 2.0)
    if age > 0.4:
        for row, y in enumerate((-70, -84, -97)):
            line([(0, y + 2), (26, y), (52 - 4 * row, y + 5)], 2.4, 0.36 * age, 1.5)
        for angle in (-10, 0, 10):
            line([(s.eye_x + 27, 3 + 0.3 * angle), (s.eye_x + 38, 4 + angle)], 1.8, 0.4 * age, 1.2)
        line([(6, -42), (5, -28)], 2.4, 0.35 * age, 1.4)
    return -7.0 * pixels[..., 3].astype(np.float64) / 255


def _shade(
    height: NDArray[np.float64], p: Points, s: HeadShape, skin: Skin, layer: Layer
) -> NDArray[np.float64]:
    step = float(p[0, 1, 0] - p[0, 0, 0])
    soft = cv2.GaussianBlur(height, (0, 0), 1.3 / step)
    slope_y, slope_x = np.gradient(soft, step)
    normal = np.stack([-slope_x, -slope_y, np.full_like(soft, 1.25)], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    light = _LIGHT / np.linalg.norm(_LIGHT)
    facing = normal @ light
    wrapped = np.clip((facing + 0.35) / 1.35, 0, 1)
    hollow = np.clip((cv2.GaussianBlur(soft, (0, 0), 9 / step) - soft) / 7, -0.6, 1)
    tone = smooth(wrapped - 0.16 * hollow, 0.16, 1.0)
    base, dark = rgb(skin.light), rgb(skin.shade)
    middle = mix(base, dark, 0.42) * (1.015, 0.99, 0.965)
    # Three colours instead of two: skin glows red where light turns to shade.
    low = dark + (middle - dark) * np.clip(tone * 2, 0, 1)[..., None]
    colour = low + (base - middle) * np.clip(tone * 2 - 1, 0, 1)[..., None]
    half = light + np.array((0, 0, 1))
    half /= np.linalg.norm(half)
    gleam = np.clip(normal @ half, 0, 1)
    oily = 0.35 + 0.65 * (
        bump(p, 0, s.nose_y - 6, 9, 26) + bump(p, -10, -80, 50, 24) + bump(p, -52, 30, 18, 12)
    )
    colour += (gleam**26 * 0.16 * oily)[..., None] * (1.0, 0.96, 0.90)
    # A cool light from behind on the right: lifts the shaded cheek off the background.
    rim = np.clip(normal[..., 0] - 0.62, 0, 1) * np.clip(-facing + 0.55, 0, 1)
    return colour + rim[..., None] * np.array((0.16, 0.20, 0.26))  # type: ignore[no-any-return]


def _marks(
    colour: NDArray[np.float64], p: Points, s: HeadShape, skin: Skin, seed: int
) -> NDArray[np.float64]:
    """Redness, stubble, freckles, grain."""
    x, y = p[..., 0], p[..., 1]
    blush = rgb(skin.blush)
    red = 0.22 * (bump(p, -58, 40, 22, 17) + bump(p, 58, 40, 22, 17)) + 0.15 * bump(p, 0, s.nose_y, 15, 12)
    red += 0.10 * bump(p, 0, s.chin_y - 16, 20, 12) + 0.10 * (
        bump(p, -45, -16, 22, 8) + bump(p, 45, -16, 22, 8)
    )
    colour = colour + (blush * (0.55 + 0.45 * colour) - colour) * red[..., None]
    noise = np.random.default_rng(seed).standard_normal(p.shape[:2])
    grain = cv2.GaussianBlur(noise, (0, 0), 0.9)
    colour = colour * (1 + 0.014 * grain[..., None])
    if skin.stubble > 0:
        area = smooth(y, s.nose_y + 10, s.mouth_y - 8) * (
            1 - bump(p, 0, s.mouth_y + 1, 0.9 * s.mouth_width, 10)
        )
        sides = smooth(np.abs(x), 62, 84) * smooth(y, 16, 60)
        area = np.clip(np.maximum(area * smooth(y, s.nose_y + 24 - 0.1 * np.abs(x), s.mouth_y), sides), 0, 1)
        dots = np.clip(0.62 + 0.30 * grain, 0, 1)
        shade = np.array((0.33, 0.33, 0.36)) * (0.4 + 0.6 * rgb(skin.light))
        colour = colour + (shade - colour) * (0.42 * skin.stubble * area * dots)[..., None]
    return colour


def _nose(target: skia.Canvas, s: HeadShape, skin: Skin) -> None:
    """Nostrils, wings and the light on the tip, finer than the relief can give them."""
    base, dark = rgb(skin.light), rgb(skin.shade)
    deep = dark * (0.42, 0.36, 0.36)
    y, wide = s.nose_y, s.nose_width
    for side in (-1, 1):
        hole = np.array([(0.20, 9.5), (0.36, 6.6), (0.60, 6.2), (0.70, 8.6), (0.50, 9.8)]) * (wide, 1)
        target.drawPath(path(curve((hole + at(0, y)) * (side, 1), closed=True)), fill(deep, 0.62, 1.2))
        wing = np.array([(0.86, -8.0), (1.10, -2.0), (1.08, 5.0), (0.82, 9.0)]) * (wide, 1)
        line = curve((wing + at(0, y)) * (side, 1), closed=False)
        target.drawPath(path(line, closed=False), stroke(dark, 2.0, 0.26 if side < 0 else 0.36, 1.5))
    under = np.array([(-0.62, 10.5), (0.0, 13.0), (0.62, 10.5)]) * (wide, 1) + at(0, y)
    target.drawPath(path(curve(under, closed=False), closed=False), stroke(dark, 4.0, 0.30, 2.6))
    glow = mix(base, np.ones(3), 0.55)
    target.drawOval(skia.Rect.MakeXYWH(-8, y - 10, 10, 8), fill(glow, 0.50, 3.0))
    target.drawOval(skia.Rect.MakeXYWH(-4.5, y - 8, 4, 3.4), fill(np.ones(3), 0.30, 1.2))


def _ears(target: skia.Canvas, s: HeadShape, skin: Skin) -> None:
    base, dark, blush = rgb(skin.light), rgb(skin.shade), rgb(skin.blush)
    for side in (-1, 1):
        lit = mix(base, dark, 0.30 if side < 0 else 0.52)
        warm = mix(lit, blush, 0.25)
        x = 0.95 * s.width
        outer = np.array(
            [(x - 8, -18), (x + 6, -24), (x + 17, -12), (x + 15, 14), (x + 9, 36), (x + 2, 48), (x - 8, 44)]
        )
        inner = np.array([(x + 1, -13), (x + 10, -12), (x + 10, 6), (x + 4, 22), (x + 1, 32)])
        target.drawPath(path(curve(outer * (side, 1), closed=True)), fill(warm, blur=0.4))
        target.drawPath(
            path(curve(inner * (side, 1), closed=False), closed=False),
            stroke(mix(warm, dark, 0.55), 4, 0.8, 1.8),
        )
        rim = outer[1:6] * (side, 1) - (side * 2.2, 0)
        target.drawPath(
            path(curve(rim, closed=False), closed=False), stroke(mix(warm, base, 0.75), 2.2, 0.7, 1.2)
        )
