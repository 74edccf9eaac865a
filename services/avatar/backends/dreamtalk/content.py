"""Content encoder: what is being said around each picture."""

import torch
from torch import Tensor, nn

from services.avatar.backends.dreamtalk.attention import PositionTable, encoder
from services.avatar.backends.dreamtalk.config import DenoiserConfig


class ContentEncoder(nn.Module):
    """Encodes each picture's window of features by itself: there is no attention across pictures."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.increase_embed_dim = nn.Linear(config.features, config.width)
        self.pos_embed = PositionTable(config.window, config.width)
        self.encoder = encoder(config)

    def forward(self, windows: Tensor) -> Tensor:
        """Turns (batch, pictures, window, features) into (batch, pictures, window, width)."""
        flat = self.pos_embed(self.increase_embed_dim(windows.flatten(0, 1)))
        encoded: Tensor = self.encoder(flat)
        return encoded.reshape(*windows.shape[:3], -1)


def audio_windows(features: Tensor, radius: int, first: int, frames: int, start: int = 0) -> Tensor:
    """Cuts the features that each picture sees: two come for each picture; zeros beyond both ends.

    Args:
        features: (time, width) at 50 Hz.
        radius: Features on each side.
        first: Number of the first picture.
        frames: How many pictures.
        start: Number of the first of `features`; those before it must not be needed.

    Returns:
        (frames, 2 * radius + 1, width).
    """
    centres = 2 * torch.arange(first, first + frames, device=features.device)
    index = centres[:, None] + torch.arange(-radius, radius + 1, device=features.device) - start
    inside = (index >= 0) & (index < len(features))
    return features[index.clamp(0, len(features) - 1)] * inside[..., None]
