"""Which weights of the backend `transformers` are not on this machine; loads nothing heavy to say so."""

from collections.abc import Mapping
from typing import Any

from runtime.errors import WeightsMissing
from runtime.models import folder_of, weight_files

_MODELS = ("asr", "speech_encoder", "speech_emotion", "face_encoder", "face_emotion")
"""Options that name a model."""


def missing(options: Mapping[str, Any]) -> list[WeightsMissing]:
    """Looks for the models that the options name, by names of files only."""
    found = []
    for name in filter(None, (options.get(option) for option in _MODELS)):
        try:
            weight_files(folder_of(str(name)), str(name))
        except WeightsMissing as error:
            found.append(error)
    return found
