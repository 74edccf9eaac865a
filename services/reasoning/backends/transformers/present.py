"""Which weights of the backend are not on this machine."""

from collections.abc import Mapping
from typing import Any

from runtime.errors import WeightsMissing
from runtime.models import folder_of, weight_files


def missing(options: Mapping[str, Any]) -> list[WeightsMissing]:
    """Looks for the model and its adapter, by names of files only."""
    found = []
    for name, revision in ((options.get("model"), options.get("revision")), (options.get("adapter"), None)):
        try:
            if name:
                weight_files(folder_of(str(name), revision), str(name))
        except WeightsMissing as error:
            found.append(error)
    return found
