"""Clips of a tracked face: expressions to read a style from, and how the head moved.

MATLAB files hold the 257 coefficients of the Deep3DFaceRecon model for each picture (`coeff`): 80 identity,
64 expression, 80 texture, 3 angles, 27 light, 3 translation; and the crop (`transform_params`).
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.io import loadmat
from torch import Tensor

from runtime.errors import InvalidInput

NEUTRAL_POSE = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.9370641, 126.84911, 129.03864)
"""Looks straight ahead: angles, translation, crop."""

_EXPRESSION = slice(80, 144)
_ANGLES, _TRANSLATION = slice(224, 227), slice(254, 257)


def read_expressions(path: Path, width: int) -> Tensor:
    """Reads a clip's expressions, (time, width), from a `.mat` or a `.npy` file.

    Raises:
        InvalidInput: The file is no such clip.
    """
    if path.suffix == ".npy":
        return _checked(_array(path), width, path)
    return _checked(_matrix(path, "coeff")[:, _EXPRESSION], width, path)


def read_pose(path: Path) -> Tensor:
    """Reads how the head moved, (time, 9), from a `.mat` or a `.npy` file.

    Raises:
        InvalidInput: The file is no such clip.
    """
    if path.suffix == ".npy":
        return _checked(_array(path), len(NEUTRAL_POSE), path)
    coefficients, crop = _matrix(path, "coeff"), _matrix(path, "transform_params")
    parts = [coefficients[:, _ANGLES], coefficients[:, _TRANSLATION], crop[:, -3:]]
    if len(coefficients) != len(crop):
        raise InvalidInput.of(str(path), "'coeff' and 'transform_params' differ in length", reason="BAD_CLIP")
    return _checked(np.concatenate(parts, 1), len(NEUTRAL_POSE), path)


def pose_at(pose: Tensor, first: int, frames: int) -> Tensor:
    """Poses of some pictures; a clip that ends too soon is run backwards and forwards again."""
    period = max(1, 2 * (len(pose) - 1))
    index = torch.arange(first, first + frames) % period
    return pose[torch.minimum(index, period - index) if len(pose) > 1 else index]


def _array(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InvalidInput.of(str(path), f"can't be read as numbers ({error})", reason="BAD_CLIP") from error
    return array


def _matrix(path: Path, name: str) -> NDArray[Any]:
    try:
        content: dict[str, Any] = loadmat(path)
    except Exception as error:  # scipy raises whatever a broken file leads it to.
        raise InvalidInput.of(str(path), f"is no MATLAB file ({error})", reason="BAD_CLIP") from error
    matrix = content.get(name)
    if not isinstance(matrix, np.ndarray) or matrix.ndim != 2:
        raise InvalidInput.of(str(path), f"holds no matrix {name!r}", reason="BAD_CLIP")
    return matrix


def _checked(array: NDArray[Any], width: int, path: Path) -> Tensor:
    if array.ndim != 2 or array.shape[1] != width or not len(array):
        said = f"has shape {array.shape}; (pictures, {width}) is needed"
        raise InvalidInput.of(str(path), said, reason="BAD_CLIP")
    if array.dtype.kind != "f" or not np.isfinite(array).all():
        raise InvalidInput.of(str(path), "holds values that are no finite numbers", reason="BAD_CLIP")
    return torch.from_numpy(np.array(array, np.float32))
