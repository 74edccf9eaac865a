"""Log-mel spectrogram of a reference clip, as the style encoders were trained on it."""

import math
from functools import cache

import torch
from torch import Tensor

_FFT, _WINDOW, _HOP = 2048, 1200, 300
_FLOOR = 1e-5
_MEAN, _SPREAD = -4.0, 4.0
_FILTERBANK_RATE = 16000
"""The public weights were trained with triangles laid out for 16 kHz on sound of 24 kHz; so must ours be."""


def log_mel(wave: Tensor, mels: int = 80) -> Tensor:
    """Normalised log-mel spectrogram.

    Args:
        wave: (samples,) float32 at 24 kHz, longer than 1024 samples.
        mels: Bands.

    Returns:
        (mels, 1 + samples // 300).
    """
    window = torch.hann_window(_WINDOW, device=wave.device)
    spectrum = torch.stft(
        wave, _FFT, _HOP, _WINDOW, window, center=True, pad_mode="reflect", return_complex=True
    )
    power = spectrum.abs().square()
    mel = filterbank(mels).to(wave.device).T @ power
    return ((_FLOOR + mel).log() - _MEAN) / _SPREAD


@cache
def filterbank(mels: int) -> Tensor:
    """Triangles on the HTK scale without area normalisation, (1025, mels)."""
    top = _FILTERBANK_RATE / 2
    bins = torch.linspace(0.0, top, _FFT // 2 + 1)
    most = 2595.0 * math.log10(1.0 + top / 700.0)
    edges = 700.0 * (10.0 ** (torch.linspace(0.0, most, mels + 2) / 2595.0) - 1.0)
    width = edges.diff()
    distance = edges[None] - bins[:, None]
    rising = -distance[:, :-2] / width[:-1]
    falling = distance[:, 2:] / width[1:]
    return torch.minimum(rising, falling).clamp_min(0.0)
