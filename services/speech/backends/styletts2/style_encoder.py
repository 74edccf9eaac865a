"""A clip to one half of a style: acoustic (timbre) or prosodic, by which weights are loaded."""

import math
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from services.speech.backends.styletts2.config import Config
from services.speech.backends.styletts2.layers import SLOPE, SpectralConv2d

LEAST_FRAMES = 80
"""Shortest clip in frames: 1 s. Under 65 the last kernel finds nothing to stand on."""


class _Halving(nn.Module):
    """A convolution for each channel that halves both axes."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = SpectralConv2d(channels, channels, 3, stride=2, padding=1, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, C, H, W) to (B, C, H/2, W/2), an odd width rounded up."""
        return self.conv(x)  # type: ignore[no-any-return]


class _HalvingBlock(nn.Module):
    """Residual block that halves both axes."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.downsample_res = _Halving(channels)
        self.conv1 = SpectralConv2d(channels, channels, 3, padding=1)
        self.conv2 = SpectralConv2d(channels, out_channels, 3, padding=1)
        if channels != out_channels:
            self.conv1x1 = SpectralConv2d(channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, C, H, W) to (B, C', H/2, W/2)."""
        inner = self.downsample_res(self.conv1(F.leaky_relu(x, SLOPE)))
        inner = self.conv2(F.leaky_relu(inner, SLOPE))
        if hasattr(self, "conv1x1"):
            x = self.conv1x1(x)
        if x.shape[-1] % 2:
            x = F.pad(x, (0, 1, 0, 0), mode="replicate")
        return (F.avg_pool2d(x, 2) + inner) / math.sqrt(2)  # type: ignore[no-any-return]


class StyleEncoder(nn.Module):
    """Four halving blocks, a 5 by 5 kernel, an average over time."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        widths = [min(config.encoder_base * 2**i, config.encoder_max) for i in range(5)]
        self.shared = nn.Sequential(
            SpectralConv2d(1, widths[0], 3, padding=1),
            *(_HalvingBlock(a, b) for a, b in pairwise(widths)),
            nn.LeakyReLU(SLOPE),
            SpectralConv2d(widths[-1], widths[-1], 5),
            nn.AdaptiveAvgPool2d(1),
            nn.LeakyReLU(SLOPE),
        )
        self.unshared = nn.Linear(widths[-1], config.style)

    def forward(self, mel: Tensor) -> Tensor:
        """Maps a log-mel spectrogram (B, 1, mels, T) to (B, style); T is at least `LEAST_FRAMES`."""
        return self.unshared(self.shared(mel).flatten(1))  # type: ignore[no-any-return]
