"""The whole model: symbols and a style to durations, melody and sound."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch._dynamo.config
from torch import Tensor, nn

from services.speech.backends.styletts2.bert import make_bert, read
from services.speech.backends.styletts2.config import Config
from services.speech.backends.styletts2.decoder import Decoder
from services.speech.backends.styletts2.diffusion import StyleDiffusion
from services.speech.backends.styletts2.generator import ResBlock
from services.speech.backends.styletts2.layers import StyledBlock1d
from services.speech.backends.styletts2.mel import log_mel
from services.speech.backends.styletts2.predictor import Melody, ProsodyPredictor
from services.speech.backends.styletts2.style_encoder import LEAST_FRAMES, StyleEncoder
from services.speech.backends.styletts2.style_transformer import StyleTransformer
from services.speech.backends.styletts2.text_encoder import TextEncoder

_TAIL = 50
"""Samples at the end of every utterance that are a click in the public weights."""


@dataclass(frozen=True)
class Reading:
    """Texts as the networks see them."""

    hidden: Tensor
    """(B, hidden, T), for the decoder."""
    bert: Tensor
    """(B, T, hidden of PL-BERT), for the style diffusion."""
    prosodic: Tensor
    """(B, hidden, T), for the predictors."""

    def row(self, row: int, length: int) -> "Reading":
        """One text by itself."""
        one = slice(row, row + 1)
        return Reading(self.hidden[one, :, :length], self.bert[one, :length], self.prosodic[one, :, :length])


@dataclass(frozen=True)
class Timed:
    """Texts and how long each of their symbols lasts."""

    d: Tensor
    """(B, T, hidden + style)."""
    durations: Tensor
    """(B, T) frames, before rounding."""

    def row(self, row: int, length: int) -> "Timed":
        """One text by itself."""
        return Timed(self.d[row : row + 1, :length], self.durations[row : row + 1, :length])


class StyleTTS2(nn.Module):
    """All networks that inference needs, under upstream's names."""

    def __init__(self, config: Config) -> None:
        """Builds them with random weights, on the default device; call `eval` before use."""
        super().__init__()
        self.config = config
        self.text_encoder = TextEncoder(config)
        with torch.device("cpu"):
            # ALBERT makes tables outside its state dict, which must not be left on the meta device.
            self.bert = make_bert(config.bert, config.symbols)
        self.bert_encoder = nn.Linear(config.bert.hidden, config.hidden)
        self.style_encoder = StyleEncoder(config)
        self.predictor_encoder = StyleEncoder(config)
        self.predictor = ProsodyPredictor(config)
        self.decoder = Decoder(config)
        self.diffusion = StyleDiffusion(config)

    def fuse(self, backend: str = "inductor") -> None:
        """Has torch compile what is made of many small steps, at its first use and for any length."""
        parts = [m for m in self.modules() if isinstance(m, ResBlock | StyledBlock1d | StyleTransformer)]
        # Blocks of one class share their code, and each width is a recompilation of it.
        dynamo = torch._dynamo.config
        dynamo.recompile_limit = max(dynamo.recompile_limit, 2 * len(parts))
        for part in parts:
            part.compile(dynamic=True, backend=backend)

    def embed(self, wave: Tensor) -> Tensor:
        """Style of a clip: (samples,) at 24 kHz to (1, 2 * style), acoustic then prosodic.

        A clip under 1 s is repeated until it is long enough for the networks.
        """
        mel = log_mel(wave, self.config.mels)
        if mel.shape[1] < LEAST_FRAMES:
            mel = mel.repeat(1, -(-LEAST_FRAMES // mel.shape[1]))
        return torch.cat([self.style_encoder(mel[None, None]), self.predictor_encoder(mel[None, None])], 1)

    def read(self, tokens: Tensor, lengths: Tensor) -> Reading:
        """Reads symbols (B, T), the leading pads among them, and nothing past the lengths (B)."""
        bert = read(self.bert, tokens, lengths)
        return Reading(self.text_encoder(tokens, lengths), bert, self.bert_encoder(bert).transpose(1, 2))

    def time(self, reading: Reading, style: Tensor, lengths: Tensor) -> Timed:
        """Predicts durations under styles (B, 2 * style)."""
        d = self.predictor.text_encoder(reading.prosodic, self._prosodic(style), lengths)
        return Timed(d, self.predictor.durations(d, lengths))

    def melody(self, timed: Timed, frames: Tensor, style: Tensor) -> Melody:
        """Predicts pitch and energy; `frames` (T) is how long each symbol lasts."""
        spread = _delayed(timed.d.transpose(1, 2).repeat_interleave(frames, dim=-1))
        return self.predictor.melody(spread, self._prosodic(style))

    def sound(
        self,
        reading: Reading,
        frames: Tensor,
        melody: Melody,
        style: Tensor,
        noise: Tensor,
        phase: Tensor | None = None,
    ) -> Iterator[Tensor]:
        """Makes the sound step by step, so that a caller may stop between two.

        Args:
            reading: The text.
            frames: (T), how long each symbol lasts.
            melody: Pitch and energy.
            style: (1, 2 * style).
            noise: (1, samples, harmonics + 1), standard normal; `samples` as `samples` tells.
            phase: (1, harmonics + 1) in turns; none is zero.

        Yields:
            What is there so far; the last is the sound, (samples - 50,).
        """
        text = _delayed(reading.hidden.repeat_interleave(frames, dim=-1))
        acoustic = style[:, : self.config.style]
        # Not `yield from`: only the last step is the sound.
        x = text
        for x in self.decoder.steps(text, melody, acoustic, noise, phase):
            yield x
        yield x[0, 0, :-_TAIL]

    def _prosodic(self, style: Tensor) -> Tensor:
        return style[:, self.config.style :]


def _delayed(x: Tensor) -> Tensor:
    """Moves features one frame later; the first frame is there twice. So the HiFi-GAN decoder was trained."""
    return torch.cat([x[..., :1], x[..., :-1]], dim=-1)
