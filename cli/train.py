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
    ALL = "all"


_FOLDERS = {"text": "empathetic_dialogues", "speech": "speech_emotion", "face": "face_expression"}
"""Where `all` looks for the data of each net."""


@app.callback()
def _group() -> None:
    pass


@app.command("perception")
def perception(
    data: Annotated[
        Path,
        typer.Option("--data", help="Folder of the data set that the card names; for `all`, of all."),
    ],
    modality: Annotated[Modality, typer.Argument(help="Which net.")] = Modality.ALL,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
) -> None:
    """Train the nets that judge words, voices and faces, and write them with their cards.

    For `all`, --data holds the folders empathetic_dialogues, speech_emotion and face_expression.
    """
    import logging

    from rich.logging import RichHandler

    from cli.console import err
    from runtime.errors import InvalidInput

    whole = modality is Modality.ALL
    folders = {name: data / folder for name, folder in _FOLDERS.items()} if whole else {modality.value: data}
    for folder in folders.values():
        if not folder.is_dir():
            raise InvalidInput.of("--data", f"{folder} is no folder", reason="NO_FILE")
    from services.perception import training

    progress = logging.getLogger("services.perception")
    progress.setLevel(logging.INFO)
    progress.addHandler(RichHandler(console=err, show_time=False, show_level=False, show_path=False))
    for which, folder in folders.items():
        with err.status(f"training the net of {which}"):
            figures = training.train(which, folder, seed=seed)
        typer.echo(f"{which}:")
        for name, value in figures.items():
            typer.echo(f"  {name:<20} {value:.0f}" if name.startswith("n") else f"  {name:<20} {value:.3f}")


@app.command("coe")
def coe(
    data: Annotated[
        list[Path], typer.Option("--data", help="A file of dialogues or chains; give it several times.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder of the adapter.")],
    config: Annotated[
        Path | None, typer.Option("--config", help="YAML of the training; the embedded model's by default.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Workers of Ray Train.")] = 1,
) -> None:
    """Teach a language model the Chain of Empathy (a LoRA adapter)."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from cli.console import err
    from runtime.settings import load_settings
    from services.reasoning.trainer import Progress as At
    from services.reasoning.training import CONFIGS, learn
    from services.reasoning.training_config import TrainingConfig

    chosen = TrainingConfig.read(config or CONFIGS / "embedded.yaml")
    home = load_settings().home
    if workers > 1:
        from services.reasoning.distributed import learn_on

        learn_on(workers, chosen, data, home, out)
        typer.echo(f"adapter written to {out}")
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=err) as bar:
        task = bar.add_task("loading", total=None)

        def tell(at: At) -> None:
            text = f"loss {at.loss:.3f}, {at.tokens_per_s:.0f} tokens/s"
            bar.update(task, total=at.steps, completed=at.step, description=text)

        learn(chosen, data, home, out, tell)
    typer.echo(f"adapter written to {out}")


@app.command("blend")
def blend(
    first: Annotated[Path, typer.Argument(help="Folder of an adapter.")],
    second: Annotated[Path, typer.Argument(help="Folder of one taught on from it.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the adapter between them.")],
    share: Annotated[float, typer.Option(min=0, max=1, help="How much of the second.")] = 0.5,
) -> None:
    """Mix two adapters, to keep what the first could beside what the second learned."""
    from services.reasoning import blending

    blending.blend(first, second, share, out)
    typer.echo(f"adapter written to {out}")
