"""`empatheia traces`: reads the traces that this machine has recorded."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from runtime.errors import EmpatheiaError, InvalidInput
from runtime.settings import load_settings
from runtime.telemetry.recorded import Trace, summary
from runtime.telemetry.setup import trace_store
from runtime.telemetry.store import TraceStore
from runtime.telemetry.view import show as draw
from runtime.telemetry.view.safe import Safe
from runtime.telemetry.view.style import BAD, CLASS_COLOURS, DIM, WARN, duration

app = typer.Typer(no_args_is_help=True, help="Read what happened in a turn: list, show and export traces.")

Id = Annotated[
    str, typer.Argument(metavar="ID", help="Trace id, its beginning, or `last` for the newest turn.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON for a program.")]


@app.command("list")
def list_traces(
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many.")] = 20,
    everything: Annotated[
        bool, typer.Option("--all", help="Show traces that are not of turns, such as of a call by hand, too.")
    ] = False,
) -> None:
    """List the newest turns."""
    with _reported():
        traces = list(islice(_store().recent(turns_only=not everything), limit))
        if as_json:
            print(json.dumps([summary(trace) for trace in traces], ensure_ascii=False, indent=2))
        elif traces:
            Console().print(Safe(_table(traces)))
        else:
            print("no traces yet: `empatheia respond` records one")


@app.command()
def show(trace_id: Id = "last", as_json: AsJson = False) -> None:
    """Draw a turn: each step, what it concluded, on what evidence, how sure, how long; then every call."""
    with _reported():
        trace = _store().load(trace_id)
        if as_json:
            print(json.dumps(trace.to_json(), ensure_ascii=False, indent=2))
        else:
            Console().print(draw(trace))


@app.command()
def export(
    trace_id: Id = "last",
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="F", help="File to write; - is the screen.")
    ] = "-",
) -> None:
    """Write a trace as OTLP/JSON, which other tools can read."""
    with _reported():
        text = json.dumps(_store().export(trace_id), ensure_ascii=False, indent=1) + "\n"
        if output == "-":
            sys.stdout.write(text)
            return
        try:
            Path(output).write_text(text, encoding="utf-8")
        except OSError as error:
            raise InvalidInput.of("--output", f"{output} can't be written: {error.strerror}") from error
        Console(stderr=True).print(f"wrote {output}", highlight=False)


def _store() -> TraceStore:
    return trace_store(load_settings())


@contextmanager
def _reported() -> Iterator[None]:
    """Ends the command with the error's one line and exit code."""
    try:
        yield
    except EmpatheiaError as error:
        Console(stderr=True).print(Text(error.message, style=BAD), soft_wrap=True)
        raise typer.Exit(error.exit_code) from error


def _table(traces: list[Trace]) -> Table:
    table = Table(box=None, padding=(0, 1), header_style=DIM, expand=True)
    table.add_column("trace", no_wrap=True, min_width=12)
    table.add_column("when", no_wrap=True, min_width=15, style=DIM)
    table.add_column("took", justify="right", no_wrap=True, min_width=7)
    table.add_column("emotion", no_wrap=True, min_width=12)
    table.add_column("spans", justify="right", min_width=5, style=DIM)
    table.add_column("said", no_wrap=True, overflow="ellipsis", ratio=1)
    for trace in traces:
        line = summary(trace)
        said = Text()
        if line["errors"]:
            said.append(f"{line['errors']} failed  ", style=BAD)
        if line["degraded"]:
            lost = ", ".join(part.partition(":")[0] for part in line["degraded"])
            said.append(f"without {lost}  ", style=WARN)
        if line["name"] != "turn":
            said.append(f"{line['name']}  ", style=WARN)
        said.append(line["text"])
        table.add_row(
            line["trace_id"][:12],
            f"{trace.started_at.astimezone():%d %b %H:%M:%S}",
            duration(line["ms"]),
            Text(line["emotion"] or "–", style=CLASS_COLOURS.get(line["emotion_class"], "")),
            str(line["spans"]),
            said,
        )
    return table
