"""Text features, pitch, energy and timbre to sound."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from services.speech.backends.styletts2.config import Config
from services.speech.backends.styletts2.generator import Generator
from services.speech.backends.styletts2.layers import Conv1d, StyledBlock1d
from services.speech.backends.styletts2.predictor import Melody

_BLOCKS = 3


class Decoder(nn.Module):
    """Styled blocks, which see text, pitch and energy again each time, and the generator."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        shape, style = config.decoder, config.style
        seen = shape.trunk + 2 + shape.residual
        self.encode = StyledBlock1d(config.hidden + 2, shape.trunk, style)
        self.decode = nn.ModuleList(
            [
                *(StyledBlock1d(seen, shape.trunk, style) for _ in range(_BLOCKS)),
                StyledBlock1d(seen, shape.initial, style, upsample=True),
            ]
        )
        self.F0_conv = Conv1d(1, 1, 3, stride=2)
        self.N_conv = Conv1d(1, 1, 3, stride=2)
        self.asr_res = nn.Sequential(Conv1d(config.hidden, shape.residual, 1))
        self.generator = Generator(config)

    def trunk(self, text: Tensor, melody: Melody, style: Tensor) -> Tensor:
        """Maps text (B, hidden, F) and an acoustic style (B, style) to (B, initial, 2 F)."""
        curves = [self.F0_conv(melody.pitch[:, None]), self.N_conv(melody.energy[:, None])]
        x = self.encode(torch.cat([text, *curves], dim=1), style)
        past = self.asr_res(text)
        for block in self.decode:
            x = block(torch.cat([x, past, *curves], dim=1), style)
        return x  # type: ignore[no-any-return]

    def steps(
        self, text: Tensor, melody: Melody, style: Tensor, noise: Tensor, phase: Tensor | None = None
    ) -> Iterator[Tensor]:
        """Makes sound step by step, so that a caller may stop between two.

        Args:
            text: (B, hidden, F).
            melody: Pitch and energy.
            style: (B, style), acoustic.
            noise: (B, samples, harmonics + 1), standard normal.
            phase: See `HarmonicSource`.

        Yields:
            What is there so far; the last is the sound, (B, 1, samples).
        """
        x = self.trunk(text, melody, style)
        yield x
        yield from self.generator.steps(x, style, self.generator.m_source(melody.pitch, noise, phase))
