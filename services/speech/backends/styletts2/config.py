"""Widths of the networks, and where public configuration files say them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from runtime.errors import InvalidInput

_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class BertConfig:
    """PL-BERT: an ALBERT on phonemes."""

    hidden: int = 768
    embedding: int = 128
    heads: int = 12
    intermediate: int = 2048
    layers: int = 12
    positions: int = 512
    """Longest text in symbols, the leading pad among them."""

    __pydantic_config__ = _STRICT


@dataclass(frozen=True)
class DiffusionConfig:
    """The network that draws a style, and the spread of the styles it was trained on."""

    sigma_data: float
    """Standard deviation of the styles; not in the weights, so it must come from their configuration."""
    layers: int = 3
    heads: int = 8
    head_features: int = 64
    multiplier: int = 2
    """Width of the feed-forward part, as a multiple of the block's."""

    __pydantic_config__ = _STRICT


@dataclass(frozen=True)
class DecoderConfig:
    """HiFi-GAN and the trunk in front of it."""

    trunk: int = 1024
    """Channels of the trunk."""
    residual: int = 64
    """Channels in which the text goes past the trunk's first block."""
    initial: int = 512
    """Channels that enter the generator; each upsampling halves them."""
    upsample_rates: tuple[int, ...] = (10, 5, 3, 2)
    upsample_kernels: tuple[int, ...] = (20, 10, 6, 4)
    kernels: tuple[int, ...] = (3, 7, 11)
    dilations: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    """Of the residual blocks, one tuple for each of `kernels`."""
    harmonics: int = 8
    """Overtones of the sine source, beside the fundamental."""

    __pydantic_config__ = _STRICT


@dataclass(frozen=True)
class Config:
    """Everything that shapes the model. Defaults are those of the public LibriTTS model."""

    diffusion: DiffusionConfig
    sample_rate: int = 24000
    symbols: int = 178
    hidden: int = 512
    """Channels of text encoder and predictors."""
    style: int = 128
    """Width of one half of a style: acoustic or prosodic."""
    text_layers: int = 3
    max_duration: int = 50
    """Bins, and so the longest symbol in frames."""
    mels: int = 80
    encoder_base: int = 64
    encoder_max: int = 512
    """First and largest number of channels of the style encoders."""
    bert: BertConfig = field(default_factory=BertConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)

    __pydantic_config__ = _STRICT

    @property
    def frame(self) -> int:
        """Samples of one frame of the alignment; pitch and energy have two values in it."""
        size = 2
        for rate in self.decoder.upsample_rates:
            size *= rate
        return size


def parse(data: Mapping[str, Any], where: str) -> Config:
    """Reads this project's own form.

    Args:
        data: As `dataclasses.asdict` gives it.
        where: What is read, for the message.

    Raises:
        InvalidInput: A value is missing, unknown or of the wrong kind.
    """
    try:
        return TypeAdapter(Config).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InvalidInput.of(f"{where}: {place}", first["msg"], reason="BAD_MODEL_CONFIG") from error


def read_public(path: Path) -> Config:
    """Reads a `config.yml` as the public checkpoints have it beside them.

    PL-BERT's widths stand in a file of their own upstream; a section `plbert` here may give them, else they
    are those of the public one.

    Raises:
        InvalidInput: The file is not such a configuration, or is one of a variant that is not supported.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        model, signal = document["model_params"], document["preprocess_params"]
        decoder, diffusion = model["decoder"], model["diffusion"]
        transformer = diffusion["transformer"]
        spectrum = signal["spect_params"]
        shape = {
            "sample_rate": signal["sr"],
            "symbols": model["n_token"],
            "hidden": model["hidden_dim"],
            "style": model["style_dim"],
            "text_layers": model["n_layer"],
            "max_duration": model["max_dur"],
            "mels": model["n_mels"],
            "encoder_base": model["dim_in"],
            "encoder_max": model["max_conv_dim"],
            "bert": _bert(document.get("plbert") or {}),
            "diffusion": {
                "sigma_data": diffusion["dist"]["sigma_data"],
                "layers": transformer["num_layers"],
                "heads": transformer["num_heads"],
                "head_features": transformer["head_features"],
                "multiplier": transformer["multiplier"],
            },
        }
        kind = (model["multispeaker"], decoder["type"])
        fixed = (signal["sr"], spectrum["n_fft"], spectrum["win_length"], spectrum["hop_length"])
        if kind == (True, "hifigan"):
            shape["decoder"] = {
                "initial": decoder["upsample_initial_channel"],
                "upsample_rates": decoder["upsample_rates"],
                "upsample_kernels": decoder["upsample_kernel_sizes"],
                "kernels": decoder["resblock_kernel_sizes"],
                "dilations": decoder["resblock_dilation_sizes"],
            }
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput.of(str(path), f"is not YAML: {error}", reason="BAD_MODEL_CONFIG") from error
    except (KeyError, TypeError) as error:
        raise InvalidInput.of(
            str(path), f"is not a StyleTTS2 configuration: {error} is missing", reason="BAD_MODEL_CONFIG"
        ) from error
    if kind != (True, "hifigan"):
        raise InvalidInput.of(
            str(path),
            "describes a single-speaker or iSTFT model; only multi-speaker models with a hifigan decoder "
            "(the public LibriTTS one) can be used",
            reason="BAD_MODEL_CONFIG",
        )
    if fixed != (24000, 2048, 1200, 300):
        raise InvalidInput.of(
            str(path),
            "sound is not at 24 kHz with windows of 1200 every 300 samples",
            reason="BAD_MODEL_CONFIG",
        )
    return parse(shape, str(path))


def _bert(section: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "hidden_size": "hidden",
        "embedding_size": "embedding",
        "num_attention_heads": "heads",
        "intermediate_size": "intermediate",
        "num_hidden_layers": "layers",
        "max_position_embeddings": "positions",
    }
    return {names[key]: value for key, value in section.items() if key in names}
