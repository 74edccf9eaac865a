"""A painted layer, and how it is bent to fit a posed head."""

from collections.abc import Callable

import cv2
import numpy as np
import skia
from numpy.typing import NDArray

from services.avatar.drawing.geometry import CENTRE, FRAME, Points
from services.avatar.drawing.paint import Rgb, canvas, image

DETAIL = 1.4
"""Pixels of a layer for a pixel of the picture: keeps it sharp when it is bent."""

_GRID = 16.0
_MARGIN = np.array([48.0, 50.0])
"""How far the painted parts of a layer may move, across and down."""

_NO_SECOND_MAP = np.zeros(0, np.float32)


class Layer:
    """Part of the head, painted at rest in head space, with room around it."""

    def __init__(self, left: float, top: float, right: float, bottom: float, scale: float) -> None:
        """Makes a transparent layer over a rectangle of head space.

        Args:
            left: Least x; with the others it is also all that the layer can cover when it is bent.
            top: Least y.
            right: Greatest x.
            bottom: Greatest y.
            scale: Pixels of the picture for a unit of head space.
        """
        # Whole pixels of the picture, so that the bent layer is laid on it without sampling again.
        corner = np.array([left, top]) + CENTRE
        far = np.minimum(np.array([right, bottom]) + CENTRE, FRAME)
        self._at = np.maximum(np.floor(corner * scale), 0).astype(int)
        self._scale = scale
        self._frame(np.ceil(far * scale).astype(int))
        width, height = (int(np.ceil(n * DETAIL)) for n in self._size)
        self.pixels, self.canvas, self._surface = canvas(width, height)
        self.canvas.scale(scale * DETAIL, scale * DETAIL)
        self.canvas.translate(*(-self._corner).tolist())

    def _frame(self, far: NDArray[np.int_]) -> None:
        """Fits the layer between its upper left pixel and `far`."""
        scale = self._scale
        self._size = far - self._at
        self._corner = self._at / scale - CENTRE
        columns, rows = (max(3, int(np.ceil(n / scale / _GRID))) for n in self._size)
        # cv2.resize puts the sample i of n at (i + 0.5) / n.
        across = (np.arange(columns) + 0.5) / columns * self._size[0] / scale + self._corner[0]
        down = (np.arange(rows) + 0.5) / rows * self._size[1] / scale + self._corner[1]
        self._grid: Points = np.stack(np.meshgrid(across, down), axis=-1)
        pixels = np.meshgrid(*((np.arange(n) + 0.5) * DETAIL - 0.5 for n in self._size))
        self._rest = np.stack(pixels, axis=-1).astype(np.float32)

    def trim(self) -> None:
        """Gives up what stayed empty, but for room to move; nothing can be painted afterwards."""
        rows, columns = (np.flatnonzero(self.pixels[..., 3].any(axis=axis)) for axis in (1, 0))
        room = _MARGIN * self._scale
        low = np.array([columns[0], rows[0]]) / DETAIL - room
        high = np.array([columns[-1], rows[-1]]) / DETAIL + room
        # Five pixels of the picture are seven of the layer: cut there, nothing has to be sampled anew.
        low = np.maximum(low // 5 * 5, 0).astype(int)
        far = np.minimum(np.ceil(high).astype(int), self._size) + self._at
        before, self._at = self._at, self._at + low
        self._frame(far)
        first, last = (np.round((edge - before) * DETAIL).astype(int) for edge in (self._at, far))
        self.pixels = np.ascontiguousarray(self.pixels[first[1] : last[1], first[0] : last[0]])

    def coordinates(self) -> Points:
        """Head-space point of each pixel of the layer: shape (height, width, 2)."""
        height, width = self.pixels.shape[:2]
        step = 1 / (self._scale * DETAIL)
        across = (np.arange(width) + 0.5) * step + self._corner[0]
        down = (np.arange(height) + 0.5) * step + self._corner[1]
        return np.stack(np.meshgrid(across, down), axis=-1)

    def shade_under(self, other: "Layer", colour: Rgb, strength: float, down: float, soft: float) -> None:
        """Lets another layer throw a soft shadow on this one; both are still to be bent.

        Args:
            other: What throws it.
            colour: The light that is left, as a factor.
            strength: 0 to 1.
            down: How far the shadow lies below, in units of head space; half of that to the right.
            soft: Its blur, in units of head space.
        """
        step = self._scale * DETAIL
        shift = ((other._corner - self._corner + (0.5 * down, down)) * step).tolist()
        height, width = self.pixels.shape[:2]
        move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
        cover = cv2.warpAffine(other.pixels[..., 3], move, (width, height))
        shadow = cv2.GaussianBlur(cover, (0, 0), soft * step).astype(np.float64)[..., None] / 255 * strength
        lit = self.pixels[..., :3] * (1 - shadow * (1 - colour))
        self.pixels[..., :3] = np.round(lit).astype(np.uint8)

    def room(self) -> NDArray[np.uint8]:
        """Pixels for `lay` to work in; one layer in one video has its own."""
        return np.zeros((*self._size[::-1], 4), np.uint8)

    def lay(self, target: skia.Canvas, forward: Callable[[Points], Points], room: NDArray[np.uint8]) -> None:
        """Bends the layer and draws it on a picture.

        Args:
            target: The picture.
            forward: Carries points of head space to pixels of the picture; smooth, near the identity.
            room: From `room`.
        """
        wanted = (self._grid + CENTRE) * self._scale
        source = self._grid.copy()
        for _ in range(2):
            source += (wanted - forward(source)) / self._scale
        # Beyond the layer is nothing, or the rim of the picture, where it goes on: both are like its edge.
        # The way is resized, not the place: at the rim, where it is only continued, it stays right.
        way = ((source - self._grid) * (self._scale * DETAIL)).astype(np.float32)
        width, height = self._size.tolist()
        maps = cv2.resize(way, (width, height), interpolation=cv2.INTER_LINEAR) + self._rest
        cv2.remap(
            self.pixels, maps, _NO_SECOND_MAP, cv2.INTER_LINEAR, dst=room, borderMode=cv2.BORDER_REPLICATE
        )
        target.drawImage(image(room), int(self._at[0]), int(self._at[1]))
