"""Which weights of the backend are not on this machine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runtime.errors import WeightsMissing
from runtime.models import folder_of

_WEIGHTS = ("*.safetensors", "*.bin")


def missing(options: Mapping[str, Any]) -> list[WeightsMissing]:
    """Looks for the model and its adapter, by names of files only."""
    found = []
    for name, revision in ((options.get("model"), options.get("revision")), (options.get("adapter"), None)):
        try:
            if name:
                weights(folder_of(str(name), revision), str(name))
        except WeightsMissing as error:
            found.append(error)
    return found


def weights(folder: Path, name: str) -> list[Path]:
    """The files with weights in a model's folder.

    Raises:
        WeightsMissing: There are none.
    """
    for pattern in _WEIGHTS:
        if found := sorted(folder.glob(pattern)):
            return found
    raise WeightsMissing(
        f"{name} has no weights ({folder} holds no *.safetensors); save the whole model there, or run:"
        f" hf download {name}",
        reason="WEIGHTS_MISSING",
    )
