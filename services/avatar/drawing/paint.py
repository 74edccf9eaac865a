"""Small helpers round Skia: colours, paths, layers."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import skia
from numpy.typing import NDArray

from services.avatar.drawing.geometry import Points

Rgb = NDArray[np.float64]
"""Three numbers, 0 to 1."""


def rgb(colour: str) -> Rgb:
    """Reads "#rrggbb"."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0


def mix(a: Rgb, b: Rgb, amount: float) -> Rgb:
    """Colour between two."""
    return a + (b - a) * amount


def argb(colour: Rgb, alpha: float = 1.0) -> int:
    """Packs a colour for Skia."""
    red, green, blue = colour.tolist()
    return _byte(alpha) << 24 | _byte(red) << 16 | _byte(green) << 8 | _byte(blue)


def _byte(share: float) -> int:
    return 0 if share <= 0 else 255 if share >= 1 else int(255 * share + 0.5)


def path(points: Points, closed: bool = True) -> skia.Path:
    """Path through points."""
    made = skia.Path()
    corners = points.tolist()
    made.moveTo(*corners[0])
    # Half the time of addPoly, which wants each point as an object.
    add = made.lineTo
    for x, y in corners[1:]:
        add(x, y)
    if closed:
        made.close()
    return made


def fill(colour: Rgb, alpha: float = 1.0, blur: float = 0.0) -> skia.Paint:
    """Paint that fills."""
    paint = skia.Paint(AntiAlias=True, Color=argb(colour, alpha))
    if blur > 0:
        paint.setMaskFilter(_blur(round(blur, 3)))
    return paint


@lru_cache(maxsize=512)
def _blur(sigma: float) -> skia.MaskFilter:
    return skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, sigma)


def stroke(colour: Rgb, width: float, alpha: float = 1.0, blur: float = 0.0) -> skia.Paint:
    """Paint that draws lines with round ends."""
    paint = fill(colour, alpha, blur)
    paint.setStyle(skia.Paint.kStroke_Style)
    paint.setStrokeWidth(width)
    paint.setStrokeCap(skia.Paint.kRound_Cap)
    paint.setStrokeJoin(skia.Paint.kRound_Join)
    return paint


def linear(start: Sequence[float], end: Sequence[float], colours: Sequence[tuple[Rgb, float]]) -> skia.Paint:
    """Paint with a straight gradient; colours are pairs of colour and place (0 to 1)."""
    paint = skia.Paint(AntiAlias=True)
    paint.setShader(
        skia.GradientShader.MakeLinear(
            [skia.Point(*start), skia.Point(*end)],
            [argb(colour) for colour, _ in colours],
            [place for _, place in colours],
        )
    )
    return paint


def canvas(width: int, height: int) -> tuple[NDArray[np.uint8], skia.Canvas, skia.Surface]:
    """A transparent layer: its pixels (premultiplied RGBA), a canvas on them, and what keeps it alive."""
    pixels = np.zeros((height, width, 4), np.uint8)
    info = skia.ImageInfo.Make(width, height, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)
    surface = skia.Surface.MakeRasterDirect(info, pixels)
    return pixels, surface.getCanvas(), surface


def image(pixels: NDArray[np.uint8], opaque: bool = False) -> skia.Image:
    """A picture on some pixels, which it shares: they must outlive it."""
    alpha = skia.kOpaque_AlphaType if opaque else skia.kPremul_AlphaType
    return skia.Image.fromarray(pixels, skia.kRGBA_8888_ColorType, alpha, copy=False)
