"""The networks at work for all sessions at once."""

from dataclasses import dataclass

import torch
from empatheia.common.v1 import style_pb2
from torch import Tensor

from runtime.batching import Batcher
from runtime.errors import InvalidInput
from runtime.tensors import to_array
from services.avatar.backends.dreamtalk.checkpoint import Weights


@dataclass(frozen=True)
class Expression:
    """A picture whose expression is wanted."""

    noise: Tensor
    window: Tensor
    style: Tensor


@dataclass(frozen=True)
class Picture:
    """A picture that is wanted."""

    portrait: Tensor
    window: Tensor


class Engine:
    """Makes expressions and pictures, batched across sessions."""

    def __init__(
        self,
        weights: Weights,
        *,
        device: str,
        steps: int,
        guidance: float,
        batch: int,
        learned_style: bool = False,
    ) -> None:
        """Starts the threads that work.

        Args:
            weights: The networks and style codes.
            device: Where they are.
            steps: Of DDIM.
            guidance: How far to go beyond no style.
            batch: Most pictures drawn together.
            learned_style: S_v is a style code, from a disentangler that was taught these codes.
        """
        self.weights = weights
        self._learned_style = learned_style
        self._device, self._steps, self._guidance = device, steps, guidance
        with torch.inference_mode():
            self._null = weights.diffusion.null_style() if guidance != 1.0 else None
        self.expressions: Batcher[Expression, Tensor] = Batcher(self._express, 64, "dreamtalk-denoiser")
        self.pictures: Batcher[Picture, Tensor] = Batcher(self._draw, batch, "dreamtalk-renderer")

    def style(self, style: style_pb2.Style) -> Tensor:
        """Code (width,) of how the face is to look.

        Either the disentangler's S_v itself, or the emotion's own code, approached from the neutral one by
        the intensity.

        Raises:
            InvalidInput: S_v is to be the code, and is missing or broken.
        """
        codes, width = self.weights.styles, self.weights.config.denoiser.width
        if self._learned_style:
            found = [to_array(tensor) for tensor in style.tensors if tensor.name == "S_v"]
            code = torch.from_numpy(found[0].astype("float32")).flatten() if found else torch.zeros(0)
            if len(code) != width or not torch.isfinite(code).all():
                said = f"must be {width} finite numbers"
                raise InvalidInput.of("start.style.tensors[S_v]", said, reason="BAD_STYLE")
            return code
        neutral = codes["neutral"]
        share = min(1.0, max(0.0, style.intensity))
        return neutral + share * (codes.get(style.emotion, neutral) - neutral)

    @torch.inference_mode()
    def _express(self, items: list[Expression]) -> list[Tensor]:
        noise = torch.stack([item.noise for item in items])[:, None].to(self._device)
        windows = torch.stack([item.window for item in items])[:, None].to(self._device)
        styles = torch.stack([item.style for item in items]).to(self._device)
        made = self.weights.diffusion.sample(
            noise, windows, styles, steps=self._steps, guidance=self._guidance, null_style=self._null
        )
        return list(made[:, 0].cpu())

    @torch.inference_mode()
    def _draw(self, items: list[Picture]) -> list[Tensor]:
        portraits = torch.stack([item.portrait for item in items]).to(self._device)
        windows = torch.stack([item.window for item in items]).to(self._device)
        made = self.weights.renderer(portraits, windows)
        pixels = ((made.clamp(-1, 1) + 1) * 127.5).to(torch.uint8)
        return list(pixels.permute(0, 2, 3, 1).cpu())
