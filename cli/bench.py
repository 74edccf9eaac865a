"""`empatheia bench`: measures the running system."""

import json
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from cli.options import AsJson, Config, Preset

app = typer.Typer(no_args_is_help=True, help="Measure the system on this machine.")

_TEXT = "My dog died last week. He was with me for twelve years, and the house is so quiet now."


@app.callback()
def _group() -> None:
    pass


@app.command("turn")
def turn(
    repeats: Annotated[int, typer.Option("-n", "--repeats", min=1, help="How many turns.")] = 5,
    dialogue: Annotated[
        Optional[Path],  # noqa: UP045 - Typer reads it at run time
        typer.Option("--dialogue", help="The turn, as for `respond`; a line of text if not given."),
    ] = None,
    preset: Preset = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Time whole turns: each node, first sound, first picture, the share outside models, memory."""
    from benchmarks.turn import run
    from cli.console import err
    from cli.inputs import Query, read_dialogue
    from cli.options import settings_of
    from cli.runfile import RunFolder
    from cli.start import ensure_running
    from runtime.errors import ServiceDown

    settings = settings_of(preset, config)
    query = read_dialogue(dialogue, settings.limits) if dialogue else Query(text=_TEXT)
    request = query.to_request(settings.limits)
    settings = ensure_running(settings, preset, config)
    system = RunFolder(settings.home).running()
    if system is None:
        raise ServiceDown(
            "the gateway runs elsewhere; only a system that `empatheia up` started can be measured",
            reason="NOT_LOCAL",
        )
    with err.status("measuring") as status:
        result = run(settings, request, system.pid, repeats, status.update)
    if as_json:
        typer.echo(json.dumps(result, indent=2))
    else:
        _print(result)


@app.command("converse")
def converse(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Recordings with words.")],
    repeats: Annotated[int, typer.Option("-n", "--repeats", min=1, help="How often each.")] = 5,
    seconds: Annotated[float, typer.Option(min=1, help="What is kept of each recording.")] = 6.0,
    preset: Preset = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Time a live conversation: from the last word to what was perceived, and to the first sound."""
    from benchmarks.converse import recording, run
    from cli.console import err
    from cli.options import settings_of
    from cli.start import ensure_running

    recordings = {file.name: recording(file, seconds) for file in files}
    settings = ensure_running(settings_of(preset, config), preset, config)
    with err.status("measuring") as status:
        result = run(settings, recordings, repeats, status.update)
    if as_json:
        typer.echo(json.dumps(result, indent=2))
    else:
        _print(result)


@app.command("avatar")
def avatar(
    parts: Annotated[
        Optional[list[str]],  # noqa: UP045 - Typer reads it at run time
        typer.Option("--part", help="speed, live, emotions, words or sync; may be repeated."),
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.5, max=29, help="Length of the long reply.")] = 10.0,
    sessions: Annotated[int, typer.Option(min=1, help="Live videos at the same time.")] = 4,
    size: Annotated[int, typer.Option(help="Of the pictures whose speed is measured.")] = 512,
    clips: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--clips", help="Folder of recordings with transcripts.csv, for `words`."),
    ] = None,
    preset: Preset = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Measure talking faces in their files: lips against voice, closures, times, emotions; and speed."""
    from benchmarks.avatar import PARTS, run
    from cli.console import err
    from cli.options import settings_of

    with err.status("measuring") as status:
        wanted = tuple(parts) if parts else PARTS
        result = run(settings_of(preset, config), wanted, minutes, sessions, size, clips, status.update)
    if as_json:
        typer.echo(json.dumps(result, indent=2))
    else:
        _print(result)


@app.command("speech")
def speech(
    plot: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--plot", help="Also draw into this folder: twelve spectrograms, and the style of all voices."
        ),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Speed alone.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure the embedded voice: speed, words understood, style, what emotion and identity give away."""
    from benchmarks.voice import run
    from cli.console import err

    with err.status("measuring") as status:
        result = run(status.update, quick=quick)
        if plot:
            from benchmarks.voice_plot import draw, draw_style

            draw(plot / "voice.jpg")
            if "style" in result:
                draw_style(plot / "voice-style.png", result["style"])
    if as_json:
        typer.echo(json.dumps(result, indent=2))
    else:
        _print(result)


@app.command("reasoning")
def reasoning(
    data: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--data", help="Dialogues for the chains; also measures what the products lose."),
    ] = None,
    others: Annotated[
        bool, typer.Option(help="Also measure transformers, and OpenVINO GenAI if it is installed.")
    ] = True,
    preset: Preset = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Measure the embedded reasoner: reading, writing, the chain's steps, one and four dialogues at once."""
    import asyncio

    from benchmarks.reasoning import run
    from cli.console import err
    from cli.options import settings_of

    with err.status("measuring") as status:
        result = asyncio.run(run(settings_of(preset, config), data, others, status.update))
    if as_json:
        typer.echo(json.dumps(result, indent=2))
    else:
        _print(result)


def _print(result: dict[str, Any], indent: str = "") -> None:
    for name, value in result.items():
        if isinstance(value, dict) and "median" in value:
            spread = f"({_number(value['min'])} – {_number(value['max'])})"
            typer.echo(f"{indent}{name:<20} {_number(value['median']):>10}  {spread}")
        elif isinstance(value, dict):
            typer.echo(f"{indent}{name}")
            _print(value, indent + "  ")
        else:
            typer.echo(f"{indent}{name:<20} {value}")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}"
