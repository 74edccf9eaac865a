"""Widths of the networks; the defaults are those of the public checkpoints."""

from dataclasses import field

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_STRICT)
class DenoiserConfig:
    """From features of the voice to expressions."""

    features: int = 1024
    """Width of the wav2vec2 features."""
    width: int = 256
    heads: int = 8
    feed_forward: int = 1024
    layers: int = 3
    radius: int = 5
    """Features on each side of a picture's own that it sees."""
    expression: int = 64
    """Coefficients of the 3D face model that make an expression."""
    lower: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 7, 9, 10, 11, 12, 13, 14)
    """Those that move the mouth."""
    tail: int = 128
    style_frames: int = 256
    """Longest clip that a style is read from, in pictures."""
    steps: int = 1000
    """Steps of the diffusion that the network was trained with."""

    @property
    def window(self) -> int:
        """Features that a picture sees."""
        return 2 * self.radius + 1

    @property
    def upper(self) -> tuple[int, ...]:
        """Coefficients that do not move the mouth."""
        return tuple(index for index in range(self.expression) if index not in self.lower)


@dataclass(frozen=True, config=_STRICT)
class RendererConfig:
    """From a portrait and a motion to a picture."""

    size: int = 256
    """Width and height of a picture."""
    motion: int = 73
    """Expression, then head angles, translation and crop (3 numbers each)."""
    radius: int = 13
    """Pictures on each side whose motion a picture sees."""
    descriptor: int = 256
    modulation: int = 128
    """Hidden width where a descriptor steers a normalisation."""
    warp_base: int = 32
    warp_most: int = 256
    warp_down: int = 5
    warp_up: int = 3
    edit_base: int = 64
    edit_most: int = 256
    edit_layers: int = 3
    edit_blocks: int = 2


@dataclass(frozen=True, config=_STRICT)
class DreamTalkConfig:
    """Both networks."""

    denoiser: DenoiserConfig = field(default_factory=DenoiserConfig)
    renderer: RendererConfig = field(default_factory=RendererConfig)
