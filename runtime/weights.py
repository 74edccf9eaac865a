"""Files of weights that this project trained: arrays with what is to be said about them, and a checksum."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from runtime.errors import WeightsMissing


def save_weights(path: Path, arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> None:
    """Writes arrays, and what is to be said about them, for `read_weights`; everybody may read the file."""
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    save_file(whole, path, metadata={"judge": json.dumps({**about, "sha256": _digest(whole)})})
    path.chmod(0o644)


def read_weights(path: Path, maker: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Reads the arrays of a file, and what it says about them.

    Args:
        path: The file.
        maker: The module that makes it anew: "services.perception.training".

    Raises:
        WeightsMissing: There is no such file, or it is not as it was written.
    """
    todo = f"make it with `python -m {maker}`"
    if not path.exists():
        raise WeightsMissing(f"{path.name} is not there; {todo}", reason="WEIGHTS_MISSING")
    try:
        with safe_open(path, framework="numpy") as file:
            about: dict[str, Any] = json.loads(file.metadata()["judge"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path, str(error), todo) from error
    if "sha256" in about and about["sha256"] != _digest(arrays):
        raise _damaged(path, "its checksum is wrong", todo)
    return arrays, about


def _damaged(path: Path, why: str, todo: str) -> WeightsMissing:
    text = f"{path.name} is damaged ({why}); take it from the repository again, or {todo}"
    return WeightsMissing(text, reason="WEIGHTS_DAMAGED")


def _digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
