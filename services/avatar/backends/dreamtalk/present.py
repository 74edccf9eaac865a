"""Which weights of the backend are not on this machine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runtime.errors import WeightsMissing

CARD = "config.json"


def missing(options: Mapping[str, Any]) -> list[WeightsMissing]:
    """Looks for the imported weights and the portraits, by names of files only."""
    found = []
    folder = Path(str(options.get("weights", ""))).expanduser()
    if not (folder / CARD).is_file():
        found.append(no_weights(folder))
    portraits = Path(str(options.get("portraits", ""))).expanduser()
    if not portraits.is_dir() or not any(portraits.iterdir()):
        found.append(
            WeightsMissing(
                f"{portraits} holds no portraits; put pictures of faces there, named by the keys of avatars",
                reason="WEIGHTS_MISSING",
            )
        )
    return found


def no_weights(folder: Path) -> WeightsMissing:
    """The error for a folder without weights."""
    return WeightsMissing(
        f"{folder} holds no DreamTalk weights. They are not public: ask their authors for them, then run "
        "empatheia models import dreamtalk FOLDER",
        reason="WEIGHTS_MISSING",
    )
