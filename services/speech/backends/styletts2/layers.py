"""Layers that several networks share: normalised weights, and norms steered by a style.

Weight and spectral norm keep the parameters that public checkpoints name (`weight_g` and `weight_v`;
`weight_orig`, `weight_u` and `weight_v`). Inference needs only their product: `fold` makes it once.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

SLOPE = 0.2
"""Of the leaky rectifiers, everywhere but in the generator."""


class NormedConv(nn.Module):
    """A convolution whose weight is computed from other parameters."""

    bias: Tensor | None
    _folded: Tensor | None

    def __init__(self, out_channels: int, bias: bool) -> None:
        super().__init__()
        self.register_parameter("bias", nn.Parameter(torch.zeros(out_channels)) if bias else None)
        self.register_buffer("_folded", None, persistent=False)

    def fold(self) -> None:
        """Fixes the weight and lets go of what it was computed from."""
        self._folded = self._computed().detach()
        for name in ("weight_g", "weight_v", "weight_u", "weight_orig"):
            if hasattr(self, name):
                delattr(self, name)

    def _weight(self) -> Tensor:
        return self._computed() if self._folded is None else self._folded

    def _computed(self) -> Tensor:
        raise NotImplementedError


class WeightNormed(NormedConv):
    """Weight norm (Salimans and Kingma 2016): g * v / |v| for each index of the first dimension."""

    def __init__(self, shape: tuple[int, int, int], out_channels: int, bias: bool) -> None:
        super().__init__(out_channels, bias)
        direction = torch.empty(shape)
        nn.init.kaiming_uniform_(direction, a=math.sqrt(5))
        self.weight_v = nn.Parameter(direction)
        self.weight_g = nn.Parameter(_length(direction))

    def _computed(self) -> Tensor:
        return self.weight_v * (self.weight_g / _length(self.weight_v))


class Conv1d(WeightNormed):
    """Convolution in time under weight norm that keeps the length at stride 1."""

    def __init__(
        self,
        channels: int,
        out_channels: int,
        kernel: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__((out_channels, channels, kernel), out_channels, bias)
        self._stride, self._dilation = stride, dilation
        self._padding = dilation * (kernel - 1) // 2

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, channels, T) to (B, out_channels, T / stride)."""
        return F.conv1d(x, self._weight(), self.bias, self._stride, self._padding, self._dilation)


class ConvTranspose1d(WeightNormed):
    """Transposed convolution under weight norm that makes the time `stride` times as long."""

    def __init__(
        self, channels: int, out_channels: int, kernel: int, stride: int, *, groups: int = 1
    ) -> None:
        super().__init__((channels, out_channels // groups, kernel), out_channels, bias=True)
        self._stride, self._groups = stride, groups
        # Kernels are twice the stride, or three taps for a stride of two.
        self._padding = (kernel - stride + 1) // 2
        self._extra = 2 * self._padding - (kernel - stride)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, channels, T) to (B, out_channels, T * stride)."""
        return F.conv_transpose1d(
            x, self._weight(), self.bias, self._stride, self._padding, self._extra, self._groups
        )


class SpectralConv2d(NormedConv):
    """Convolution under spectral norm (Miyato et al. 2018), at inference: u and v stay as trained."""

    weight_u: Tensor
    weight_v: Tensor

    def __init__(
        self,
        channels: int,
        out_channels: int,
        kernel: int,
        *,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(out_channels, bias)
        weight = torch.empty(out_channels, channels // groups, kernel, kernel)
        nn.init.kaiming_uniform_(weight, a=math.sqrt(5))
        self.weight_orig = nn.Parameter(weight)
        # Exact from the start: vectors that were never iterated make activations explode (to 1e21 upstream).
        left, right = _leading_vectors(weight)
        self.register_buffer("weight_u", left)
        self.register_buffer("weight_v", right)
        self._stride, self._padding, self._groups = stride, padding, groups

    def _computed(self) -> Tensor:
        sigma = self.weight_u @ (self.weight_orig.flatten(1) @ self.weight_v)
        return self.weight_orig / sigma

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, channels, H, W) to (B, out_channels, H', W')."""
        return F.conv2d(x, self._weight(), self.bias, self._stride, self._padding, groups=self._groups)


class AdaIN1d(nn.Module):
    """Instance norm over time, its scale and shift told by a style (Huang and Belongie 2017)."""

    def __init__(self, style: int, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(style, 2 * channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Normalises (B, channels, T) under a style (B, style)."""
        scale, shift = self.fc(style).unsqueeze(-1).chunk(2, dim=1)
        return (1 + scale) * F.instance_norm(x) + shift  # type: ignore[no-any-return]


class AdaLayerNorm(nn.Module):
    """Layer norm over channels, its scale and shift told by a style."""

    def __init__(self, style: int, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(style, 2 * channels)
        self._channels = channels

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Normalises (B, T, channels) under a style (B, style)."""
        scale, shift = self.fc(style).unsqueeze(1).chunk(2, dim=-1)
        return (1 + scale) * F.layer_norm(x, (self._channels,)) + shift  # type: ignore[no-any-return]


class StyledBlock1d(nn.Module):
    """Residual block in time with AdaIN; may double the length."""

    def __init__(self, channels: int, out_channels: int, style: int, *, upsample: bool = False) -> None:
        super().__init__()
        self.upsample = upsample
        self.conv1 = Conv1d(channels, out_channels, 3)
        self.conv2 = Conv1d(out_channels, out_channels, 3)
        self.norm1 = AdaIN1d(style, channels)
        self.norm2 = AdaIN1d(style, out_channels)
        if channels != out_channels:
            self.conv1x1 = Conv1d(channels, out_channels, 1, bias=False)
        if upsample:
            self.pool = ConvTranspose1d(channels, channels, 3, 2, groups=channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Maps (B, channels, T) to (B, out_channels, T or 2 T)."""
        inner = F.leaky_relu(self.norm1(x, style), SLOPE)
        if self.upsample:
            inner = self.pool(inner)
            x = x.repeat_interleave(2, dim=-1)
        inner = self.conv2(F.leaky_relu(self.norm2(self.conv1(inner), style), SLOPE))
        if hasattr(self, "conv1x1"):
            x = self.conv1x1(x)
        return (x + inner) / math.sqrt(2)  # type: ignore[no-any-return]


def recurrent(lstm: nn.LSTM, x: Tensor, lengths: Tensor) -> Tensor:
    """Runs an LSTM over rows of different length: (B, T, C) to (B, T, 2 H), zeros past the lengths."""
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
    padded, _ = nn.utils.rnn.pad_packed_sequence(lstm(packed)[0], batch_first=True, total_length=x.shape[1])
    return padded


def bidirectional(channels: int, hidden: int) -> nn.LSTM:
    """One layer whose two directions give `hidden` channels together."""
    return nn.LSTM(channels, hidden // 2, batch_first=True, bidirectional=True)


def padding_mask(lengths: Tensor, longest: int) -> Tensor:
    """Marks what lies past each row's length: (B) to (B, longest)."""
    positions = torch.arange(longest, device=lengths.device)
    return positions[None] >= lengths[:, None]


def fold(module: nn.Module) -> None:
    """Fixes all normalised weights of a network that is loaded, so that no call computes them again."""
    for part in module.modules():
        if isinstance(part, NormedConv):
            part.fold()


def _length(v: Tensor) -> Tensor:
    length: Tensor = v.detach().flatten(1).norm(dim=1)
    return length.view(-1, 1, 1)


def _leading_vectors(weight: Tensor) -> tuple[Tensor, Tensor]:
    matrix = weight.detach().flatten(1)
    if matrix.is_meta:
        return matrix.new_empty(matrix.shape[0]), matrix.new_empty(matrix.shape[1])
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    return left[:, 0].contiguous(), right[0].contiguous()
