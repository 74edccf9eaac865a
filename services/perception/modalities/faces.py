"""Finds a face in a picture and describes it by numbers."""

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from services.perception.modalities import expressions

Floats = NDArray[np.float32]
Grey = NDArray[np.uint8]

_CASCADES = Path(cv2.__file__).parent / "data"
_SIDE = 64
_FIND_SIDE = 320
_CASCADE_SIDE = 24
"""Smallest face that the cascade knows, in pixels."""
_FULL_EVERY = 10
"""A face is followed over this many stills at most before the whole still is searched again."""
_NEAR = 0.25
"""How far around a known face it is looked for in the next still, and by how much its size may differ."""
_BORDER = 0.25
"""Width of a border that is put around a picture without a face, as a share of its short side.

The cascades look for some forehead and chin, which tightly cut photographs lack."""
_MIN_CONTRAST = 8.0
"""Standard deviation of grey values under which a face is too dark or too flat to be judged."""


@dataclass(frozen=True)
class _Way:
    """How to look for faces."""

    cascade: str
    step: float
    """From one size to the next."""
    neighbours: int
    """Finds at about the same place that make a face."""
    smallest: float
    """Smallest face that is looked for, as a share of the picture's short side."""


_WAYS = (
    _Way("haarcascade_frontalface_default.xml", 1.1, 5, 0.12),
    _Way("haarcascade_frontalface_alt2.xml", 1.05, 1, 0.4),
)
"""The second is tried where the first finds nothing: faces that are near, screwed up, partly out of view."""


@dataclass(frozen=True)
class Box:
    """Where a face is, in pixels."""

    x: int
    y: int
    side: int
    strength: float = field(default=0.0, compare=False)
    """How clearly it is a face, by the cascade's last stage."""
    way: int = field(default=0, compare=False)
    """Which of the ways to look found it."""

    def overlaps(self, other: "Box") -> bool:
        """Whether they share a pixel."""
        return (
            abs(2 * (self.x - other.x) + self.side - other.side) < self.side + other.side
            and abs(2 * (self.y - other.y) + self.side - other.side) < self.side + other.side
        )


class Finder:
    """OpenCV's frontal face cascades (Viola and Jones 2001). Not for use by two threads at once."""

    def __init__(self) -> None:
        """Loads the cascades that come with OpenCV."""
        self._cascades = [cv2.CascadeClassifier(str(_CASCADES / way.cascade)) for way in _WAYS]

    def find(self, grey: Grey) -> list[Box]:
        """All upright faces of a picture, the largest and most central first.

        Args:
            grey: (height, width).
        """
        return self._upright(grey, 0) or self._upright(grey, 1) or self._find_framed(grey)

    def _find_framed(self, grey: Grey) -> list[Box]:
        """Large faces that the picture's edges cut off; their boxes may reach beyond it."""
        margin = round(_BORDER * min(grey.shape))
        framed = cv2.copyMakeBorder(
            grey, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=round(float(grey.mean()))
        )
        smallest = _WAYS[1].smallest * min(grey.shape)
        return [
            replace(box, x=box.x - margin, y=box.y - margin)
            for way in range(len(_WAYS))
            for box in self._upright(np.asarray(framed, np.uint8), way)
            if box.side >= smallest
        ]

    def _upright(self, grey: Grey, way: int) -> list[Box]:
        """What one way to look finds, without what is a clearer face in the picture turned over.

        In a face upside down the cascade now and then finds an upright one: a chin for a forehead.
        """
        boxes = self._everywhere(grey, way)
        height, width = grey.shape
        if boxes:
            over = [
                replace(box, y=height - box.y - box.side)
                for box in self._everywhere(np.ascontiguousarray(grey[::-1]), way)
            ]
            boxes = [
                box
                for box in boxes
                if not any(rival.strength >= box.strength and rival.overlaps(box) for rival in over)
            ]
        return sorted(boxes, key=lambda box: -_prominence(box, width, height))

    def find_near(self, grey: Grey, last: Box) -> Box | None:
        """A face where one was seen shortly before, of about its size: many times quicker than `find`.

        Args:
            grey: (height, width).
            last: Where the face was.
        """
        margin = round(_NEAR * last.side)
        left, top = max(0, last.x - margin), max(0, last.y - margin)
        around = grey[top : last.y + last.side + margin, left : last.x + last.side + margin]
        sizes = ((1 - _NEAR) * last.side, (1 + _NEAR) * last.side)
        found = self._search(around, sizes, _shrink(grey), last.way)
        if not found:
            return None
        box = min(found, key=lambda box: abs(box.side - last.side))
        return replace(box, x=box.x + left, y=box.y + top)

    def _everywhere(self, grey: Grey, way: int) -> list[Box]:
        sizes = (_WAYS[way].smallest * min(grey.shape), max(grey.shape))
        return self._search(grey, sizes, _shrink(grey), way)

    def _search(self, grey: Grey, sizes: tuple[float, float], shrink: float, way: int) -> list[Box]:
        small = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        low, high = max(_CASCADE_SIDE, round(sizes[0] * shrink)), round(sizes[1] * shrink)
        if min(small.shape) < low:
            return []
        found, _, strengths = self._cascades[way].detectMultiScale3(
            small,
            _WAYS[way].step,
            _WAYS[way].neighbours,
            minSize=(low, low),
            maxSize=(high, high),
            outputRejectLevels=True,
        )
        return [
            Box(round(x / shrink), round(y / shrink), round(side / shrink), float(strength), way)
            for (x, y, side, _), strength in zip(found, strengths, strict=True)
        ]


class Track:
    """Faces of one video, still after still: searched for in full now and then, in between followed."""

    def __init__(self, finder: Finder) -> None:
        """Starts before the first still."""
        self._finder = finder
        self._last: Box | None = None
        self._age = 0
        self.others = 0
        """Most further faces that were seen at once."""

    def next(self, grey: Grey) -> Box | None:
        """The most prominent face of the next still, if there is one.

        Args:
            grey: (height, width).
        """
        self._age += 1
        if self._last is not None and self._age < _FULL_EVERY:
            near = self._finder.find_near(grey, self._last)
            if near is not None:
                self._last = near
                return near
        boxes = self._finder.find(grey)
        self.others = max(self.others, len(boxes) - 1)
        self._last, self._age = (boxes[0] if boxes else None), 0
        return self._last


def _shrink(grey: Grey) -> float:
    return min(1.0, _FIND_SIDE / float(max(grey.shape)))


def _prominence(box: Box, width: int, height: int) -> float:
    off_x = abs(box.x + box.side / 2 - width / 2) / width
    off_y = abs(box.y + box.side / 2 - height / 2) / height
    return box.side * (1 - off_x) * (1 - 0.5 * off_y)


def crop(grey: Grey, box: Box) -> Grey | None:
    """The face alone, (64, 64), contrast evened out; None if it is too dark or flat to be judged."""
    height, width = grey.shape
    x, y = max(0, box.x), max(0, box.y)
    face = grey[y : min(height, box.y + box.side), x : min(width, box.x + box.side)]
    if not face.size or face.std() < _MIN_CONTRAST:
        return None
    small = cv2.resize(face, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return _contrast().apply(small).astype(np.uint8)


@cache
def _contrast() -> cv2.CLAHE:
    return cv2.createCLAHE(2.0, (4, 4))


def features(grey: Grey, box: Box, face: Grey) -> Floats:
    """Describes a face: what `expressions` notices, and oriented gradients (Dalal and Triggs 2005).

    Args:
        grey: The picture, (height, width).
        box: Where the face is.
        face: What `crop` made of it.

    Returns:
        (D,).
    """
    gradients = np.asarray(_hog().compute(face), np.float32).ravel()
    return np.concatenate((expressions.features(grey, box.x, box.y, box.side), gradients))


@cache
def _hog() -> cv2.HOGDescriptor:
    return cv2.HOGDescriptor((_SIDE, _SIDE), (16, 16), (8, 8), (8, 8), 9)
