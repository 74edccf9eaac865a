"""Warping network: bends the portrait towards the motion."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.avatar.backends.dreamtalk.config import RendererConfig
from services.avatar.backends.dreamtalk.renderer.layers import (
    SLOPE,
    AdaptiveNorm,
    LayerNorm2d,
    leaky,
    width_at,
)


class DownBlock(nn.Module):
    """Halves the picture."""

    def __init__(self, before: int, after: int, descriptor: int, hidden: int) -> None:
        super().__init__()
        self.conv_0 = nn.Conv2d(before, after, 4, stride=2, padding=1)
        self.conv_1 = nn.Conv2d(after, after, 3, padding=1)
        self.norm_0 = AdaptiveNorm(before, descriptor, hidden)
        self.norm_1 = AdaptiveNorm(after, descriptor, hidden)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Turns (batch, before, h, w) into (batch, after, h/2, w/2)."""
        x = self.conv_0(leaky(self.norm_0(x, z)))
        y: Tensor = self.conv_1(leaky(self.norm_1(x, z)))
        return y


class UpBlock(nn.Module):
    """Doubles the picture."""

    def __init__(self, before: int, after: int, descriptor: int, hidden: int) -> None:
        super().__init__()
        self.conv_0 = nn.Conv2d(before, after, 3, padding=1)
        self.conv_1 = nn.ConvTranspose2d(after, after, 3, stride=2, padding=1, output_padding=1)
        self.conv_s = nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1)
        self.norm_0 = AdaptiveNorm(before, descriptor, hidden)
        self.norm_1 = AdaptiveNorm(after, descriptor, hidden)
        self.norm_s = AdaptiveNorm(before, descriptor, hidden)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Turns (batch, before, h, w) into (batch, after, 2h, 2w)."""
        short = self.conv_s(leaky(self.norm_s(x, z)))
        x = self.conv_0(leaky(self.norm_0(x, z)))
        y: Tensor = short + self.conv_1(leaky(self.norm_1(x, z)))
        return y


class _Encoder(nn.Module):
    def __init__(self, config: RendererConfig) -> None:
        super().__init__()
        self.layers = config.warp_down
        self.input_layer = nn.Conv2d(3, config.warp_base, 7, padding=3)
        widths = [width_at(config.warp_base, config.warp_most, n) for n in range(self.layers + 1)]
        for n in range(self.layers):
            block = DownBlock(widths[n], widths[n + 1], config.descriptor, config.modulation)
            self.add_module(f"encoder{n}", block)

    def forward(self, image: Tensor, z: Tensor) -> list[Tensor]:
        out = [self.input_layer(image)]
        for n in range(self.layers):
            out.append(self.get_submodule(f"encoder{n}")(out[-1], z))
        return out


class _Decoder(nn.Module):
    def __init__(self, config: RendererConfig) -> None:
        super().__init__()
        self.levels = range(config.warp_down - 1, config.warp_down - 1 - config.warp_up, -1)
        before = width_at(config.warp_base, config.warp_most, config.warp_down)
        for n in self.levels:
            after = width_at(config.warp_base, config.warp_most, n)
            self.add_module(f"decoder{n}", UpBlock(before, after, config.descriptor, config.modulation))
            before = 2 * after  # Joined by the encoder's own picture of that size.
        self.channels = before

    def forward(self, levels: list[Tensor], z: Tensor) -> Tensor:
        x = levels[-1]
        for n in self.levels:
            x = torch.cat([self.get_submodule(f"decoder{n}")(x, z), levels[n]], 1)
        return x


class _Hourglass(nn.Module):
    def __init__(self, config: RendererConfig) -> None:
        super().__init__()
        self.encoder = _Encoder(config)
        self.decoder = _Decoder(config)

    def forward(self, image: Tensor, z: Tensor) -> Tensor:
        x: Tensor = self.decoder(self.encoder(image, z), z)
        return x


class WarpingNet(nn.Module):
    """Finds where each place of the picture comes from."""

    def __init__(self, config: RendererConfig) -> None:
        super().__init__()
        self.hourglass = _Hourglass(config)
        channels = self.hourglass.decoder.channels
        self.flow_out = nn.Sequential(
            LayerNorm2d(channels), nn.LeakyReLU(SLOPE), nn.Conv2d(channels, 2, 7, padding=3)
        )

    def forward(self, image: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Bends a picture.

        Args:
            image: (batch, 3, size, size), -1 to 1.
            z: Descriptor of the motion, (batch, descriptor, 1).

        Returns:
            The flow (batch, 2, h, w) in pixels of its own coarse grid, and the bent picture.
        """
        flow: Tensor = self.flow_out(self.hourglass(image, z))
        return flow, warp(image, flow)


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """Bends (batch, 3, H, W) by a flow (batch, 2, h, w) in pixels of the coarse grid.

    The grid is laid out corner to corner, yet resized and sampled as pixel areas: the public weights were
    trained so.
    """
    height, width = flow.shape[2:]
    ys = torch.linspace(-1, 1, height, device=flow.device, dtype=flow.dtype)
    xs = torch.linspace(-1, 1, width, device=flow.device, dtype=flow.dtype)
    rest = torch.stack(torch.meshgrid(xs, ys, indexing="xy"))
    extent = flow.new_tensor([width - 1, height - 1])[:, None, None]
    grid = rest + 2 * flow / extent
    grid = functional.interpolate(grid, image.shape[2:], mode="bilinear", align_corners=False)
    return functional.grid_sample(image, grid.permute(0, 2, 3, 1), align_corners=False)
