"""What the transformer stacks share: positions, and layers by the widths of a configuration."""

import torch
from torch import Tensor, nn

from services.avatar.backends.dreamtalk.config import DenoiserConfig


class PositionTable(nn.Module):
    """Interleaved sine and cosine (Vaswani et al. 2017, section 3.5), added to a sequence."""

    pos_table: Tensor

    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        position = torch.arange(length, dtype=torch.float64)[:, None]
        pair = torch.div(torch.arange(width), 2, rounding_mode="floor")
        angle = position / 10000.0 ** (2 * pair.double() / width)
        table = torch.where(torch.arange(width) % 2 == 0, angle.sin(), angle.cos())
        self.register_buffer("pos_table", table.float()[None])

    def forward(self, x: Tensor) -> Tensor:
        """Adds the table to (batch, time, width)."""
        return x + self.pos_table[:, : x.shape[1]]


def encoder(config: DenoiserConfig) -> nn.TransformerEncoder:
    """Stack of self-attention."""
    layer = nn.TransformerEncoderLayer(config.width, config.heads, config.feed_forward, batch_first=True)
    return nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)


def decoder(config: DenoiserConfig) -> nn.TransformerDecoder:
    """Stack of self-attention and attention to a memory."""
    layer = nn.TransformerDecoderLayer(config.width, config.heads, config.feed_forward, batch_first=True)
    return nn.TransformerDecoder(layer, config.layers, nn.LayerNorm(config.width))
