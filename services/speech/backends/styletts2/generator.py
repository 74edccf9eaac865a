"""HiFi-GAN (Kong et al. 2020, arXiv 2010.05646) with snakes and AdaIN, fed by a harmonic source."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from services.speech.backends.styletts2.config import Config
from services.speech.backends.styletts2.layers import AdaIN1d, Conv1d, ConvTranspose1d
from services.speech.backends.styletts2.source import HarmonicSource

_SOURCE_KERNEL, _LAST_SOURCE_KERNEL = 7, 11
_SOURCE_DILATIONS = (1, 3, 5)


class ResBlock(nn.Module):
    """Pairs of dilated and plain convolutions, each after AdaIN and snake."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...], style: int) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(Conv1d(channels, channels, kernel, dilation=d) for d in dilations)
        self.convs2 = nn.ModuleList(Conv1d(channels, channels, kernel) for _ in dilations)
        self.adain1 = nn.ModuleList(AdaIN1d(style, channels) for _ in dilations)
        self.adain2 = nn.ModuleList(AdaIN1d(style, channels) for _ in dilations)
        self.alpha1 = _slopes(channels for _ in dilations)
        self.alpha2 = _slopes(channels for _ in dilations)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Maps (B, channels, T) to the same."""
        first = zip(self.adain1, self.alpha1, self.convs1, strict=True)
        second = zip(self.adain2, self.alpha2, self.convs2, strict=True)
        for pair in zip(first, second, strict=True):
            inner = x
            for norm, slope, conv in pair:
                inner = conv(_snake(norm(inner, style), slope))
            x = x + inner
        return x


class Generator(nn.Module):
    """The trunk's features to sound."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        shape, style = config.decoder, config.style
        rates = shape.upsample_rates
        widths = [shape.initial // 2**i for i in range(len(rates) + 1)]
        self.m_source = HarmonicSource(config.sample_rate, shape.harmonics, math.prod(rates))
        self.noise_convs, self.noise_res = nn.ModuleList(), nn.ModuleList()
        self.ups, self.resblocks = nn.ModuleList(), nn.ModuleList()
        for i, (rate, kernel) in enumerate(zip(rates, shape.upsample_kernels, strict=True)):
            width = widths[i + 1]
            self.ups.append(ConvTranspose1d(widths[i], width, kernel, rate))
            last = i + 1 == len(rates)
            stride = math.prod(rates[i + 1 :])
            window, padding = (1, 0) if last else (2 * stride, (stride + 1) // 2)
            self.noise_convs.append(nn.Conv1d(1, width, window, stride, padding))
            source_kernel = _LAST_SOURCE_KERNEL if last else _SOURCE_KERNEL
            self.noise_res.append(ResBlock(width, source_kernel, _SOURCE_DILATIONS, style))
            for size, dilations in zip(shape.kernels, shape.dilations, strict=True):
                self.resblocks.append(ResBlock(width, size, dilations, style))
        self.alphas = _slopes(widths)
        self.conv_post = Conv1d(widths[-1], 1, 7)
        self._kernels = len(shape.kernels)

    def steps(self, x: Tensor, style: Tensor, source: Tensor) -> Iterator[Tensor]:
        """Makes sound step by step, so that a caller may stop between two.

        Args:
            x: (B, initial, frames), from the trunk.
            style: (B, style), acoustic.
            source: (B, 1, frames * hop).

        Yields:
            What is there so far; the last is the sound, (B, 1, frames * hop).
        """
        for i, (up, take, shape) in enumerate(zip(self.ups, self.noise_convs, self.noise_res, strict=True)):
            excitation = shape(take(source), style)
            yield excitation
            x = up(_snake(x, self.alphas[i])) + excitation
            total = torch.zeros_like(x)
            for block in list(self.resblocks)[i * self._kernels : (i + 1) * self._kernels]:
                total = total + block(x, style)
                yield total
            x = total / self._kernels
        yield self.conv_post(_snake(x, self.alphas[-1])).tanh()


def _snake(x: Tensor, slope: Tensor) -> Tensor:
    """Ziyin et al. 2020, arXiv 2006.08195."""
    return x + torch.sin(slope * x).square() / slope


def _slopes(widths: "Iterator[int] | list[int]") -> nn.ParameterList:
    return nn.ParameterList(nn.Parameter(torch.ones(1, width, 1)) for width in widths)
