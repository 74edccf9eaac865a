"""Public checkpoints to a folder that this backend loads: weights as safetensors, their hash, the widths.

The folder holds `model.safetensors` and `config.json`. Only networks that inference needs are taken; their
names stay as upstream's, behind the network's own.
"""

import dataclasses
import hashlib
import json
import pickle
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from runtime.errors import InvalidInput
from services.speech.backends.styletts2.config import Config, parse, read_public
from services.speech.backends.styletts2.layers import fold
from services.speech.backends.styletts2.model import StyleTTS2
from services.speech.backends.styletts2.present import CONFIG, WEIGHTS, no_model

_PREFIX = "module."
_TWIN, _ORIGINAL = "diffusion.diffusion.net.", "diffusion.unet."
"""The style network stands twice in a checkpoint; one copy is kept."""
_IGNORED = "bert.embeddings.position_ids"
_SHOWN = 4


def import_checkpoint(checkpoint: Path, config: Path, folder: Path, *, sha256: str = "") -> str:
    """Takes a public checkpoint over.

    Args:
        checkpoint: The `.pth` file. Nothing in it is run: it is read with `weights_only=True`.
        config: The `config.yml` that belongs to it, or a `config.json` of this project.
        folder: Where to write; what an earlier import left there is replaced, at the end and at once.
        sha256: What the file's hash must be; empty takes any.

    Returns:
        SHA-256 of the checkpoint.

    Raises:
        InvalidInput: A file is missing, cut short, of another model, or not the one that is expected.
    """
    for file in (checkpoint, config):
        if not file.is_file():
            raise InvalidInput.of(str(file), "there is no such file", reason="BAD_CHECKPOINT")
    digest = _sha256(checkpoint)
    if sha256 and digest != sha256.lower():
        raise InvalidInput.of(
            str(checkpoint),
            f"its SHA-256 is {digest}, not {sha256}: changed, cut short or another file; get it anew",
            reason="BAD_CHECKPOINT",
        )
    shape = _read_json(config)[0] if config.suffix == ".json" else read_public(config)
    weights = _fitting(_tensors(checkpoint), shape, checkpoint)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".import") as name:
        fresh = Path(name, "fresh")
        fresh.mkdir()
        save_file(weights, fresh / WEIGHTS, metadata={"format": "pt"})
        record = {
            "model": "styletts2",
            "sha256": _sha256(fresh / WEIGHTS),
            "source_sha256": digest,
            "config": dataclasses.asdict(shape),
        }
        (fresh / CONFIG).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        if folder.exists():
            folder.rename(Path(name, "old"))
        shutil.move(fresh, folder)
    return digest


def load(folder: Path, device: str = "cpu") -> tuple[StyleTTS2, str]:
    """Loads what `import_checkpoint` wrote, ready for inference.

    Returns:
        The model and the SHA-256 of its weights.

    Raises:
        WeightsMissing: The folder holds no model.
        InvalidInput: Its files were changed since they were written.
    """
    weights, record = folder / WEIGHTS, folder / CONFIG
    if not (weights.is_file() and record.is_file()):
        raise no_model(folder)
    shape, expected = _read_json(record)
    digest = _sha256(weights)
    if digest != expected:
        raise InvalidInput.of(
            str(weights),
            f"its SHA-256 is {digest}, but {expected} was written: the file was changed since its import; "
            "import the checkpoint anew",
            reason="BAD_CHECKPOINT",
        )
    model = _empty(shape)
    found = load_file(weights)
    for key in [key for key in found if key.startswith(_ORIGINAL)]:
        found[key.replace(_ORIGINAL, _TWIN, 1)] = found[key]
    model.load_state_dict(found, strict=True, assign=True)
    model.requires_grad_(False)
    fold(model)
    return model.to(device).eval(), digest


def _read_json(path: Path) -> tuple[Config, str]:
    """The widths, and the hash that the weights must have."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return parse(record["config"], str(path)), str(record.get("sha256", ""))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput.of(
            str(path), f"is not a StyleTTS2 record: {error!r}", reason="BAD_MODEL_CONFIG"
        ) from error


def _tensors(path: Path) -> dict[str, Tensor]:
    """Reads the networks of a checkpoint: name behind the network's name, prefixes of training dropped."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        first = str(error).splitlines()[0]
        raise InvalidInput.of(
            str(path),
            f"holds more than tensors, or is no PyTorch file, and is not run ({first}); keep only its "
            "`net` part, on a machine you can spare: "
            "torch.save({'net': torch.load(PATH, weights_only=False)['net']}, NEW)",
            reason="BAD_CHECKPOINT",
        ) from error
    except (RuntimeError, EOFError, ValueError, OSError) as error:
        raise InvalidInput.of(
            str(path),
            f"can't be read to its end, perhaps cut short: get it anew ({str(error).splitlines()[0]})",
            reason="BAD_CHECKPOINT",
        ) from error
    nets = content.get("net") if isinstance(content, Mapping) else None
    if not isinstance(nets, Mapping) or not all(isinstance(part, Mapping) for part in nets.values()):
        raise InvalidInput.of(
            str(path),
            "has no `net` part with networks in it: it is of another model",
            reason="BAD_CHECKPOINT",
        )
    return {
        f"{name}.{key.removeprefix(_PREFIX)}": value
        for name, part in nets.items()
        for key, value in part.items()
        if isinstance(value, Tensor)
    }


def _fitting(found: dict[str, Tensor], shape: Config, path: Path) -> dict[str, Tensor]:
    """What the model needs of it, checked by name and shape."""
    for key in [key for key in found if key.startswith(_TWIN)]:
        found.setdefault(key.replace(_TWIN, _ORIGINAL, 1), found[key])
        del found[key]
    found.pop(_IGNORED, None)
    model = _empty(shape)
    wanted = {k: v for k, v in model.state_dict().items() if not k.startswith(_TWIN)}
    networks = {key.split(".")[0] for key in wanted}
    ours = {key: value for key, value in found.items() if key.split(".")[0] in networks}
    problems: dict[str, list[str]] = {
        "missing": sorted(wanted.keys() - ours.keys()),
        "unknown": sorted(ours.keys() - wanted.keys()),
        "of another shape": [
            f"{key} {tuple(ours[key].shape)}, not {tuple(wanted[key].shape)}"
            for key in wanted
            if key in ours and ours[key].shape != wanted[key].shape
        ],
    }
    told = [
        f"{len(keys)} {kind} ({', '.join(keys[:_SHOWN])}{', ...' if len(keys) > _SHOWN else ''})"
        for kind, keys in problems.items()
        if keys
    ]
    if told:
        raise InvalidInput.of(
            str(path),
            f"is of another model, or its configuration is: tensors {'; '.join(told)}",
            reason="BAD_CHECKPOINT",
        )
    for key, value in ours.items():
        if not bool(torch.isfinite(value).all()):
            raise InvalidInput.of(
                str(path), f"{key} holds values that are no numbers", reason="BAD_CHECKPOINT"
            )
    return {key: value.float().contiguous().clone() for key, value in ours.items()}


def _empty(shape: Config) -> StyleTTS2:
    with torch.device("meta"):
        return StyleTTS2(shape)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
