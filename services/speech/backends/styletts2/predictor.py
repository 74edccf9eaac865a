"""Prosody: how long each phoneme lasts, and pitch and energy over time."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from services.speech.backends.styletts2.config import Config
from services.speech.backends.styletts2.layers import (
    AdaLayerNorm,
    StyledBlock1d,
    bidirectional,
    padding_mask,
    recurrent,
)


class Melody(NamedTuple):
    """Two values for each frame of the alignment."""

    pitch: Tensor
    """(B, 2 F) in hertz; under 10 is voiceless."""
    energy: Tensor
    """(B, 2 F), log of the norm of the mel frame."""


class DurationEncoder(nn.Module):
    """LSTMs and styled norms by turns; the style goes in again before each."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.lstms = nn.ModuleList()
        for _ in range(config.text_layers):
            self.lstms.append(bidirectional(config.hidden + config.style, config.hidden))
            self.lstms.append(AdaLayerNorm(config.style, config.hidden))

    def forward(self, text: Tensor, style: Tensor, lengths: Tensor) -> Tensor:
        """Maps text (B, hidden, T) and a prosodic style (B, style) to (B, T, hidden + style)."""
        steps = text.shape[-1]
        padding = padding_mask(lengths, steps)[..., None]
        spread = style[:, None].expand(-1, steps, -1)
        x = torch.cat([text.transpose(1, 2), spread], dim=-1).masked_fill(padding, 0.0)
        for layer in self.lstms:
            if isinstance(layer, nn.LSTM):
                x = recurrent(layer, x, lengths)
            else:
                x = torch.cat([layer(x, style), spread], dim=-1).masked_fill(padding, 0.0)
        return x


class _Bins(nn.Module):
    """One logit for each frame that a symbol may last."""

    def __init__(self, channels: int, bins: int) -> None:
        super().__init__()
        self.linear_layer = nn.Linear(channels, bins)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, T, channels) to (B, T, bins)."""
        return self.linear_layer(x)  # type: ignore[no-any-return]


class ProsodyPredictor(nn.Module):
    """Durations, then pitch and energy on the frames they span."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        hidden, style = config.hidden, config.style
        self.text_encoder = DurationEncoder(config)
        self.lstm = bidirectional(hidden + style, hidden)
        self.duration_proj = _Bins(hidden, config.max_duration)
        self.shared = bidirectional(hidden + style, hidden)
        self.F0 = _branch(hidden, style)
        self.N = _branch(hidden, style)
        self.F0_proj = nn.Conv1d(hidden // 2, 1, 1)
        self.N_proj = nn.Conv1d(hidden // 2, 1, 1)

    def durations(self, d: Tensor, lengths: Tensor) -> Tensor:
        """Maps what the encoder gave, (B, T, hidden + style), to frames (B, T), before rounding."""
        logits = self.duration_proj(recurrent(self.lstm, d, lengths))
        return logits.sigmoid().sum(-1)  # type: ignore[no-any-return]

    def melody(self, frames: Tensor, style: Tensor) -> Melody:
        """Maps (B, hidden + style, F) and a prosodic style to pitch and energy."""
        shared = self.shared(frames.transpose(1, 2))[0].transpose(1, 2)
        found = []
        for branch, out in ((self.F0, self.F0_proj), (self.N, self.N_proj)):
            x = shared
            for block in branch:
                x = block(x, style)
            found.append(out(x).squeeze(1))
        return Melody(*found)


def _branch(hidden: int, style: int) -> nn.ModuleList:
    half = hidden // 2
    return nn.ModuleList(
        [
            StyledBlock1d(hidden, hidden, style),
            StyledBlock1d(hidden, half, style, upsample=True),
            StyledBlock1d(half, half, style),
        ]
    )
