"""Finds a face in a picture and describes it by numbers."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Grey = NDArray[np.uint8]

_CASCADE = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"
_SIDE = 64
_FIND_SIDE = 320
_MIN_SHARE = 0.12
"""Smallest face that is looked for, as a share of the picture's short side."""
_MIN_CONTRAST = 8.0
"""Standard deviation of grey values under which a face is too dark or too flat to be judged."""


@dataclass(frozen=True)
class Box:
    """Where a face is, in pixels."""

    x: int
    y: int
    side: int


class Finder:
    """OpenCV's frontal face cascade (Viola and Jones 2001). Not for use by two threads at once."""

    def __init__(self) -> None:
        """Loads the cascade that comes with OpenCV."""
        self._cascade = cv2.CascadeClassifier(str(_CASCADE))

    def find(self, grey: Grey) -> list[Box]:
        """All faces of a picture, the largest and most central first.

        Args:
            grey: (height, width).
        """
        shrink = min(1.0, _FIND_SIDE / max(grey.shape))
        small = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        smallest = max(24, round(_MIN_SHARE * min(small.shape)))
        if min(small.shape) < smallest:
            return []
        found = self._cascade.detectMultiScale(small, 1.1, 5, minSize=(smallest, smallest))
        boxes = [Box(*(round(v / shrink) for v in (x, y, side))) for x, y, side, _ in found]
        height, width = grey.shape
        return sorted(boxes, key=lambda box: -_prominence(box, width, height))


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


def features(face: Grey) -> Floats:
    """Histograms of oriented gradients (Dalal and Triggs 2005) of a face of `crop`; shape (D,)."""
    return np.asarray(_hog().compute(face), np.float32).ravel()


@cache
def _hog() -> cv2.HOGDescriptor:
    return cv2.HOGDescriptor((_SIDE, _SIDE), (16, 16), (8, 8), (8, 8), 9)
