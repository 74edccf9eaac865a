"""Phonemes to features for the decoder (arXiv 2306.07691, appendix: acoustic text encoder)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from services.speech.backends.styletts2.config import Config
from services.speech.backends.styletts2.layers import SLOPE, Conv1d, bidirectional, padding_mask, recurrent

_KERNEL = 5


class ChannelNorm(nn.Module):
    """Layer norm over the channels of (B, C, T)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalises each moment."""
        normal = F.layer_norm(x.transpose(1, 2), self.gamma.shape, self.gamma, self.beta)
        return normal.transpose(1, 2)


class TextEncoder(nn.Module):
    """Embedding, convolutions, LSTM."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        hidden = config.hidden
        self.embedding = nn.Embedding(config.symbols, hidden)
        self.cnn = nn.ModuleList(
            nn.Sequential(Conv1d(hidden, hidden, _KERNEL), ChannelNorm(hidden), nn.LeakyReLU(SLOPE))
            for _ in range(config.text_layers)
        )
        self.lstm = bidirectional(hidden, hidden)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Maps tokens (B, T) to (B, hidden, T), zeros past the lengths."""
        padding = padding_mask(lengths, tokens.shape[1])[:, None]
        x = self.embedding(tokens).transpose(1, 2).masked_fill(padding, 0.0)
        for block in self.cnn:
            x = block(x).masked_fill(padding, 0.0)
        return recurrent(self.lstm, x.transpose(1, 2), lengths).transpose(1, 2)
