"""Where model files are, and which they are."""

import hashlib
from functools import cache
from pathlib import Path


@cache
def weight_hash(path: Path) -> str:
    """First 16 hex digits of the SHA-256 of a weights file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]
