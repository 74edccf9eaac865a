"""Style diffusion: the network's preconditioning, the noise schedule and the sampler.

Preconditioning and schedule are those of Karras et al. 2022 (arXiv 2206.00364), the sampler is the ancestral
variant of DPM-Solver-2 (ADPM2) with the middle of two noise levels as their mean.
"""

import torch
from torch import Tensor, nn

from services.speech.backends.styletts2.config import Config
from services.speech.backends.styletts2.layers import padding_mask
from services.speech.backends.styletts2.style_transformer import StyleTransformer

LEAST_STEPS = 2
_SIGMA_MIN, _SIGMA_MAX, _RHO = 1e-4, 3.0, 9.0


class Denoiser(nn.Module):
    """The network under Karras' preconditioning."""

    def __init__(self, net: StyleTransformer, sigma_data: float) -> None:
        super().__init__()
        self.net = net
        self._sigma_data = sigma_data

    def forward(
        self,
        x: Tensor,
        sigma: Tensor,
        text: Tensor,
        features: Tensor,
        scale: float = 1.0,
        seen: Tensor | None = None,
    ) -> Tensor:
        """Guesses the clean style.

        Args:
            x: (B, 1, 2 * style), noisy.
            sigma: (B), its noise level.
            text: See `StyleTransformer`.
            features: The same.
            scale: The same.
            seen: The same.
        """
        level, data = sigma[:, None, None], self._sigma_data
        whole = level**2 + data**2
        found = self.net(x / whole.sqrt(), sigma.log() / 4, text, features, scale, seen)
        return x * data**2 / whole + found * level * data / whole.sqrt()  # type: ignore[no-any-return]


class StyleDiffusion(nn.Module):
    """Draws a style for a text. The network stands under two names, as in public checkpoints."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.unet = StyleTransformer(config)
        self.diffusion = Denoiser(self.unet, config.diffusion.sigma_data)

    def sample(
        self,
        noise: Tensor,
        step_noise: Tensor,
        text: Tensor,
        features: Tensor,
        scale: float = 1.0,
        lengths: Tensor | None = None,
    ) -> Tensor:
        """Draws styles.

        Args:
            noise: (B, 1, 2 * style), standard normal.
            step_noise: (steps - 1, B, 1, 2 * style), the same.
            text: (B, T, hidden of PL-BERT).
            features: (B, 2 * style), the reference.
            scale: See `StyleTransformer`.
            lengths: (B) of the texts, if they are not all as long as T.

        Returns:
            (B, 2 * style).

        Raises:
            ValueError: There are fewer than 2 steps.
        """
        seen = None
        if lengths is not None and bool((lengths < text.shape[1]).any()):
            seen = ~padding_mask(lengths, text.shape[1])
        sigmas = karras(len(step_noise) + 1).to(noise.device)
        x = sigmas[0] * noise
        for i, fresh in enumerate(step_noise):
            sigma, following = sigmas[i], sigmas[i + 1]
            up = (following**2 * (sigma**2 - following**2) / sigma**2).sqrt()
            down = (following**2 - up**2).sqrt()
            middle = (sigma + down) / 2
            slope = (x - self._clean(x, sigma, text, features, scale, seen)) / sigma
            halfway = x + slope * (middle - sigma)
            slope = (halfway - self._clean(halfway, middle, text, features, scale, seen)) / middle
            x = x + slope * (down - sigma) + up * fresh
        return x.squeeze(1)

    def _clean(
        self,
        x: Tensor,
        sigma: Tensor,
        text: Tensor,
        features: Tensor,
        scale: float,
        seen: Tensor | None,
    ) -> Tensor:
        clean: Tensor = self.diffusion(x, sigma.expand(len(x)), text, features, scale, seen)
        return clean


def karras(steps: int) -> Tensor:
    """Noise levels from 3 down to 1e-4, `steps` of them, and a 0 at the end.

    Raises:
        ValueError: Fewer than 2 steps have no distance between them, and would give 0 / 0.
    """
    if steps < LEAST_STEPS:
        raise ValueError(f"style diffusion needs at least {LEAST_STEPS} steps, {steps} asked for")
    first, last = _SIGMA_MAX ** (1 / _RHO), _SIGMA_MIN ** (1 / _RHO)
    levels = (first + torch.arange(steps) / (steps - 1) * (last - first)) ** _RHO
    return torch.cat([levels, torch.zeros(1)])
