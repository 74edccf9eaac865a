"""A picture that a command is to draw."""

from importlib.util import find_spec
from pathlib import Path


def check_picture(output: Path) -> None:
    """Makes sure, before the work, that a picture can be drawn into a file.

    Raises:
        InvalidInput: It can't.
    """
    from runtime.errors import InvalidInput

    problem = ""
    if output.suffix.lower() != ".png":
        problem = f"{output} must end in .png"
    elif output.is_dir() or not output.parent.is_dir():
        problem = f"{output} can't be written: {output.parent} must be a folder, and {output.name} no folder"
    elif find_spec("matplotlib") is None:
        problem = "drawing needs matplotlib; install it, or leave the option out"
    if problem:
        raise InvalidInput.of("--output", problem, reason="BAD_OUTPUT")
