"""`empatheia evaluate safety`: asks the running system whether it sees danger in labelled talks."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtime.settings import Settings
    from services.safety.corpus import Row

Json = dict[str, Any]


def run(data: Path, limit: int | None, seed: int, preset: str | None, config: Path | None) -> Json:
    """Runs the evaluation; the data are read before anything starts.

    Raises:
        InvalidInput: The data can't be used.
    """
    import random

    from cli.options import settings_of
    from cli.start import ensure_running
    from services.safety.corpus import read_rows

    settings = settings_of(preset, config)
    rows = read_rows(data)
    if limit is not None and limit < len(rows):
        rows = random.Random(seed).sample(rows, limit)
    settings = ensure_running(settings, preset, config)
    return asyncio.run(_measure(settings, rows))


async def _measure(settings: "Settings", rows: "list[Row]") -> Json:
    from rich.progress import Progress

    from benchmarks.safety import evaluate
    from cli.console import err
    from runtime.clients.grpc_transport import GrpcTransport

    async with GrpcTransport(settings) as transport:
        with Progress(console=err) as bar:
            task = bar.add_task("talks", total=len(rows))
            return await evaluate(transport, rows, lambda done: bar.update(task, completed=done))


def show(result: Json) -> None:
    """Prints the figures."""
    from rich.table import Table

    from cli.console import out

    table = Table(
        "of", "dangers", "seen or asked", "seen", "right kind", "harmless", "alarmed or asked", "alarmed",
        title=f"safety: {result['n']} talks",
    )  # fmt: skip
    lines = {"all": result["all"], "everyday": result["everyday"], **result["kinds"], **result["languages"]}
    for name, line in lines.items():
        table.add_row(name, *(_shown(value) for value in line.values()))
    out.print(table)
    stages = Table("stage", "dangers", "seen or asked", "right stage")
    for name, line in result["stages"].items():
        stages.add_row(name, *(_shown(value) for value in line.values()))
    out.print(stages)
    doubtful, ms = result["doubtful"], result["ms"]
    out.print(f"Doubtful talks: {doubtful['n']}, asked or seen {_shown(doubtful['asked_or_seen'])}.")
    out.print(f"One assessment takes {ms['median']} ms (median), {ms['p95']} ms (95 %), two at a time.")


def _shown(value: float | int | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1%}" if isinstance(value, float) else str(value)
