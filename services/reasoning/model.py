"""A small Llama network that runs fast on a CPU.

The same function as `LlamaForCausalLM` of transformers (a test compares them), with three differences: it
reads into key-value buffers that the caller owns, several sequences in one pass; its large products are
8-bit (`linear.py`), what is between them compiled (`kernels.py`); and it computes logits only where they are
wanted. A row's result does not depend on what else is in the pass: products are exact sums of integers, and
each sequence attends by itself.
"""

import itertools
import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from services.reasoning import kernels
from services.reasoning.linear import Linear, fastest, preparing

Array = NDArray[np.float32]
_SPREAD = 32
"""Over how many others each value that goes into a `down` product is spread: a few are so much larger than
the rest that 8 bits for a whole row would be too coarse (Ashkboos et al. 2024, QuaRot). Its weight undoes it.
"""


@dataclass(frozen=True)
class Shape:
    """Sizes of the network, named as in a `config.json` of transformers."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    max_position_embeddings: int
    rms_norm_eps: float
    rope_theta: float

    @property
    def head_size(self) -> int:
        """Width of one head."""
        return self.hidden_size // self.num_attention_heads

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Shape":
        """Picks the sizes out of a `config.json`."""
        return cls(**{name: config[name] for name in cls.__dataclass_fields__})


@dataclass(frozen=True)
class Span:
    """Tokens to be read after those of one sequence."""

    tokens: Tensor
    """(N,) ids."""
    buffer: Tensor
    """From `Llama.buffer`: keys and values of the sequence, which are added to."""
    start: int
    """Entries of the buffer that are valid; the tokens go behind them."""
    positions: Tensor | None = None
    """(N,) places in the text; `start`, `start` + 1, ... if not given."""
    mask: Tensor | None = None
    """(N, start + N) of bool, what each token may look at; all before it and itself if not given."""

    @property
    def end(self) -> int:
        """Valid entries of the buffer afterwards."""
        return self.start + len(self.tokens)


@dataclass(frozen=True)
class _Layer:
    attention_norm: Array
    qkv: Linear
    out: Linear
    mlp_norm: Array
    gate_up: Linear
    down: Linear


class Llama:
    """The network with its weights."""

    def __init__(
        self, shape: Shape, weights: Mapping[str, Tensor], linear: type[Linear] | None = None
    ) -> None:
        """Takes weights by the names that transformers uses.

        Args:
            shape: Sizes.
            weights: Of any float type; the output layer is the embedding unless there is a `lm_head.weight`.
            linear: How products are computed; the fastest on this CPU if not given.
        """
        self.shape = shape
        product: type[Linear] = linear or fastest()
        self._norm = _array(weights["model.norm.weight"])
        self._spread = math.gcd(_SPREAD, shape.intermediate_size)

        def layer(index: int) -> _Layer:
            def of(name: str, prefix: str = f"model.layers.{index}.") -> Tensor:
                return weights[f"{prefix}{name}.weight"]

            queries, keys, values = (of(f"self_attn.{part}_proj") for part in "qkv")
            return _Layer(
                _array(of("input_layernorm")),
                product(torch.cat([self._paired(queries), self._paired(keys), values])),
                product(of("self_attn.o_proj")),
                _array(of("post_attention_layernorm")),
                product(torch.cat([of("mlp.gate_proj"), of("mlp.up_proj")])),
                product(_gathering(of("mlp.down_proj"), self._spread)),
            )

        # Layers are prepared side by side: it is most of the time that loading takes.
        with preparing(), ThreadPoolExecutor(os.cpu_count()) as pool:
            embedding = weights["model.embed_tokens.weight"]
            head: Future[Linear] = pool.submit(product, weights.get("lm_head.weight", embedding))
            self._layers = list(pool.map(layer, range(shape.num_hidden_layers)))
            self._embedding = embedding.to(torch.bfloat16)
            self._head = head.result()
        half = torch.arange(0, shape.head_size, 2) / shape.head_size
        angles = torch.outer(torch.arange(shape.max_position_embeddings).float(), shape.rope_theta**-half)
        self._angles = torch.stack([angles.cos(), angles.sin()], -1)

    def buffer(self, capacity: int) -> Tensor:
        """A key-value buffer for so many tokens: (layers, 2, key-value heads, capacity, head size)."""
        s = self.shape
        return torch.empty(s.num_hidden_layers, 2, s.num_key_value_heads, capacity, s.head_size)

    def logits(self, hidden: Tensor) -> Tensor:
        """Maps hidden states (N, D) to scores of the next token (N, vocabulary)."""
        rows, factor = hidden.clone(), torch.empty(len(hidden))
        kernels.level(rows.numpy(), factor.numpy())
        return self._head(rows).mul_(factor[:, None])

    def read(self, spans: Sequence[Span]) -> Tensor:
        """Reads tokens of several sequences, and adds their keys and values to the buffers.

        Returns:
            (N, D) for the tokens of all spans, in their order: last hidden states, after the final norm.
        """
        s = self.shape
        tokens = torch.cat([span.tokens for span in spans])
        count = len(tokens)
        places = [
            torch.arange(span.start, span.end) if span.positions is None else span.positions for span in spans
        ]
        angles = self._angles[torch.cat(places)].numpy()
        firsts = itertools.accumulate((len(span.tokens) for span in spans), initial=0)
        attentions = [_Attention(span, first, angles, s) for span, first in zip(spans, firsts, strict=False)]
        state = np.zeros((count, s.hidden_size), np.float32)
        added = self._embedding[tokens].float()
        # A kernel writes through the array what a product reads as the tensor.
        rows, inner = torch.empty(count, s.hidden_size), torch.empty(count, s.intermediate_size)
        into, gated = rows.numpy(), inner.numpy()
        factor = np.ones(count, np.float32)
        for index, layer in enumerate(self._layers):
            kernels.settle(state, added.numpy(), factor, layer.attention_norm, s.rms_norm_eps, into)
            heads = layer.qkv(rows).view(count, -1, s.head_size).numpy()
            for attention in attentions:
                attention(index, heads, factor, into)
            added = layer.out(rows)
            kernels.settle(state, added.numpy(), factor, layer.mlp_norm, s.rms_norm_eps, into)
            kernels.gate(layer.gate_up(rows).numpy(), factor, self._spread, gated)
            added = layer.down(inner)
        kernels.settle(state, added.numpy(), factor, self._norm, s.rms_norm_eps, into)
        return rows.mul_(torch.from_numpy(factor)[:, None])

    def _paired(self, weight: Tensor) -> Tensor:
        """Brings the rows of each head into an order in which those that turn together are neighbours."""
        size = self.shape.head_size
        return weight.view(-1, 2, size // 2, weight.shape[1]).transpose(1, 2).reshape(weight.shape)


def _array(weight: Tensor) -> Array:
    return weight.float().numpy()


def _gathering(weight: Tensor, size: int) -> Tensor:
    """The weight (out, in) for rows that `kernels.gate` has spread out over so many entries."""
    signs = torch.ones(1, 1)
    while len(signs) < size:
        signs = torch.cat([torch.cat([signs, signs], 1), torch.cat([signs, -signs], 1)])
    apart = weight.float().view(len(weight), size, -1)
    return (signs / size @ apart).view(weight.shape)


class _Attention:
    """One sequence's attention in one pass."""

    def __init__(self, span: Span, first: int, angles: Array, shape: Shape) -> None:
        """Takes its span, which of the pass's rows is its first, and how positions turn the rows."""
        self._span = span
        self._first = first
        self._angles = angles
        self._buffer = span.buffer.numpy()
        count, kept = len(span.tokens), shape.num_key_value_heads
        self._single = count == 1 and span.mask is None
        if self._single:
            return
        # Query heads that share a key-value head are laid out as more rows of one head.
        group = shape.num_attention_heads // kept
        self._queries = torch.empty(kept, group, count, shape.head_size)
        mask = span.mask
        if mask is None:
            mask = torch.arange(span.end) <= torch.arange(span.start, span.end)[:, None]
        self._mask = mask.repeat(group, 1)

    def __call__(self, layer: int, heads: Array, factor: Array, into: Array) -> None:
        """Keeps keys and values of its rows of `heads`; puts what they see in place of those of `into`."""
        span, first = self._span, self._first
        if self._single:
            kernels.attend(heads, first, factor, self._angles, self._buffer, layer, span.start, into)
            return
        queries = self._queries
        kernels.prepare(heads, first, factor, self._angles, self._buffer, layer, span.start, queries.numpy())
        keys, values = span.buffer[layer, :, None, :, : span.end]
        seen = nn.functional.scaled_dot_product_attention(
            queries.flatten(1, 2)[None], keys, values, attn_mask=self._mask, scale=1.0
        )
        kernels.collect(seen.view(queries.shape).numpy(), first, factor, into)
