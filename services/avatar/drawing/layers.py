"""A painted layer, and how it is bent to fit a posed head."""

from collections.abc import Callable

import cv2
import numpy as np
import skia

from services.avatar.drawing.geometry import CENTRE, FRAME, Points
from services.avatar.drawing.paint import Rgb, canvas, image

DETAIL = 1.4
"""Pixels of a layer for a pixel of the picture: keeps it sharp when it is bent."""

_GRID = 16.0
_EDGE = 4
"""Pixels of the picture that are made around where a layer's rim goes."""


class Layer:
    """Part of the head, painted at rest in head space."""

    def __init__(self, left: float, top: float, right: float, bottom: float, scale: float) -> None:
        """Makes a transparent layer over a rectangle of head space.

        Args:
            left: Least x.
            top: Least y.
            right: Greatest x.
            bottom: Greatest y; where the picture ends sooner, what lies below may still come into it.
            scale: Pixels of the picture for a unit of head space.
        """
        self._scale = scale
        self._step = scale * DETAIL
        self._corner = np.array([left, top])
        width, height = (int(np.ceil(n * self._step)) for n in (right - left, bottom - top))
        self.pixels, self.canvas, self._surface = canvas(width, height)
        self.canvas.scale(self._step, self._step)
        self.canvas.translate(-left, -top)
        self._rim = np.zeros((0, 0, 2))

    def trim(self) -> None:
        """Gives up what stayed empty; nothing can be painted afterwards."""
        rows, columns = (np.flatnonzero(self.pixels[..., 3].any(axis=axis)) for axis in (1, 0))
        self._corner = self._corner + np.array([columns[0] - 1, rows[0] - 1]) / self._step
        kept = self.pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        self.pixels = np.pad(kept, ((1, 1), (1, 1), (0, 0)))
        far = self._corner + np.array(self.pixels.shape[1::-1]) / self._step
        self._rim = np.stack(np.meshgrid(*np.linspace(self._corner, far, 7).T), axis=-1)

    def coordinates(self) -> Points:
        """Head-space point of each pixel of the layer: shape (height, width, 2)."""
        height, width = self.pixels.shape[:2]
        across = (np.arange(width) + 0.5) / self._step + self._corner[0]
        down = (np.arange(height) + 0.5) / self._step + self._corner[1]
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
        step = self._step
        shift = ((other._corner - self._corner + (0.5 * down, down)) * step).tolist()
        height, width = self.pixels.shape[:2]
        move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
        cover = cv2.warpAffine(other.pixels[..., 3], move, (width, height))
        shadow = cv2.GaussianBlur(cover, (0, 0), soft * step).astype(np.float64)[..., None] / 255 * strength
        lit = self.pixels[..., :3] * (1 - shadow * (1 - colour))
        self.pixels[..., :3] = np.round(lit).astype(np.uint8)

    def lay(self, target: skia.Canvas, forward: Callable[[Points], Points], room: "Room") -> None:
        """Bends the layer and draws it on a picture.

        Args:
            target: The picture.
            forward: Carries points of head space to pixels of the picture; smooth, near the identity.
            room: To work in; may be shared by all layers of a picture.
        """
        goes = forward(self._rim).reshape(-1, 2)
        low = np.maximum(np.floor(goes.min(axis=0)).astype(int) - _EDGE, 0)
        size = np.minimum(np.ceil(goes.max(axis=0)).astype(int) + _EDGE, room.size) - low
        if size.min() <= 0:
            return
        width, height = size.tolist()
        # cv2.resize puts the sample i at the middle of cell i and only repeats the outermost samples beyond
        # them, so a rim of cells is made around the picture's part and left out again.
        cell = max(2, round(_GRID * self._scale))
        columns, rows = -(-width // cell) + 2, -(-height // cell) + 2
        across = low[0] + (np.arange(columns) - 0.5) * cell
        down = low[1] + (np.arange(rows) - 0.5) * cell
        wanted = np.stack(np.meshgrid(across, down), axis=-1)
        source = wanted / self._scale - CENTRE
        for _ in range(2):
            source += (wanted - forward(source)) / self._scale
        way = ((source - self._corner) * self._step - 0.5).astype(np.float32)
        ways = room.ways[:, : rows * columns * cell * cell].reshape(2, rows * cell, columns * cell)
        for axis in (0, 1):
            cv2.resize(way[..., axis], (columns * cell, rows * cell), dst=ways[axis])
        across, down = ways[:, cell : cell + height, cell : cell + width]
        bent = room.pixels[: width * height * 4].reshape(height, width, 4)
        # Two maps take half the time of one with two channels.
        cv2.remap(self.pixels, across, down, cv2.INTER_LINEAR, dst=bent, borderMode=cv2.BORDER_CONSTANT)
        target.drawImage(image(bent), *low.tolist())


class Room:
    """What the layers of one picture are bent in."""

    def __init__(self, size: int) -> None:
        """Makes room for pictures of some width and height."""
        self.size = size
        self.pixels = np.zeros(size * size * 4, np.uint8)
        self.ways = np.zeros((2, (size + 4 * round(_GRID * size / FRAME) + 8) ** 2), np.float32)
        """For each pixel, where in the layer it comes from: across, and down."""
