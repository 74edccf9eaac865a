"""Keeps the style of a clip: `python -m services.speech.backends.styletts2`."""

from pathlib import Path
from typing import Annotated

import typer

from runtime.errors import EmpatheiaError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Voices for StyleTTS2.")


@app.command()
def voice(
    folder: Annotated[Path, typer.Argument(help="The imported model.")],
    clip: Annotated[Path, typer.Argument(help="WAV of the voice, 3 to 10 s.")],
    shelf: Annotated[Path, typer.Argument(help="The .safetensors to put its style in.")],
    emotion: Annotated[str, typer.Option(help='One of the 7 classes or "neutral".')] = "neutral",
    age: Annotated[str, typer.Option(help="As in a profile; empty fits any.")] = "",
    gender: Annotated[str, typer.Option(help="The same.")] = "",
) -> None:
    """Keep the style of a clip, so that it need not be made again."""
    from services.speech.backends.styletts2.checkpoint import load
    from services.speech.backends.styletts2.voices import shelve

    try:
        shelve(shelf, load(folder)[0], clip, emotion, age, gender)
    except EmpatheiaError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(error.exit_code) from error
    typer.echo(f"{clip} is in {shelf}")


if __name__ == "__main__":
    app()
