"""A small Llama network that runs fast on a CPU.

The same function as `LlamaForCausalLM` of transformers (a test compares them), with three differences: it
reads into key-value buffers that the caller owns, several sequences in one pass; its large products are
8-bit; and it computes logits only where they are wanted. A row's result does not depend on what else is in
the pass: products are exact sums of integers, and each sequence attends by itself.
"""

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from services.reasoning.linear import Linear, fastest, preparing


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
    attention_norm: Tensor
    qkv: Linear
    out: Linear
    mlp_norm: Tensor
    gate_up: Linear
    down: Linear


class Llama:
    """The network with its weights."""

    def __init__(self, shape: Shape, weights: dict[str, Tensor], linear: type[Linear] | None = None) -> None:
        """Takes weights by the names that transformers uses.

        Args:
            shape: Sizes.
            weights: Of any float type; the output layer is the embedding unless there is a `lm_head.weight`.
            linear: How products are computed; the fastest on this CPU if not given.
        """
        self.shape = shape
        self._epsilon = torch.tensor((shape.hidden_size * shape.rms_norm_eps) ** 0.5)
        product: type[Linear] = linear or fastest()
        self._norm = self._norm_weight(weights["model.norm.weight"])

        def layer(index: int) -> _Layer:
            def of(name: str, prefix: str = f"model.layers.{index}.") -> Tensor:
                return weights[f"{prefix}{name}.weight"]

            queries, keys, values = (of(f"self_attn.{part}_proj") for part in "qkv")
            return _Layer(
                self._norm_weight(of("input_layernorm")),
                product(torch.cat([self._paired(queries), self._paired(keys), values])),
                product(of("self_attn.o_proj")),
                self._norm_weight(of("post_attention_layernorm")),
                product(torch.cat([of("mlp.gate_proj"), of("mlp.up_proj")])),
                product(of("mlp.down_proj")),
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
        self._turns = torch.polar(torch.ones_like(angles), angles)[:, None]

    def buffer(self, capacity: int) -> Tensor:
        """A key-value buffer for so many tokens: (layers, 2, key-value heads, capacity, head size)."""
        s = self.shape
        return torch.empty(s.num_hidden_layers, 2, s.num_key_value_heads, capacity, s.head_size)

    def logits(self, hidden: Tensor) -> Tensor:
        """Maps hidden states (N, D) to scores of the next token (N, vocabulary)."""
        return self._head(hidden)

    def read(self, spans: Sequence[Span]) -> Tensor:
        """Reads tokens of several sequences, and adds their keys and values to the buffers.

        Returns:
            (N, D) for the tokens of all spans, in their order: last hidden states, after the final norm.
        """
        s = self.shape
        turned = s.num_attention_heads + s.num_key_value_heads
        places = [
            torch.arange(span.start, span.end) if span.positions is None else span.positions for span in spans
        ]
        turns = self._turns[torch.cat(places)]
        attentions = [_Attention(span, s) for span in spans]
        sizes = [len(span.tokens) for span in spans]
        x = self._embedding[torch.cat([span.tokens for span in spans])].float()
        for index, layer in enumerate(self._layers):
            qkv = layer.qkv(x * layer.attention_norm, self._inverse_rms(x)).view(len(x), -1, s.head_size)
            # A rotary embedding turns pairs of numbers, each taken for one complex number.
            torch.view_as_complex(qkv[:, :turned].view(len(x), turned, -1, 2)).mul_(turns)
            seen = [
                attend(index, rows) for attend, rows in zip(attentions, torch.split(qkv, sizes), strict=True)
            ]
            x += layer.out(seen[0] if len(seen) == 1 else torch.cat(seen))
            gate, up = layer.gate_up(x * layer.mlp_norm, self._inverse_rms(x)).chunk(2, -1)
            x += layer.down(nn.functional.silu(gate).mul_(up))
        hidden: Tensor = x * self._norm * self._inverse_rms(x)
        return hidden

    def _norm_weight(self, weight: Tensor) -> Tensor:
        # Holds the factor that makes a root mean square of a length.
        scaled: Tensor = weight.float() * self.shape.hidden_size**0.5
        return scaled

    def _inverse_rms(self, x: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(x, 2, 1, keepdim=True)
        inverse: Tensor = torch.hypot(length, self._epsilon).reciprocal_()
        return inverse

    def _paired(self, weight: Tensor) -> Tensor:
        """Brings the rows of each head into an order in which those that turn together are neighbours."""
        size = self.shape.head_size
        return weight.view(-1, 2, size // 2, weight.shape[1]).transpose(1, 2).reshape(weight.shape)


class _Attention:
    """One sequence's attention in one pass."""

    def __init__(self, span: Span, shape: Shape) -> None:
        self._count = len(span.tokens)
        self._shape = shape
        # Views of each layer, made once.
        self._new = span.buffer[:, :, :, span.start : span.end].unbind()
        self._keys = span.buffer[:, :1, :, : span.end].unbind()
        self._values = span.buffer[:, 1:, :, : span.end].unbind()
        mask = span.mask
        if mask is None and self._count > 1:
            mask = torch.arange(span.end) <= torch.arange(span.start, span.end)[:, None]
        # Query heads that share a key-value head are laid out as more rows of one head.
        group = shape.num_attention_heads // shape.num_key_value_heads
        self._mask = None if mask is None else mask.repeat(group, 1)

    def __call__(self, layer: int, qkv: Tensor) -> Tensor:
        """Keeps keys and values of the rows (N, heads, head size); returns what they see (N, D)."""
        s, count = self._shape, self._count
        heads, kv_heads, size = s.num_attention_heads, s.num_key_value_heads, s.head_size
        self._new[layer].copy_(qkv[:, heads:].view(count, 2, kv_heads, size).permute(1, 2, 0, 3))
        query = qkv[:, :heads].reshape(count, kv_heads, -1, size)
        if count > 1:
            query = query.permute(1, 2, 0, 3)
        seen = nn.functional.scaled_dot_product_attention(
            query.reshape(1, kv_heads, -1, size), self._keys[layer], self._values[layer], attn_mask=self._mask
        )
        if count > 1:
            seen = seen.view(kv_heads, -1, count, size).permute(2, 0, 1, 3)
        return seen.reshape(count, heads * size)
