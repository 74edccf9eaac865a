"""Takes DreamTalk's files: `python -m services.avatar.backends.dreamtalk.importer --help`."""

from pathlib import Path
from typing import Annotated

import typer

from runtime.errors import EmpatheiaError
from services.avatar.backends.dreamtalk.checkpoint import import_checkpoint


def run(
    into: Annotated[Path, typer.Argument(help="Folder to make.")],
    denoiser: Annotated[Path, typer.Option(help="denoising_network.pth")],
    renderer: Annotated[Path, typer.Option(help="renderer.pt")],
    features: Annotated[Path, typer.Option(help="Folder of wav2vec2-large-xlsr-53-english.")],
    styles: Annotated[Path | None, typer.Option(help="Folder of clips EMOTION.mat or EMOTION.npy.")] = None,
    pose: Annotated[Path | None, typer.Option(help="Clip of a moving head, .mat or .npy.")] = None,
) -> None:
    """Check the files and keep them in INTO as safetensors with their SHA-256."""
    clips = {path.stem: path for path in sorted(styles.iterdir())} if styles else {}
    try:
        import_checkpoint(
            into, denoiser=denoiser, renderer=renderer, features=features, styles=clips, pose=pose
        )
    except EmpatheiaError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(error.exit_code) from error
    typer.echo(f"imported into {into}; set services.avatar.options.weights to it")


if __name__ == "__main__":
    typer.run(run)
