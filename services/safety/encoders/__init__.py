"""Pretrained encoders that packages carry, which the networks that see danger are tuned from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runtime.registry import pick

ENCODERS: dict[str, str] = {
    "mpnet": "services.safety.encoders.mpnet:load",
    "e5": "services.safety.encoders.e5:load",
}
"""Name -> what loads it: English only, and many languages."""


@dataclass(frozen=True)
class Encoder:
    """A transformer of BERT's shape, with its tokenizer."""

    name: str
    """One of `ENCODERS`."""
    source: str
    """Whose weights these are, and the SHA-256 of their file."""
    model: Any
    """With `embeddings` and `encoder.layer`, float32, ready to judge."""
    ids: Callable[[str], list[int]]
    """Token ids of a text, without marks."""
    width: int
    layers: int
    begin: int
    end: int
    pad: int
    cased: bool
    """Whether it was taught with capitals and accents."""
    prefix: tuple[int, ...] = ()
    """Token ids that stand before every text."""


def load_encoder(name: str) -> Encoder:
    """Loads an encoder from its package; nothing is downloaded.

    Raises:
        WeightsMissing: The package is not installed, or holds other weights.
    """
    encoder: Encoder = pick(ENCODERS, name, what="encoder")()
    return encoder
