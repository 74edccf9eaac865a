"""Merges a LoRA adapter (Hu et al. 2022), as peft writes it, into the weights of its base model."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from runtime.errors import WeightsMissing

SHIPPED = Path(__file__).parent / "weights" / "smollm2-coe"
"""The adapter for SmolLM2-135M-Instruct that learned the Chain of Empathy; its card lies beside it."""
WEIGHTS = "adapter_model.safetensors"
_CONFIG = "adapter_config.json"
_PREFIX = "base_model.model."


class Merged(Mapping[str, Tensor]):
    """Weights W + (alpha / r) B A by the names that transformers uses; the others as they are.

    Each is added up when it is asked for: all of them at once would take half a gigabyte.
    """

    def __init__(self, weights: Mapping[str, Tensor], folder: Path) -> None:
        """Reads the adapter.

        Args:
            weights: Of the base model.
            folder: Of the adapter.

        Raises:
            WeightsMissing: There is no adapter, or it belongs to another model.
        """
        try:
            settings = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
            parts = load_file(folder / WEIGHTS)
        except OSError as error:
            raise WeightsMissing(
                f"there is no adapter in {folder} (options.adapter): {error.strerror or error}",
                reason="WEIGHTS_MISSING",
                service="reasoning",
            ) from error
        self._weights = weights
        self._scale = settings["lora_alpha"] / settings["r"]
        self._factors: dict[str, tuple[Tensor, Tensor]] = {}
        for name, down in parts.items():
            if not name.endswith(".lora_A.weight"):
                continue
            module = name.removesuffix(".lora_A.weight")
            target = f"{module.removeprefix(_PREFIX)}.weight"
            up = parts[f"{module}.lora_B.weight"]
            base = weights.get(target)
            if base is None or base.shape != (up.shape[0], down.shape[1]):
                raise WeightsMissing(
                    f"the adapter in {folder} is for another model: it has no place for {target}",
                    reason="WRONG_ADAPTER",
                    service="reasoning",
                )
            self._factors[target] = up.float(), down.float()

    def __getitem__(self, name: str) -> Tensor:
        base = self._weights[name]
        if name not in self._factors:
            return base
        return torch.addmm(base.float(), *self._factors[name], alpha=self._scale)

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)
