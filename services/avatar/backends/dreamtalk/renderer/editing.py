"""Editing network: repairs and completes the bent portrait."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.avatar.backends.dreamtalk.config import RendererConfig
from services.avatar.backends.dreamtalk.renderer.layers import (
    SLOPE,
    AdaptiveNorm,
    LayerNorm2d,
    width_at,
)


class ConvBlock(nn.Module):
    """Convolution, normalisation, leaky ReLU."""

    def __init__(self, before: int, after: int, kernel: int = 3) -> None:
        super().__init__()
        conv = nn.Conv2d(before, after, kernel, padding=kernel // 2)
        self.model = nn.Sequential(conv, LayerNorm2d(after), nn.LeakyReLU(SLOPE))

    def forward(self, x: Tensor) -> Tensor:
        """Keeps height and width."""
        y: Tensor = self.model(x)
        return y


class FinalBlock(nn.Module):
    """To a picture from -1 to 1."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Conv2d(channels, 3, 7, padding=3), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        """Turns (batch, channels, h, w) into (batch, 3, h, w)."""
        y: Tensor = self.model(x)
        return y


class ResidualBlock(nn.Module):
    """A convolution steered by the motion.

    The public network computes `conv1` and `norm1` and throws the result away: the second convolution takes
    the block's input. Its weights were trained so. The two are here for their names only, and not computed.
    """

    def __init__(self, channels: int, descriptor: int, hidden: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm1 = AdaptiveNorm(channels, descriptor, hidden)
        self.norm2 = AdaptiveNorm(channels, descriptor, hidden)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Keeps the shape."""
        out: Tensor = x + self.norm2(self.conv2(x), z)
        return out


class _Residuals(nn.Module):
    def __init__(self, channels: int, config: RendererConfig) -> None:
        super().__init__()
        self.blocks = config.edit_blocks
        for n in range(self.blocks):
            self.add_module(f"res{n}", ResidualBlock(channels, config.descriptor, config.modulation))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        for n in range(self.blocks):
            x = self.get_submodule(f"res{n}")(x, z)
        return x


class _Encoder(nn.Module):
    def __init__(self, config: RendererConfig) -> None:
        super().__init__()
        self.layers = config.edit_layers
        widths = [width_at(config.edit_base, config.edit_most, n) for n in range(self.layers + 1)]
        self.first = ConvBlock(6, widths[0], 7)
        for n in range(self.layers):
            self.add_module(f"down{n}", ConvBlock(widths[n], widths[n + 1]))

    def forward(self, images: Tensor) -> list[Tensor]:
        out = [self.first(images)]
        for n in range(self.layers):
            out.append(functional.avg_pool2d(self.get_submodule(f"down{n}")(out[-1]), 2))
        return out


class _Decoder(nn.Module):
    def __init__(self, config: RendererConfig) -> None:
        super().__init__()
        self.layers = config.edit_layers
        for n in reversed(range(self.layers)):
            before = width_at(config.edit_base, config.edit_most, n + 1)
            after = width_at(config.edit_base, config.edit_most, n)
            self.add_module(f"up{n}", ConvBlock(before, after))
            self.add_module(f"res{n}", _Residuals(before, config))
            self.add_module(f"jump{n}", ConvBlock(after, after))
        self.final = FinalBlock(config.edit_base)

    def forward(self, levels: list[Tensor], z: Tensor) -> Tensor:
        x = levels[-1]
        for n in reversed(range(self.layers)):
            x = self.get_submodule(f"res{n}")(x, z)
            x = self.get_submodule(f"up{n}")(functional.interpolate(x, scale_factor=2.0))
            x = x + self.get_submodule(f"jump{n}")(levels[n])
        picture: Tensor = self.final(x)
        return picture


class EditingNet(nn.Module):
    """A small U-net on the portrait beside its bent copy."""

    def __init__(self, config: RendererConfig) -> None:
        super().__init__()
        self.encoder = _Encoder(config)
        self.decoder = _Decoder(config)

    def forward(self, image: Tensor, warped: Tensor, z: Tensor) -> Tensor:
        """Turns two pictures (batch, 3, size, size) into one, steered by (batch, descriptor, 1)."""
        picture: Tensor = self.decoder(self.encoder(torch.cat([image, warped], 1)), z)
        return picture
