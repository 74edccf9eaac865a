"""Finds the files of a public StyleTTS2 checkpoint at a path, and takes them over."""

from pathlib import Path

from runtime.errors import InvalidInput
from services.speech.backends.styletts2.checkpoint import import_checkpoint


def run(path: Path, into: Path) -> None:
    """Imports what lies at a path.

    Args:
        path: The `.pth` file, or the folder that holds it; `config.yml` lies beside it.
        into: Folder for the model; what an earlier import left there is replaced.

    Raises:
        InvalidInput: There is not exactly one checkpoint, no configuration, or they can't be used.
    """
    found = [path] if path.is_file() else sorted(path.glob("*.pth"))
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise InvalidInput.of(
            str(path),
            f"must be one .pth file or a folder with one; there is {names}",
            reason="BAD_CHECKPOINT",
        )
    beside = found[0].parent
    configs = [beside / name for name in ("config.yml", "config.yaml", "config.json")]
    config = next((file for file in configs if file.is_file()), None)
    if config is None:
        raise InvalidInput.of(
            str(beside), "holds no config.yml; put the checkpoint's own beside it", reason="BAD_CHECKPOINT"
        )
    import_checkpoint(found[0], config, into)
