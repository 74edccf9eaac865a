"""Weights: taken from the user's files once, checked, kept as safetensors with their SHA-256."""

import hashlib
import json
import pickle
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import Wav2Vec2Model

from runtime.errors import InvalidInput
from services.avatar.backends.dreamtalk.clips import NEUTRAL_POSE, read_expressions, read_pose
from services.avatar.backends.dreamtalk.config import DreamTalkConfig
from services.avatar.backends.dreamtalk.ddim import DiffusionNet
from services.avatar.backends.dreamtalk.present import CARD, no_weights
from services.avatar.backends.dreamtalk.renderer.generator import FaceGenerator
from services.avatar.backends.dreamtalk.style import style_clip

_CONFIG = TypeAdapter(DreamTalkConfig)
_DENOISER, _RENDERER, _STYLES = "denoiser.safetensors", "renderer.safetensors", "styles.safetensors"
_POSE = "pose"
_NEUTRAL = "neutral"


@dataclass(frozen=True)
class Weights:
    """All that was loaded, ready for inference."""

    config: DreamTalkConfig
    diffusion: DiffusionNet
    renderer: FaceGenerator
    features: nn.Module
    styles: dict[str, Tensor]
    """Style codes (width,) by emotion; "neutral" is always there."""
    pose: Tensor
    """How the head moves, (time, 9)."""
    digest: str
    """First 16 hex digits of the SHA-256 over the files' own."""


def import_checkpoint(
    into: Path,
    *,
    denoiser: Path,
    renderer: Path,
    features: Path,
    styles: Mapping[str, Path] | None = None,
    pose: Path | None = None,
    config: DreamTalkConfig | None = None,
) -> None:
    """Takes the user's files. All of them are checked before anything is written at `into`.

    Args:
        into: Folder to make; must not exist.
        denoiser: `denoising_network.pth`: `model_state_dict`, keys that begin with `diff_net.`.
        renderer: `renderer.pt`: `net_G_ema`.
        features: Folder of a wav2vec2 model as transformers saves it.
        styles: Clip of expressions by emotion; each becomes a style code.
        pose: Clip of how the head moves; without one it is still.
        config: Widths, where they are not those of the public files.

    Raises:
        InvalidInput: A file is broken, is no such checkpoint, or does not fit.
    """
    config = config or DreamTalkConfig()
    if into.exists():
        raise InvalidInput.of(str(into), "exists already; name a new folder", reason="EXISTS")
    diffusion, generator = DiffusionNet(config.denoiser), FaceGenerator(config.renderer)
    _fit(diffusion, _prefixed(_entry(denoiser, "model_state_dict"), "diff_net."), denoiser)
    _fit(generator, _entry(renderer, "net_G_ema"), renderer)
    wav2vec = _wav2vec(features, config)
    extra = {"pose": read_pose(pose) if pose else torch.tensor([NEUTRAL_POSE])}
    diffusion.eval()
    with torch.inference_mode():
        codes = {_NEUTRAL: diffusion.null_style()[0]}
        for name, path in (styles or {}).items():
            rows = read_expressions(path, config.denoiser.expression)
            clip, padding = style_clip(rows, config.denoiser.style_frames)
            codes[name] = diffusion.net.style_encoder(clip[None], padding[None])[0]
    extra |= {f"code.{name}": code.clone() for name, code in codes.items()}
    into.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".importing-", dir=into.parent))
    try:
        save_file(diffusion.state_dict(), staging / _DENOISER)
        save_file(generator.state_dict(), staging / _RENDERER)
        save_file(extra, staging / _STYLES)
        wav2vec.save_pretrained(staging / "features")
        hashes = {str(p.relative_to(staging)): _sha256(p) for p in staging.rglob("*") if p.is_file()}
        card = {"config": _CONFIG.dump_python(config), "sha256": dict(sorted(hashes.items()))}
        (staging / "config.json").write_text(json.dumps(card, indent=2) + "\n")
        staging.chmod(0o755)
        staging.rename(into)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def load(folder: Path, device: str) -> Weights:
    """Loads what `import_checkpoint` wrote.

    Raises:
        WeightsMissing: There is nothing; the message says what to run.
        InvalidInput: A file was changed since.
    """
    card = folder / CARD
    if not card.is_file():
        raise no_weights(folder)
    try:
        said = json.loads(card.read_text())
        config, hashes = _CONFIG.validate_python(said["config"]), dict(said["sha256"])
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise InvalidInput.of(
            str(card), f"is broken ({error}); import again", reason="BAD_WEIGHTS"
        ) from error
    needed = {_DENOISER, _RENDERER, _STYLES, "features/config.json", "features/model.safetensors"}
    if lacking := sorted(needed - hashes.keys()):
        raise InvalidInput.of(str(card), f"names no SHA-256 for {', '.join(lacking)}", reason="BAD_WEIGHTS")
    for name, expected in hashes.items():
        if not (folder / name).is_file() or _sha256(folder / name) != expected:
            said_so = "is missing or was changed since it was imported; import again"
            raise InvalidInput.of(str(folder / name), said_so, reason="BAD_WEIGHTS")
    diffusion, generator = DiffusionNet(config.denoiser), FaceGenerator(config.renderer)
    _fit(diffusion, load_file(folder / _DENOISER), folder / _DENOISER)
    _fit(generator, load_file(folder / _RENDERER), folder / _RENDERER)
    extra = load_file(folder / _STYLES)
    nets: list[nn.Module] = [diffusion, generator, _wav2vec(folder / "features", config)]
    for net in nets:
        net.eval().requires_grad_(False).to(device)
    codes = {key.removeprefix("code."): code for key, code in extra.items() if key.startswith("code.")}
    digest = hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()[:16]
    return Weights(config, diffusion, generator, nets[2], codes, extra[_POSE], digest)


def _entry(path: Path, entry: str) -> dict[str, Tensor]:
    """One state dict of a PyTorch file; nothing in it is run."""
    if not path.is_file():
        raise InvalidInput.of(str(path), "is no file", reason="BAD_CHECKPOINT")
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        said = "is no PyTorch file, or holds more than tensors, which would have to be run and is refused"
        raise InvalidInput.of(str(path), said, reason="BAD_CHECKPOINT") from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        said = "is cut short or no PyTorch file; copy it again and compare sizes"
        raise InvalidInput.of(str(path), said, reason="BAD_CHECKPOINT") from error
    state = content.get(entry) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        names = (
            ", ".join(map(str, list(content)[:5])) if isinstance(content, dict) else type(content).__name__
        )
        said = f"is another checkpoint: it has no tensors under {entry!r} (it holds: {names})"
        raise InvalidInput.of(str(path), said, reason="BAD_CHECKPOINT")
    return state


def _prefixed(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def _fit(net: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    """Loads a state dict whose names, shapes and numbers are all as they must be."""
    own = net.state_dict()
    wrong = [f"{key} is missing" for key in own if key not in state]
    wrong += [f"{key} is unknown" for key in state if key not in own]
    for key in own.keys() & state.keys():
        if own[key].shape != state[key].shape:
            wrong.append(f"{key} has shape {tuple(state[key].shape)}, not {tuple(own[key].shape)}")
        elif not torch.isfinite(state[key].float()).all():
            wrong.append(f"{key} holds values that are no finite numbers")
    if wrong:
        more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        said = f"does not fit: {'; '.join(sorted(wrong)[:3])}{more}"
        raise InvalidInput.of(str(path), said, reason="BAD_CHECKPOINT")
    net.load_state_dict(state)


def _wav2vec(folder: Path, config: DreamTalkConfig) -> Any:
    if not (folder / "config.json").is_file():
        raise InvalidInput.of(str(folder), "is no folder of a wav2vec2 model", reason="BAD_CHECKPOINT")
    try:
        loaded: Any = Wav2Vec2Model.from_pretrained(
            folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
        )
    except Exception as error:  # Many kinds, one for each way in which a file can be broken.
        raise InvalidInput.of(str(folder), f"can't be loaded ({error})", reason="BAD_CHECKPOINT") from error
    net, loading = loaded
    lacking = sorted(key for key in loading["missing_keys"] if key != "masked_spec_embed")
    if lacking or loading["mismatched_keys"]:
        said = f"is no complete wav2vec2 model: {', '.join(lacking[:3])} missing or of another shape"
        raise InvalidInput.of(str(folder), said, reason="BAD_CHECKPOINT")
    if net.config.hidden_size != config.denoiser.features:
        said = f"is {net.config.hidden_size} wide; the denoiser needs {config.denoiser.features}"
        raise InvalidInput.of(str(folder), said, reason="BAD_CHECKPOINT")
    return net


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
