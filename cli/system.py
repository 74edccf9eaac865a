"""`empatheia up`, `down`, `status`."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import AsJson, Config, Preset, settings_of

if TYPE_CHECKING:
    from cli.probe import Probe

_DETACH = typer.Option("--detach", "-d", help="Return as soon as the system is ready; it runs on.")


def up(preset: Preset = None, config: Config = None, detach: Annotated[bool, _DETACH] = False) -> None:
    """Start the whole system on this machine."""
    from cli import daemon
    from cli.console import err

    settings = settings_of(preset, config)
    if detach:
        run = daemon.start_detached(settings, preset, config)
        err.print(f"The system is up: gRPC {run.grpc}, HTTP {run.http}. Stop it with: empatheia down")
    else:
        daemon.run_foreground(settings)


def down(preset: Preset = None, config: Config = None) -> None:
    """Stop the system that `up` started."""
    from cli import daemon
    from cli.console import err

    stopped = daemon.stop(settings_of(preset, config))
    err.print("The system is down." if stopped else "No system runs here.")


def status(preset: Preset = None, config: Config = None, as_json: AsJson = False) -> None:
    """Show each service: whether it is ready, and with which model.

    Exit code 3 if any service is down.
    """
    import asyncio

    from cli import daemon, probe
    from cli.console import err, out

    settings = daemon.as_running(settings_of(preset, config))
    probes = asyncio.run(probe.probe_all(settings))
    if as_json:
        typer.echo(json.dumps([found.as_json() for found in probes], indent=2))
    else:
        out.print(_table(probes))
    if not all(found.ready for found in probes):
        if not any(found.ready for found in probes):
            err.print("No system runs here; start one with: empatheia up")
        raise typer.Exit(3)


def _table(probes: "list[Probe]") -> object:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("service", "state", "backend", "model", "weights", "check", "limits"):
        table.add_column(title, overflow="fold")
    for found in probes:
        state = "[green]ready[/]" if found.ready else f"[red]{escape(found.state)}[/]"
        about = found.description
        limits = ", ".join(f"{name} {value:,.10g}" for name, value in sorted(about.limits.items()))
        latency = f"{found.latency_ms:.0f} ms" if found.ready else ""
        model = about.model
        cells = (model.backend, model.model_id, model.weight_hash, latency, limits)
        table.add_row(found.service, state, *(escape(cell) for cell in cells))
    return table
