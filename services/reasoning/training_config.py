"""What to train and how: the YAML files in `configs/`."""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runtime.errors import InvalidInput


class LoraSettings(BaseModel):
    """Size of the adapter, by peft's names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    targets: str | list[str] = "all-linear"


class Curation(BaseModel):
    """How much to keep where only a part can be learned (`curation.py`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chains: int = Field(ge=0)
    replies: int = Field(ge=0)


class TrainingConfig(BaseModel):
    """What to train and how; the YAML files in `configs/` hold it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    """`embedded`, a folder, or an id of a model hub."""
    start_from: str = ""
    """Folder of an adapter of the same model and size to go on from; `shipped` is the one in `weights/`."""
    lora: LoraSettings = Field(default_factory=lambda: LoraSettings.model_validate({}))
    quantised: bool = False
    """4-bit base weights (QLoRA, Dettmers et al. 2023); needs bitsandbytes and a GPU."""
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    """Of the base weights and the products; what is learned is kept in float32 beside it."""
    curation: Curation | None = None
    exemplars: int = Field(0, ge=0)
    """How often an epoch holds each turn of `exemplars.jsonl`, which shows the manner that is wanted."""
    epochs: int = Field(1, ge=1)
    rate: float = Field(1e-3, gt=0)
    warmup: float = Field(0.05, ge=0, lt=1)
    """Share of the steps in which the rate rises; then it falls along a cosine to a tenth."""
    decay: float = Field(0.0, ge=0)
    clip: float = Field(1.0, gt=0)
    batch_tokens: int = Field(1600, ge=8)
    """Tokens of a step, padding included."""
    most_tokens: int = Field(512, ge=8)
    """Of one turn; the oldest utterances of a longer one are left out."""
    balance: float = Field(0.5, ge=0, le=1)
    """Power of a label's rarity that weighs its token: 0 not at all, 1 wholly."""
    shown: float = Field(0.3, ge=0, le=1)
    """Share of turns whose earlier utterances show what the person felt, as a running dialogue knows it."""
    checkpoint_s: float = Field(180, gt=0)
    seed: int = 0

    @classmethod
    def read(cls, path: Path) -> "TrainingConfig":
        """Reads a YAML file.

        Raises:
            InvalidInput: There is none, or a field is wrong.
        """
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, yaml.YAMLError) as error:
            raise InvalidInput.of("config", f"{path}: {error}", reason="BAD_CONFIG") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise InvalidInput.of(
                f"config.{where}", f"{first['msg']} ({path})", reason="BAD_CONFIG"
            ) from error
