"""Harmonic source of the generator: sines at the pitch and its overtones, noise where there is no voice.

After the neural source-filter model (Wang et al. 2019, arXiv 1904.12088).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

_VOICED_HZ = 10.0
_SINE, _VOICED_NOISE = 0.1, 0.003


class HarmonicSource(nn.Module):
    """Mixes the harmonics into one excitation signal."""

    def __init__(self, sample_rate: int, harmonics: int, hop: int) -> None:
        super().__init__()
        self._sample_rate, self._hop = sample_rate, hop
        self.l_linear = nn.Linear(harmonics + 1, 1)

    @property
    def width(self) -> int:
        """Sines: the fundamental and its overtones."""
        return self.l_linear.in_features

    def forward(self, pitch: Tensor, noise: Tensor, phase: Tensor | None = None) -> Tensor:
        """Makes the source.

        Args:
            pitch: (B, frames) in hertz.
            noise: (B, frames * hop, width), standard normal.
            phase: (B, width) in turns, at the start; none is zero.

        Returns:
            (B, 1, frames * hop).
        """
        held = pitch.repeat_interleave(self._hop, dim=1)[..., None]
        multiples = torch.arange(1, self.width + 1, device=pitch.device)
        turns = held * multiples / self._sample_rate % 1
        if phase is not None:
            turns[:, 0] += phase
        # Summed once a frame, not once a sample: so it was trained, and so rounding stays small.
        coarse = F.interpolate(turns.transpose(1, 2), scale_factor=1 / self._hop, mode="linear")
        summed = coarse.cumsum(-1) * 2 * math.pi * self._hop
        sines = F.interpolate(summed, scale_factor=float(self._hop), mode="linear").sin().transpose(1, 2)
        voiced = (held > _VOICED_HZ).float()
        level = voiced * _VOICED_NOISE + (1 - voiced) * _SINE / 3
        mixed = self.l_linear(_SINE * sines * voiced + level * noise)
        return mixed.tanh().transpose(1, 2)  # type: ignore[no-any-return]
