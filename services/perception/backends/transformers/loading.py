"""Loads frozen models of transformers, by a folder or by the id of one that was fetched before."""

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from huggingface_hub import snapshot_download
from transformers.utils import logging as hf_logging

from runtime.errors import InvalidInput, WeightsMissing
from runtime.models import weight_hash

_WHERE = "services.perception.options"
_CLASS_OF = {
    "happy": ("happy", "happiness", "hap", "joy", "joyful", "excited", "excitement"),
    "surprised": ("surprised", "surprise", "sur", "ps", "pleasant surprise"),
    "angry": ("angry", "anger", "ang"),
    "fear": ("fear", "fearful", "fea", "afraid", "scared"),
    "sad": ("sad", "sadness"),
    "disgusted": ("disgusted", "disgust", "dis"),
    "contempt": ("contempt",),
    "neutral": ("neutral", "neu", "calm", "boredom", "bored"),
}


def load(option: str, name: str, make: Callable[..., Any], device: torch.device) -> Any:
    """Loads a model, frozen, onto a device.

    Args:
        option: Which option named it, for messages.
        name: Folder of a saved model, or a hub id.
        make: `from_pretrained` of its class.
        device: Where it runs.

    Raises:
        WeightsMissing: It is not on this machine, or not whole.
        InvalidInput: It is a model of another kind.
    """
    # transformers draws what a checkpoint lacks at random, and only warns.
    hf_logging.set_verbosity(logging.ERROR)
    folder = _folder(option, name)
    try:
        model, info = make(folder, local_files_only=True, output_loading_info=True)
    except ValueError as error:
        raise InvalidInput.of(f"{_WHERE}.{option}", _brief(error), reason="WRONG_MODEL") from error
    except (OSError, RuntimeError) as error:
        raise missing(option, name, error) from error
    # The position codes of a convolution are saved under two names by versions of torch.
    lacking = sorted(key for key in info["missing_keys"] if "parametrizations" not in key)
    if lacking:
        raise WeightsMissing(
            f"{_WHERE}.{option}: {name} lacks weights ({lacking[0]} and {len(lacking) - 1} more): it was "
            "saved for another task, or not whole",
            reason="WEIGHTS_MISSING",
        )
    return model.eval().requires_grad_(False).to(device)


def companion(option: str, name: str, make: Callable[..., Any]) -> Any:
    """Loads what prepares a model's input; errors as for `load`."""
    folder = _folder(option, name)
    try:
        return make(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise missing(option, name, error) from error


def _folder(option: str, name: str) -> str:
    """Where a model is on this machine; nothing is fetched."""
    if Path(name).is_dir():
        return name
    try:
        return str(snapshot_download(name, local_files_only=True))
    except (OSError, ValueError) as error:
        raise missing(option, name, error) from error


def missing(option: str, name: str, error: Exception) -> WeightsMissing:
    """The error for a model that is not there."""
    if Path(name).is_dir():
        todo = f"the folder can't be loaded ({_brief(error)})"
    else:
        todo = f"it is not on this machine; run: hf download {name}, or name a folder"
    return WeightsMissing(f"{_WHERE}.{option}: {name}: {todo}", reason="WEIGHTS_MISSING")


def classes_of(option: str, names: Mapping[int, str]) -> list[str]:
    """The class (of 7, or neutral) of each label of a model, in order.

    Raises:
        InvalidInput: A label is no emotion that is known here.
    """
    found = []
    for index in range(len(names)):
        word = names[index].strip().lower()
        klass = next((klass for klass, words in _CLASS_OF.items() if word in words), None)
        if klass is None:
            raise InvalidInput.of(
                f"{_WHERE}.{option}",
                f"the model's label {names[index]!r} is none of the 7 classes, nor neutral; take a model of "
                "emotions",
                reason="WRONG_MODEL",
            )
        found.append(klass)
    return found


def hash_of(name: str) -> str:
    """Hash of a folder's weights; empty for a model of the hub, whose id says which it is."""
    files = sorted(Path(name).glob("*.safetensors")) if Path(name).is_dir() else []
    return weight_hash(files[0]) if files else ""


def _brief(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:160] if lines else type(error).__name__
