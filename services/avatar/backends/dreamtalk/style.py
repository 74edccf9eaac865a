"""Style encoder: how somebody speaks, from a clip of their expressions."""

import torch
from torch import Tensor, nn

from services.avatar.backends.dreamtalk.attention import PositionTable, encoder
from services.avatar.backends.dreamtalk.config import DenoiserConfig

_MASKED = -1e5
"""Added to the score of padding before the softmax."""


class AttentionPooling(nn.Module):
    """Mean over time with learned weights."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.W = nn.Sequential(nn.Linear(width, width), nn.Mish(), nn.Linear(width, 1))

    def forward(self, x: Tensor, padding: Tensor) -> Tensor:
        """Pools (batch, time, width) to (batch, width); `padding` (batch, time) is true where nothing is."""
        score = self.W(x).squeeze(-1) + padding.to(x.dtype) * _MASKED
        return torch.einsum("bt,btw->bw", score.softmax(-1), x)


class StyleEncoder(nn.Module):
    """Encodes a clip to one style code."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.increase_embed_dim = nn.Linear(config.expression, config.width)
        self.pos_embed = PositionTable(config.style_frames, config.width)
        self.encoder = encoder(config)
        self.aggregate_method = AttentionPooling(config.width)

    def forward(self, clip: Tensor, padding: Tensor) -> Tensor:
        """Turns (batch, style_frames, expression) into (batch, width)."""
        x = self.pos_embed(self.increase_embed_dim(clip))
        pooled: Tensor = self.aggregate_method(self.encoder(x, src_key_padding_mask=padding), padding)
        return pooled


def style_clip(expressions: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Cuts or pads (time, expression) to `length`.

    Returns:
        The clip (length, expression), and the mask (length,), true where it was padded.
    """
    clip = expressions[:length]
    missing = length - len(clip)
    padding = torch.arange(length, device=clip.device) >= len(clip)
    return nn.functional.pad(clip, (0, 0, 0, missing)), padding
