"""Where model files are, and which they are; nothing is ever fetched here."""

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from runtime.errors import WeightsMissing
from runtime.registry import load
from runtime.services import SERVICES
from runtime.settings import Settings

WEIGHTS: dict[tuple[str, str], str] = {
    ("perception", "transformers"): "services.perception.present:missing",
    ("reasoning", "transformers"): "services.reasoning.backends.transformers.present:missing",
    ("speech", "styletts2"): "services.speech.backends.styletts2.present:missing",
    ("avatar", "dreamtalk"): "services.avatar.backends.dreamtalk.present:missing",
}
"""By service and backend: the `module:function` that takes the backend's options and tells which weights are
missing on this machine. It looks at names of files only."""


_PATTERNS = ("*.safetensors", "*.bin")


@cache
def weight_hash(path: Path) -> str:
    """First 16 hex digits of the SHA-256 of a weights file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]


def folder_of(model: str, revision: str | None = None) -> Path:
    """The folder of a model that is named by a path, or by the hub id of one that is on this machine.

    Needs `huggingface_hub` for ids; it comes with transformers.

    Raises:
        WeightsMissing: It is not there; the message says what to do.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        return path
    if path.is_file() or path.is_absolute() or model.startswith((".", "~")) or model.count("/") != 1:
        raise WeightsMissing(
            f"there is no folder {model}; save a model there (config.json, *.safetensors, tokenizer.json), or"
            " name another in the settings",
            reason="WEIGHTS_MISSING",
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError) as error:
        wanted = f" --revision {revision}" if revision else ""
        raise WeightsMissing(
            f"{model} is not on this machine; run: hf download {model}{wanted}", reason="WEIGHTS_MISSING"
        ) from error


def weight_files(folder: Path, name: str) -> list[Path]:
    """The files with weights in a model's folder.

    Raises:
        WeightsMissing: There are none.
    """
    for pattern in _PATTERNS:
        if found := sorted(folder.glob(pattern)):
            return found
    todo = "save the whole model there" if Path(name).expanduser().is_dir() else f"run: hf download {name}"
    raise WeightsMissing(
        f"{name} has no weights ({folder} holds no *.safetensors); {todo}", reason="WEIGHTS_MISSING"
    )


def check_weights(settings: Settings) -> None:
    """Looks whether the weights of every backend are on this machine, before anything heavy starts.

    Raises:
        WeightsMissing: Some are not; the message has a line for each, with what to run.
    """
    lines = []
    for name in SERVICES:
        own = settings.service(name)
        looks = WEIGHTS.get((name, own.backend))
        if own.hosted and looks:
            found: Sequence[WeightsMissing] = load(looks)(own.options)
            lines += [f"{name}: {error.message}" for error in found]
    if lines:
        raise WeightsMissing("\n".join(lines), reason="WEIGHTS_MISSING")
