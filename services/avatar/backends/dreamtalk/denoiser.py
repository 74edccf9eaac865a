"""Denoiser: guesses the clean expression from a noisy one, the voice and the style.

DreamTalk (Ma et al. 2023, arXiv:2312.09767), section 3.2.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from services.avatar.backends.dreamtalk.attention import PositionTable, decoder
from services.avatar.backends.dreamtalk.config import DenoiserConfig
from services.avatar.backends.dreamtalk.content import ContentEncoder
from services.avatar.backends.dreamtalk.style import StyleEncoder


def _mlp(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def time_features(t: Tensor, width: int) -> Tensor:
    """Cosines, then sines of the step number (batch,), as (batch, width)."""
    half = width // 2
    rates = torch.exp(torch.arange(half, device=t.device) * (-math.log(10000) / half))
    angle = t[:, None].float() * rates
    return torch.cat([angle.cos(), angle.sin()], -1)


class FaceDecoder(nn.Module):
    """Two decoders, since the lower face follows the voice and the upper one the mood."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self._config = config
        self.upper_decoder = decoder(config)
        self.lower_decoder = decoder(config)
        self.pos_embed = PositionTable(config.window, config.width)
        self.upper_tail_fc = _mlp(config.width, config.tail, config.tail, len(config.upper))
        self.lower_tail_fc = _mlp(config.width, config.tail, config.tail, len(config.lower))

    def forward(self, memory: Tensor, style: Tensor) -> Tensor:
        """Turns memory (pictures, window, width) and styles (pictures, width) into expressions."""
        target = self.pos_embed(style[:, None].expand(-1, self._config.window, -1))
        centre = self._config.radius
        x = memory.new_empty(len(memory), self._config.expression)
        x[:, list(self._config.upper)] = self.upper_tail_fc(self.upper_decoder(target, memory)[:, centre])
        x[:, list(self._config.lower)] = self.lower_tail_fc(self.lower_decoder(target, memory)[:, centre])
        return x


class Denoiser(nn.Module):
    """The three networks together. What does not change from step to step is encoded by the caller, once."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self._config = config
        width = config.width
        self.content_encoder = ContentEncoder(config)
        self.style_encoder = StyleEncoder(config)
        self.decoder = FaceDecoder(config)
        self.content_xt_to_decoder_input_wo_time = _mlp(width + config.expression, width, width, width)
        self.time_embed_net = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def time_embedding(self, t: Tensor) -> Tensor:
        """Embeds raw step numbers (batch,), 1 to `steps`, as (batch, width)."""
        embedding: Tensor = self.time_embed_net(time_features(t, self._config.width))
        return embedding

    def forward(self, x: Tensor, t: Tensor, content: Tensor, style: Tensor) -> Tensor:
        """Guesses the clean expressions.

        Args:
            x: Noisy expressions (batch, pictures, expression).
            t: Raw step numbers (batch,).
            content: From the content encoder, (batch, pictures, window, width).
            style: From the style encoder, (batch, width).

        Returns:
            (batch, pictures, expression).
        """
        noisy = x[:, :, None].expand(-1, -1, content.shape[2], -1)
        memory = self.content_xt_to_decoder_input_wo_time(torch.cat([content, noisy], -1))
        memory = memory + self.time_embedding(t)[:, None, None]
        styles = style[:, None].expand(-1, x.shape[1], -1)
        clean: Tensor = self.decoder(memory.flatten(0, 1), styles.flatten(0, 1))
        return clean.reshape(x.shape)
