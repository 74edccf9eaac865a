"""`empatheia evaluate consistency`: answers dialogues by the running system, measures, shows the figures."""

import asyncio
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.chains import Sample
    from runtime.settings import Settings

Json = dict[str, Any]


def run(
    data: Path, limit: int, seed: int, output: Path | None, preset: str | None, config: Path | None
) -> Json:
    """Runs the evaluation; with a folder, the result is written into it as `consistency.json`, too.

    Raises:
        InvalidInput: The data can't be read, or the folder can't be written.
    """
    from benchmarks.chains import samples
    from cli.options import settings_of
    from cli.outputs import check_folder
    from cli.runfile import write_json
    from cli.start import ensure_running

    settings = settings_of(preset, config)
    drawn = samples(data, limit, seed)
    if output is not None:
        check_folder(output)
    settings = ensure_running(settings, preset, config)
    with nullcontext(output) if output else tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(_measure(settings, drawn, Path(folder)))
        if output is not None:
            write_json(output / "consistency.json", result)
    return result


async def _measure(settings: "Settings", drawn: "list[Sample]", folder: Path) -> Json:
    from rich.progress import Progress

    from benchmarks.consistency import evaluate
    from cli import turn
    from cli.console import err

    async with turn.open_transport(settings) as transport:
        with Progress(console=err) as bar:
            task = bar.add_task("replies", total=len(drawn))

            async def respond(sample: "Sample", seed: int, place: Path) -> None:
                await _respond(transport, sample, seed, place)

            return await evaluate(
                transport, drawn, folder, respond, lambda done: bar.update(task, completed=done)
            )


async def _respond(transport: Any, sample: "Sample", seed: int, place: Path) -> None:
    from empatheia.common.v1 import dialogue_pb2 as common_pb2
    from empatheia.dialogue.v1 import dialogue_pb2

    from cli import turn
    from cli.outputs import ReplyWriter
    from runtime.request import ROLES

    *history, query = sample.dialogue
    request = dialogue_pb2.RespondRequest(
        history=[common_pb2.Utterance(role=ROLES[said.role], text=said.text) for said in history],
        text=query.text,
        options=dialogue_pb2.TurnOptions(seed=seed),
    )
    with ReplyWriter(place) as writer:
        writer.finish(await turn.play(transport, request, writer))


def show(result: Json) -> None:
    """Prints the figures, each with what it means."""
    from rich.table import Table

    from cli.console import out

    table = Table("scale", "measure", "value", "n", "beside", "left out", "meaning")
    for one in result["measures"]:
        beside = ", ".join(f"{name} {_number(value)}" for name, value in one["beside"].items())
        left = "; ".join(f"{count} {reason}" for reason, count in one["unmeasured"].items() if count)
        value = f"{_number(one['value'])} {one['unit']}".strip()
        table.add_row(one["stands_for"], one["name"], value, str(one["n"]), beside, left, one["meaning"])
    out.print(f"{result['n']} replies")
    out.print(table)
    out.print(
        "SCA, VCA: content of speech, of video. SEA, VEA: emotion of speech, of video. MCC, MSC: consistency"
        " of content, of style. The scales are the paper's, judged by people there; these are proxies."
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
