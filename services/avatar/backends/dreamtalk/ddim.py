"""Sampling: the noise schedule, and DDIM (Song et al. 2021, formula 12, eta 0)."""

import torch
from torch import Tensor, nn

from services.avatar.backends.dreamtalk.config import DenoiserConfig
from services.avatar.backends.dreamtalk.denoiser import Denoiser


class VarianceSchedule(nn.Module):
    """Linear betas; entry 0 stands for no noise."""

    alpha_bars: Tensor

    def __init__(self, steps: int, first: float = 1e-4, last: float = 0.02) -> None:
        super().__init__()
        betas = torch.cat([torch.zeros(1), torch.linspace(first, last, steps)])
        alphas = 1 - betas
        alpha_bars = alphas.log().cumsum(0).exp()
        before = torch.cat([torch.ones(1), alpha_bars[:-1]])
        inflexible = ((1 - before) / (1 - alpha_bars) * betas).sqrt()
        inflexible[0] = 0
        for name, table in {
            "betas": betas,
            "alphas": alphas,
            "alpha_bars": alpha_bars,
            "sigmas_flex": betas.sqrt(),
            "sigmas_inflex": inflexible,
        }.items():
            self.register_buffer(name, table)


class DiffusionNet(nn.Module):
    """The denoiser with its schedule and the style that stands for none."""

    null_style_clip: Tensor
    null_pad_mask: Tensor

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.config = config
        self.net = Denoiser(config)
        self.var_sched = VarianceSchedule(config.steps)
        self.register_buffer("null_style_clip", torch.zeros(config.style_frames, config.expression))
        self.register_buffer("null_pad_mask", torch.zeros(config.style_frames, dtype=torch.bool))

    def null_style(self) -> Tensor:
        """Code of no style, (1, width)."""
        code: Tensor = self.net.style_encoder(self.null_style_clip[None], self.null_pad_mask[None])
        return code

    def sample(
        self,
        noise: Tensor,
        windows: Tensor,
        style: Tensor,
        *,
        steps: int = 10,
        guidance: float = 1.0,
        null_style: Tensor | None = None,
    ) -> Tensor:
        """Makes expressions.

        The voice and the style are encoded once for all steps. At guidance 1 the pass without style would
        cancel out, and is left away.

        Args:
            noise: (batch, pictures, expression).
            windows: Features of the voice, (batch, pictures, window, features).
            style: Style codes, (batch, width).
            steps: Steps of DDIM; a divisor of the schedule's own.
            guidance: How far to go from no style to this one; 1 is the style as it is.
            null_style: From `null_style`, where it is kept; only needed for a guidance that is not 1.

        Returns:
            (batch, pictures, expression).
        """
        stride = self.config.steps // steps
        content = self.net.content_encoder(windows)
        guided = guidance != 1.0
        if guided:
            code = self.null_style() if null_style is None else null_style
            content = torch.cat([content, content])
            style = torch.cat([code.expand_as(style), style])
        x = noise
        for t in range(self.config.steps - stride + 1, 0, -stride):
            twice = torch.cat([x, x]) if guided else x
            number = torch.full((len(twice),), float(t), device=x.device)
            clean = self.net(twice, number, content, style)
            if guided:
                without, with_style = clean.chunk(2)
                clean = without + guidance * (with_style - without)
            now, then = self.var_sched.alpha_bars[t], self.var_sched.alpha_bars[max(t - stride, 0)]
            remaining = (x - now.sqrt() * clean) / (1 - now).sqrt()
            x = then.sqrt() * clean + (1 - then).sqrt() * remaining
        return x
