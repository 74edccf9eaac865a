"""Mixes two LoRA adapters of the same form."""

import hashlib
import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from runtime.errors import InvalidInput
from services.reasoning.adapter import WEIGHTS


def blend(first: Path, second: Path, share: float, out: Path) -> None:
    """Writes the adapter that lies between two, and says so on the second's card.

    Of an adapter and one that was taught on from it, the mean often keeps what the first could and has most
    of what the second learned (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").

    Args:
        first: Folder of the one.
        second: Folder of the other, taught on from the first.
        share: How much of the second, 0 to 1.
        out: Folder to write; it must not be there.

    Raises:
        InvalidInput: One is no adapter, they differ in form, or `out` is there.
    """
    if out.exists():
        raise InvalidInput.of("--out", f"{out} is there already", reason="EXISTS")
    parts = []
    for folder in (first, second):
        try:
            parts.append(load_file(folder / WEIGHTS))
        except (OSError, SafetensorError) as error:
            raise InvalidInput.of("adapter", f"{folder}: {error}", reason="BAD_ADAPTER") from error
    one, other = parts
    if {name: part.shape for name, part in one.items()} != {name: part.shape for name, part in other.items()}:
        raise InvalidInput.of("adapter", f"{first} and {second} are of different form", reason="BAD_ADAPTER")
    shutil.copytree(second, out)
    mixed = {
        name: torch.lerp(one[name].float(), part.float(), share).to(part.dtype)
        for name, part in other.items()
    }
    save_file(mixed, out / WEIGHTS, metadata={"format": "pt"})
    digest = hashlib.sha256((first / WEIGHTS).read_bytes()).hexdigest()[:16]
    with (out / "README.md").open("a", encoding="utf-8") as card:
        card.write(
            f"\n## Blended\nThese weights are {share:g} of what this training gave and {1 - share:g} of an"
            f"\nearlier adapter, sha256 {digest}: the mean of the weights, part by part.\n"
        )
