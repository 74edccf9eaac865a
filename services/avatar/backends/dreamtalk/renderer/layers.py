"""Layers that the renderer's networks share."""

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOPE = 0.1
"""Of every leaky ReLU in the renderer."""


class LayerNorm2d(nn.Module):
    """Normalises over channels and space; scale and shift by channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Keeps the shape (batch, channels, height, width)."""
        return functional.layer_norm(x, x.shape[1:]) * self.weight + self.bias


class AdaptiveNorm(nn.Module):
    """Instance normalisation whose scale and shift come from the motion (Huang and Belongie 2017)."""

    def __init__(self, channels: int, descriptor: int, hidden: int) -> None:
        super().__init__()
        self.mlp_shared = nn.Sequential(nn.Linear(descriptor, hidden), nn.ReLU())
        self.mlp_gamma = nn.Linear(hidden, channels)
        self.mlp_beta = nn.Linear(hidden, channels)

    def forward(self, x: Tensor, descriptor: Tensor) -> Tensor:
        """Normalises (batch, channels, height, width) by (batch, descriptor, 1)."""
        steer = self.mlp_shared(descriptor.flatten(1))
        gamma, beta = self.mlp_gamma(steer)[..., None, None], self.mlp_beta(steer)[..., None, None]
        normal: Tensor = functional.instance_norm(x) * (1 + gamma) + beta
        return normal


def leaky(x: Tensor) -> Tensor:
    """The renderer's leaky ReLU."""
    return functional.leaky_relu(x, SLOPE)


def width_at(base: int, most: int, level: int) -> int:
    """Channels after `level` halvings of the picture."""
    return min(base << level, most)
