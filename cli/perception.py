"""`empatheia evaluate perception`: asks the running system about labelled media, shows the figures."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.picture import check_picture

if TYPE_CHECKING:
    from benchmarks.labelled import Row
    from runtime.settings import Settings

Json = dict[str, Any]


def run(
    data: Path,
    modality: str,
    where: Sequence[str],
    held_back: bool,
    limit: int | None,
    seed: int,
    output: Path | None,
    preset: str | None,
    config: Path | None,
) -> Json:
    """Runs the evaluation; everything that can be wrong with the input is looked at before it starts.

    Raises:
        InvalidInput: The data, a choice among it or the output can't be used.
    """
    from benchmarks import labelled
    from benchmarks.confusion import draw
    from benchmarks.perception import NOT_JUDGED
    from cli.options import settings_of
    from cli.start import ensure_running

    settings = settings_of(preset, config)
    if output is not None:
        _check(output, modality)
    rows = labelled.read(data, modality)
    if held_back:
        rows = _held_back(rows, data, modality)
    rows = labelled.chosen(rows, where, limit, seed)
    settings = ensure_running(settings, preset, config)
    result = asyncio.run(_measure(settings, modality, rows))
    if held_back:
        result["notes"] = ["only rows that the training of the shipped judge kept back"]
    if output is not None:
        title = f"{modality}: {result['n']} rows of {data.name}"
        draw(output, title, result["classes"], result["confusion"], NOT_JUDGED)
    return result


def _check(output: Path, modality: str) -> None:
    from runtime.errors import InvalidInput

    if modality == "asr":
        raise InvalidInput.of("--output", "words have no confusion matrix; leave it out", reason="BAD_OUTPUT")
    check_picture(output)


def _held_back(rows: "list[Row]", data: Path, modality: str) -> "list[Row]":
    from runtime.errors import InvalidInput
    from services.perception.corpora import held_back_files

    try:
        names = held_back_files("speech" if modality == "asr" else modality, data)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput.of(
            "--held-back",
            f"works on the data that the judges of speech and face were trained on, not here ({error})",
            reason="BAD_DATA",
        ) from error
    return [row for row in rows if row.columns["file"] in names]


async def _measure(settings: "Settings", modality: str, rows: "list[Row]") -> Json:
    from rich.progress import Progress

    from benchmarks.perception import evaluate
    from cli.console import err
    from runtime.clients.grpc_transport import GrpcTransport

    async with GrpcTransport(settings) as transport:
        with Progress(console=err) as bar:
            task = bar.add_task("files", total=len(rows))
            return await evaluate(transport, modality, rows, lambda done: bar.update(task, completed=done))


_MEANING = {
    "n": "rows compared",
    "accuracy": "share whose likeliest class is right; not judged counts as wrong",
    "macro_f1": "mean F1 over the classes that occur",
    "ece": "gap between probability and share of right ones, 10 bins",
    "confidence": "mean confidence of the service, 0 to 1",
    "neutral_n": "rows labelled neutral or calm: no class of the contract, left out above",
    "neutral_confidence": "mean confidence on those; should be the lower one",
    "words": "words really said",
    "errors": "words wrong, missing or too many",
    "wer": "word error rate",
    "nothing_heard": "recordings without a word heard",
    "elapsed_s": "seconds",
}


def show(result: Json, output: Path | None) -> None:
    """Prints the figures, each with what it means."""
    from rich.table import Table

    from cli.console import out

    table = Table("measure", "value", "meaning", title=f"{result['modality']}: {result['compared']}")
    for name, meaning in _MEANING.items():
        if name in result:
            value = result[name]
            shown = "–" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
            table.add_row(name, shown, meaning)
    for reason, count in result.get("not_judged", {}).items():
        table.add_row("not judged", str(count), reason)
    out.print(table)
    for note in result["notes"]:
        out.print(f"Note: {note}.")
    if output is not None:
        out.print(f"Confusion matrix: {output}")
