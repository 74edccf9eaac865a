"""The network inside the style diffusion: a transformer on the text whose norms are told by a reference."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from services.speech.backends.styletts2.config import Config
from services.speech.backends.styletts2.layers import AdaLayerNorm


class _Heads(nn.Module):
    """Attention of several heads, and the way out of it."""

    def __init__(self, width: int, heads: int, head_features: int) -> None:
        super().__init__()
        self._heads = heads
        self.to_out = nn.Linear(heads * head_features, width)

    def forward(self, query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None) -> Tensor:
        """Maps three of (B, T, heads * head_features) to (B, T, width)."""
        mask = None if seen is None else seen[:, None, None]
        found = F.scaled_dot_product_attention(
            self._split(query), self._split(key), self._split(value), attn_mask=mask
        )
        return self.to_out(found.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self._heads, -1).transpose(1, 2)


class _Attention(nn.Module):
    def __init__(self, width: int, features: int, heads: int, head_features: int) -> None:
        super().__init__()
        inner = heads * head_features
        self.norm = AdaLayerNorm(features, width)
        self.norm_context = AdaLayerNorm(features, width)
        self.to_q = nn.Linear(width, inner, bias=False)
        self.to_kv = nn.Linear(width, 2 * inner, bias=False)
        self.attention = _Heads(width, heads, head_features)

    def forward(self, x: Tensor, features: Tensor, seen: Tensor | None) -> Tensor:
        """Maps (B, T, width) under a reference (B, features) to the same."""
        key, value = self.to_kv(self.norm_context(x, features)).chunk(2, dim=-1)
        found: Tensor = self.attention(self.to_q(self.norm(x, features)), key, value, seen)
        return found


class _Block(nn.Module):
    def __init__(self, width: int, features: int, heads: int, head_features: int, multiplier: int) -> None:
        super().__init__()
        self.attention = _Attention(width, features, heads, head_features)
        inner = multiplier * width
        self.feed_forward = nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))

    def forward(self, x: Tensor, features: Tensor, seen: Tensor | None) -> Tensor:
        """Maps (B, T, width) under a reference (B, features) to the same."""
        x = x + self.attention(x, features, seen)
        return x + self.feed_forward(x)  # type: ignore[no-any-return]


class _Fourier(nn.Module):
    """A number as itself, and as sines and cosines at learned frequencies."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(width // 2))

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B) to (B, 1 + width)."""
        angles = 2 * math.pi * x[:, None] * self.weights
        return torch.cat([x[:, None], angles.sin(), angles.cos()], dim=-1)


class _FixedEmbedding(nn.Module):
    """What stands for the text where it is to be forgotten."""

    def __init__(self, positions: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(positions, width)

    def forward(self, like: Tensor) -> Tensor:
        """The first positions, in the shape of (B, T, width)."""
        return self.embedding.weight[: like.shape[1]].expand_as(like)


class StyleTransformer(nn.Module):
    """Predicts a style from a noisy one, a text and a reference style."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        shape = config.diffusion
        style = 2 * config.style
        width = style + config.bert.hidden
        self.blocks = nn.ModuleList(
            _Block(width, style, shape.heads, shape.head_features, shape.multiplier)
            for _ in range(shape.layers)
        )
        self.to_out = nn.Sequential(nn.Identity(), nn.Conv1d(width, style, 1))
        self.to_mapping = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.Linear(width, width), nn.GELU()
        )
        self.to_time = nn.Sequential(nn.Sequential(_Fourier(style), nn.Linear(style + 1, width)), nn.GELU())
        self.to_features = nn.Sequential(nn.Linear(style, width), nn.GELU())
        self.fixed_embedding = _FixedEmbedding(config.bert.positions, config.bert.hidden)

    def forward(
        self,
        x: Tensor,
        time: Tensor,
        text: Tensor,
        features: Tensor,
        scale: float = 1.0,
        seen: Tensor | None = None,
    ) -> Tensor:
        """Predicts.

        Args:
            x: (B, 1, 2 * style), scaled.
            time: (B), the noise level as the preconditioning tells it.
            text: (B, T, hidden of PL-BERT).
            features: (B, 2 * style), the reference.
            scale: Over 1 moves away from what the network says without the text (classifier-free guidance).
            seen: (B, T), false past the end of a text; none is all of them.

        Returns:
            (B, 1, 2 * style).
        """
        informed = self._run(x, time, text, features, seen)
        if scale == 1.0:
            return informed
        blind = self._run(x, time, self.fixed_embedding(text), features, seen)
        return blind + scale * (informed - blind)

    def _run(self, x: Tensor, time: Tensor, text: Tensor, features: Tensor, seen: Tensor | None) -> Tensor:
        mapping = self.to_mapping(self.to_time(time) + self.to_features(features))[:, None]
        x = torch.cat([x.expand(-1, text.shape[1], -1), text], dim=-1)
        for block in self.blocks:
            x = block(x + mapping, features, seen)
        mean = x.mean(1) if seen is None else (x * seen[..., None]).sum(1) / seen.sum(1, keepdim=True)
        return self.to_out(mean[..., None]).transpose(1, 2)  # type: ignore[no-any-return]
