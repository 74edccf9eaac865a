"""A small Llama network that runs fast on a CPU.

The same function as `LlamaForCausalLM` of transformers (a test compares them), with three differences: it
reads one sequence at a time into a key-value buffer that the caller owns, its large products are 8-bit, and
it computes logits only where they are wanted.
"""

import os
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
        product: type[Linear] = linear or fastest()
        self._norm = weights["model.norm.weight"].float()

        def layer(index: int) -> _Layer:
            def of(name: str, prefix: str = f"model.layers.{index}.") -> Tensor:
                return weights[f"{prefix}{name}.weight"]

            qkv = torch.cat([of(f"self_attn.{part}_proj") for part in "qkv"])
            gate_up = torch.cat([of("mlp.gate_proj"), of("mlp.up_proj")])
            return _Layer(
                of("input_layernorm").float(),
                product(qkv),
                product(of("self_attn.o_proj")),
                of("post_attention_layernorm").float(),
                product(gate_up),
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
        self._cos = torch.cat([angles.cos(), angles.cos()], -1)
        self._sin = torch.cat([-angles.sin(), angles.sin()], -1)

    def buffer(self, capacity: int) -> Tensor:
        """A key-value buffer for so many tokens: (layers, 2, key-value heads, capacity, head size)."""
        s = self.shape
        return torch.empty(s.num_hidden_layers, 2, s.num_key_value_heads, capacity, s.head_size)

    def logits(self, hidden: Tensor) -> Tensor:
        """Maps hidden states (N, D) to scores of the next token (N, vocabulary)."""
        return self._head(hidden)

    def read(
        self,
        tokens: Tensor,
        buffer: Tensor,
        start: int,
        *,
        positions: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Reads tokens after those in the buffer, and adds their keys and values to it.

        Args:
            tokens: (N,) ids.
            buffer: From `buffer`; its first `start` entries are valid.
            start: Where the tokens go in the buffer.
            positions: (N,) places in the text; `start`, `start` + 1, ... if not given.
            mask: (N, start + N) of bool, what each token may look at; all before it and itself if not given.

        Returns:
            (N, D): last hidden states, after the final norm.
        """
        s = self.shape
        count, end = len(tokens), start + len(tokens)
        heads, kv_heads, size = s.num_attention_heads, s.num_key_value_heads, s.head_size
        group = heads // kv_heads
        places = torch.arange(start, end) if positions is None else positions
        cos, sin = self._cos[places, None], self._sin[places, None]
        if mask is None and count > 1:
            mask = torch.arange(end) <= torch.arange(start, end)[:, None]
        # Query heads that share a key-value head are laid out as more rows of one head.
        rows_mask = None if mask is None else mask.repeat(group, 1)
        x = self._embedding[tokens].float()
        for index, layer in enumerate(self._layers):
            qkv = layer.qkv(nn.functional.rms_norm(x, (s.hidden_size,), layer.attention_norm, s.rms_norm_eps))
            qkv = qkv.view(count, heads + 2 * kv_heads, size)
            turned = qkv[:, : heads + kv_heads]
            turned = turned * cos + turned.roll(size // 2, -1) * sin
            buffer[index, 0, :, start:end] = turned[:, heads:].transpose(0, 1)
            buffer[index, 1, :, start:end] = qkv[:, heads + kv_heads :].transpose(0, 1)
            query = turned[:, :heads].view(count, kv_heads, group, size).permute(1, 2, 0, 3)
            seen = nn.functional.scaled_dot_product_attention(
                query.reshape(1, kv_heads, group * count, size),
                buffer[None, index, 0, :, :end],
                buffer[None, index, 1, :, :end],
                attn_mask=rows_mask,
            )
            seen = seen.view(kv_heads, group, count, size).permute(2, 0, 1, 3)
            x = x + layer.out(seen.reshape(count, heads * size))
            gate, up = layer.gate_up(
                nn.functional.rms_norm(x, (s.hidden_size,), layer.mlp_norm, s.rms_norm_eps)
            ).chunk(2, -1)
            x = x + layer.down(nn.functional.silu(gate) * up)
        return nn.functional.rms_norm(x, (s.hidden_size,), self._norm, s.rms_norm_eps)
