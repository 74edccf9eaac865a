"""`empatheia bench`: measures the running system."""

import json
from typing import Annotated, Any

import typer

from cli.options import AsJson, Config, Preset

app = typer.Typer(no_args_is_help=True, help="Measure the system on this machine.")


@app.callback()
def _group() -> None:
    pass


@app.command("turn")
def turn(
    repeats: Annotated[int, typer.Option("-n", "--repeats", min=1, help="How many turns.")] = 5,
    preset: Preset = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Time whole turns: each node, first sound, first picture, the share outside models, memory."""
    from benchmarks.turn import run

    from cli.console import err
    from cli.options import settings_of
    from cli.start import ensure_running

    settings = ensure_running(settings_of(preset, config), preset, config)
    with err.status("measuring") as status:
        result = run(settings, repeats, status.update)
    if as_json:
        typer.echo(json.dumps(result, indent=2))
    else:
        _print(result)


def _print(result: dict[str, Any], indent: int = 0) -> None:
    from cli.console import out

    for name, value in result.items():
        if isinstance(value, dict):
            out.print(f"{' ' * indent}[bold]{name}[/]")
            _print(value, indent + 2)
        else:
            shown = f"{value:,.1f}" if isinstance(value, float) else str(value)
            out.print(f"{' ' * indent}{name:<{max(1, 32 - indent)}} {shown}", markup=False)
