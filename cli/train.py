"""`empatheia train`: makes this project's own small weights again from their data."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Train this project's own small weights.")


class Modality(StrEnum):
    """What a perception net listens or looks at."""

    TEXT = "text"
    SPEECH = "speech"
    FACE = "face"


@app.callback()
def _group() -> None:
    pass


@app.command("perception")
def perception(
    modality: Annotated[Modality, typer.Argument(help="Which net.")],
    data: Annotated[Path, typer.Option("--data", help="Folder of the data sets; the card names them.")],
) -> None:
    """Train the affect net of one modality."""
    from runtime.errors import InvalidInput
    from services.perception import training

    if not data.is_dir():
        raise InvalidInput.of("--data", f"{data} is no folder", reason="NO_FILE")
    training.train(modality.value, data)
