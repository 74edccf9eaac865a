"""From a photograph to the square picture of a face that the renderer moves."""

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runtime.errors import InvalidInput

_CASCADE = Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_default.xml"

_MARGIN = 0.4
"""What is kept around the face on each side, as a share of its size."""


def read_portrait(path: Path, size: int) -> Tensor:
    """Reads a picture file and crops it to its largest face; see `prepare`.

    Raises:
        InvalidInput: The file is no picture, or shows no face.
    """
    data = np.fromfile(path, np.uint8) if path.is_file() else np.zeros(0, np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if picture is None:
        raise InvalidInput.of(str(path), "is no picture that can be read", reason="BAD_PORTRAIT")
    return prepare(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8), size, str(path))


def prepare(picture: NDArray[np.uint8], size: int, where: str) -> Tensor:
    """Crops a picture to its largest face.

    Args:
        picture: RGB, (height, width, 3).
        size: Width and height of the outcome.
        where: Name of the picture, for messages.

    Returns:
        (3, size, size), -1 to 1.

    Raises:
        InvalidInput: No face was found.
    """
    finder = cv2.CascadeClassifier(str(_CASCADE))
    grey = cv2.equalizeHist(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
    least = max(24, min(picture.shape[:2]) // 8)
    found = finder.detectMultiScale(grey, scaleFactor=1.05, minNeighbors=5, minSize=(least, least))
    if not len(found):
        said = "shows no face that looks at the camera; take a sharp portrait from the front"
        raise InvalidInput.of(where, said, reason="NO_FACE")
    x, y, width, height = max(found, key=lambda box: box[2] * box[3])
    half = round(max(width, height) * (0.5 + _MARGIN))
    # Where the crop leaves the picture, its edge is drawn out: the renderer wants the face in the middle.
    wide = cv2.copyMakeBorder(picture, half, half, half, half, cv2.BORDER_REPLICATE)
    left, top = int(x + width // 2), int(y + height // 2)
    crop = cv2.resize(
        wide[top : top + 2 * half, left : left + 2 * half], (size, size), interpolation=cv2.INTER_AREA
    )
    return torch.from_numpy(np.asarray(crop, np.float32)).permute(2, 0, 1) / 127.5 - 1
