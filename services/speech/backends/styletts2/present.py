"""Which weights of the backend are not on this machine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runtime.errors import WeightsMissing

WEIGHTS, CONFIG = "model.safetensors", "config.json"
_RUN = "python -m services.speech.backends.styletts2"


def missing(options: Mapping[str, Any]) -> list[WeightsMissing]:
    """Looks for the imported model, and for the shelf of styles or the reference, by names of files only."""
    found = []
    folder = Path(str(options.get("model", ""))).expanduser()
    if not ((folder / WEIGHTS).is_file() and (folder / CONFIG).is_file()):
        found.append(no_model(folder))
    for name in ("styles", "reference"):
        path = Path(str(options.get(name) or folder)).expanduser()
        if not path.exists() and options.get(name):
            found.append(
                WeightsMissing(
                    f"there is no voice {path} ({name}); run: {_RUN} {folder} CLIP.wav {path}",
                    reason="WEIGHTS_MISSING",
                )
            )
    return found


def no_model(folder: Path) -> WeightsMissing:
    """The error for a folder without a model."""
    return WeightsMissing(
        f"no StyleTTS2 model in {folder}; run: empatheia models import styletts2 CHECKPOINT.pth",
        reason="WEIGHTS_MISSING",
    )
