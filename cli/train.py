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
    data: Annotated[
        Path, typer.Option("--data", help="Folder of the data set that the weights' card names.")
    ],
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
) -> None:
    """Train the affect net of one modality."""
    from cli.console import err
    from runtime.errors import InvalidInput

    if not data.is_dir():
        raise InvalidInput.of("--data", f"{data} is no folder", reason="NO_FILE")
    from services.perception import training

    with err.status("training"):
        figures = training.train(modality.value, data, seed=seed)
    for name, value in figures.items():
        typer.echo(f"{name:<20} {value:.3f}")
