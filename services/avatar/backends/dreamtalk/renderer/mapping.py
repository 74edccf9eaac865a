"""Mapping network: the motion around a picture, in one vector."""

import torch
from torch import Tensor, nn

from services.avatar.backends.dreamtalk.config import RendererConfig
from services.avatar.backends.dreamtalk.renderer.layers import SLOPE

_DILATION = 3
_BLOCKS = 3


class MappingNet(nn.Module):
    """Dilated convolutions over time, without padding, then a mean."""

    def __init__(self, config: RendererConfig) -> None:
        super().__init__()
        width = config.descriptor
        self.first = nn.Sequential(nn.Conv1d(config.motion, width, 7))
        for index in range(_BLOCKS):
            conv = nn.Conv1d(width, width, 3, dilation=_DILATION)
            self.add_module(f"encoder{index}", nn.Sequential(nn.LeakyReLU(SLOPE), conv))

    def forward(self, window: Tensor) -> Tensor:
        """Turns (batch, motion, time) into (batch, descriptor, 1)."""
        x: Tensor = self.first(window)
        for index in range(_BLOCKS):
            x = self.get_submodule(f"encoder{index}")(x) + x[..., _DILATION:-_DILATION]
        return x.mean(-1, keepdim=True)


def motion_windows(motion: Tensor, radius: int, first: int = 0, frames: int | None = None) -> Tensor:
    """Cuts the motion that each picture sees; beyond both ends the first and the last are held.

    Args:
        motion: (time, width).
        radius: Pictures on each side.
        first: First picture.
        frames: How many; all that follow if not said.

    Returns:
        (frames, width, 2 * radius + 1).
    """
    count = len(motion) - first if frames is None else frames
    offsets = torch.arange(-radius, radius + 1, device=motion.device)
    index = torch.arange(first, first + count, device=motion.device)[:, None] + offsets
    return motion[index.clamp(0, len(motion) - 1)].transpose(1, 2)
