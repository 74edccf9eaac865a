"""`empatheia evaluate`: measures quality on data with known answers."""

import json
from pathlib import Path
from typing import Annotated, Literal, Optional

import typer

from cli.options import AsJson, Config, Preset

app = typer.Typer(no_args_is_help=True, help="Measure quality on data with known answers.")


@app.callback()
def _group() -> None:
    pass


@app.command("erg")
def erg(
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            help="Dialogues: EmpatheticDialogues or annotated turns (jsonl), AvaMERG's train.json; also .gz.",
            show_default=False,
        ),
    ],
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many dialogues, drawn at random.")] = 100,
    seed: Annotated[int, typer.Option("--seed", help="Of the draw, and of random cuts.")] = 0,
    cut: Annotated[
        Literal["random", "last", "first"],
        typer.Option("--cut", help="After which of the person's utterances a dialogue is cut."),
    ] = "random",
    replicas: Annotated[
        int, typer.Option("--replicas", min=1, help="More than one: spread over so many by Ray Data.")
    ] = 1,
    output: Annotated[
        Optional[Path],  # noqa: UP045 - Typer reads it at run time
        typer.Option(
            "--output", "-o", help="File of results, a line a dialogue; one of the home folder if not given."
        ),
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Forget the earlier results of this run.")] = False,
    preset: Preset = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Run the chain on dialogues whose emotion is known: accuracy, calibration, perplexity, evidence, speed.

    A run that was broken off goes on where it stopped; a higher --limit adds to it.
    """
    from cli.erg import run, show

    result = run(data, limit, seed, cut, replicas, output, anew, preset, config)
    if as_json:
        typer.echo(json.dumps(result, indent=2))
    else:
        show(result)


@app.command("perception")
def perception(
    data: Annotated[
        Path,
        typer.Option(
            "--data", help="Folder of media with labels.csv or transcripts.csv.", show_default=False
        ),
    ],
    modality: Annotated[
        Literal["speech", "face", "asr"], typer.Option("--modality", help="What is measured.")
    ],
    limit: Annotated[
        Optional[int],  # noqa: UP045 - Typer reads it at run time
        typer.Option("--limit", min=1, help="How many rows, drawn at random; all without it."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the draw.")] = 0,
    where: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--where", help="Only rows with column=value[,value]; may be given again."),
    ] = None,
    held_back: Annotated[
        bool, typer.Option("--held-back", help="Only what training kept back (RAVDESS, photographs).")
    ] = False,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", "-o", help="Draws the confusion matrix into this PNG."),
    ] = None,
    preset: Preset = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Ask perception about media with known answers: accuracy, macro-F1, calibration, word error rate."""
    from cli.perception import run, show

    result = run(data, modality, where or [], held_back, limit, seed, output, preset, config)
    if as_json:
        typer.echo(json.dumps(result, indent=2))
    else:
        show(result, output)


@app.command("consistency")
def consistency(
    data: Annotated[
        Path,
        typer.Option("--data", help="jsonl(.gz): emotion, turns of role and text.", show_default=False),
    ],
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many dialogues, drawn at random.")] = 12,
    seed: Annotated[int, typer.Option("--seed", help="Of the draw.")] = 0,
    output: Annotated[
        Optional[Path],  # noqa: UP045 - Typer reads it at run time
        typer.Option("--output", "-o", help="Keeps the replies; a further run goes on from them."),
    ] = None,
    preset: Preset = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Answer dialogues and measure whether words, voice and face agree, and suit the person.

    Automatic stand-ins for what the paper asks people; each is explained beside its figure.
    """
    from cli.consistency import run, show

    result = run(data, limit, seed, output, preset, config)
    if as_json:
        typer.echo(json.dumps(result, indent=2))
    else:
        show(result)


@app.command("safety")
def safety(
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            help="TSV with a header: kind, text (a message, or a JSON list of turns); stage, language, pair.",
            show_default=False,
        ),
    ],
    limit: Annotated[
        Optional[int],  # noqa: UP045 - Typer reads it at run time
        typer.Option("--limit", min=1, help="How many rows, drawn at random; all without it."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the draw.")] = 0,
    preset: Preset = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Ask whether danger is seen in labelled talks: recall by kind and language, false alarms, time."""
    from cli.safety import run, show

    result = run(data, limit, seed, preset, config)
    if as_json:
        typer.echo(json.dumps(result, indent=2))
    else:
        show(result)
