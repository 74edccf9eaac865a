"""`empatheia evaluate erg`: the chain on dialogues whose emotion is known, in runs that can be broken off."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.chains import Cut, Sample
    from benchmarks.erg import Row
    from runtime.settings import Settings

Json = dict[str, Any]


def run(
    data: Path,
    limit: int,
    seed: int,
    cut: "Cut",
    replicas: int,
    output: Path | None,
    anew: bool,
    preset: str | None,
    config: Path | None,
) -> Json:
    """Measures what has not been measured yet, and sums up.

    Args:
        data: A file that `services/reasoning/corpus.py` reads.
        limit: How many dialogues.
        seed: Of the draw.
        cut: Where a dialogue is cut.
        replicas: 1 asks the system, which is started if need be; more load the services that often.
        output: The file of results; one in the home folder, by configuration, if not given.
        anew: Whether to forget earlier results of the same configuration.
        preset: As on the command line.
        config: As on the command line.

    Raises:
        InvalidInput: The data or the file of results can't be used.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from benchmarks.chains import samples
    from benchmarks.erg import configuration
    from benchmarks.erg_figures import summarise
    from benchmarks.erg_log import Log
    from cli.console import err
    from cli.options import settings_of
    from cli.start import ensure_running
    from runtime.errors import InvalidInput

    if replicas > 1 and not (find_spec("pandas") and find_spec("pyarrow")):
        raise InvalidInput.of(
            "--replicas", "needs Ray Data; run: pip install 'empatheia[evaluation]'", reason="NOT_INSTALLED"
        )
    settings = settings_of(preset, config)
    drawn = samples(data, limit, seed, cut)
    if replicas == 1:
        settings = ensure_running(settings, preset, config)
    models = asyncio.run(_models(settings)) if replicas == 1 else {}
    about = configuration(data, seed, cut, settings, models)
    path = output or settings.home / "evaluations" / f"erg-{_short(about)}.jsonl"
    log = Log(path, about, anew=anew)
    work = [(sample, index) for index, sample in enumerate(drawn, 1) if sample.id not in log.rows]
    if len(work) < len(drawn):
        err.print(f"{len(drawn) - len(work)} of {len(drawn)} dialogues were measured before ({path})")
    columns = (TextColumn("dialogues"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err) as bar:
        task = bar.add_task("", total=len(drawn), completed=len(drawn) - len(work))

        def note(row: "Row") -> None:
            log.add(row)
            bar.advance(task)

        if work and replicas == 1:
            asyncio.run(_one_by_one(settings, work, note))
        elif work:
            from benchmarks.erg_replicas import measure_all

            for row in measure_all(settings, work, replicas):
                note(row)
    rows = [log.rows[sample.id] for sample in drawn]
    return {
        **summarise(rows),
        "cut": cut,
        "seed": seed,
        "models": sorted({model for row in rows for model in row["models"]}),
        "results": str(path),
    }


async def _one_by_one(
    settings: "Settings", work: "Sequence[tuple[Sample, int]]", note: "Callable[[Row], None]"
) -> None:
    from benchmarks.erg import measure
    from runtime.clients.grpc_transport import GrpcTransport

    async with GrpcTransport(settings) as transport:
        for sample, seed in work:
            note(await measure(transport, sample, seed))


async def _models(settings: "Settings") -> dict[str, str]:
    """The models of the running services."""
    from cli.probe import probe_all

    found = await probe_all(settings)
    return {
        one.service: " ".join(
            (one.description.model.backend, one.description.model.model_id, one.description.model.weight_hash)
        )
        for one in found
        if one.service in ("perception", "reasoning")
    }


def _short(about: Json) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]


_MEANING = {
    "n": "dialogues",
    "accuracy_32": "likeliest of 32 labels is what the person named",
    "accuracy_7": "the same over 7 classes",
    "macro_f1_32": "mean F1 over the labels that occur",
    "ece": "gap between probability and share of right ones, 10 bins",
    "ppl": "perplexity of the human reply by word (between spaces)",
    "ppl_token": "the same by token of the model's own",
    "dist_1": "distinct words and marks of all replies, x 100",
    "dist_2": "distinct pairs of them, x 100",
    "bleu": "BLEU of the replies against the human ones (needs sacrebleu)",
    "rouge_l": "longest common subsequence with them, F1 x 100",
    "reply_similarity": "cosine with them (MiniLM)",
    "evidence_valid": "quoted evidence that stands where it says",
    "unsupported_rate": "steps and replies with a word, name or number that the dialogue lacks",
    "unsupported_replies": "the replies alone",
    "unsupported_human": "the human replies, by the same measure",
    "authored_rate": "steps and replies in which prepared or quoted words stand in for the model's",
    "authored_replies": "the replies alone",
    "tokens_per_s": "written or scored",
    "first_sentence_s": "start of the chain to the first sentence, median",
    "chain_s": "the whole chain, median",
}


def show(result: Json) -> None:
    """Prints the figures, each with what it means, and those that were published."""
    from rich.table import Table

    from benchmarks.erg_figures import CONDITIONS, PUBLISHED
    from cli.console import out

    table = Table("measure", "value", "meaning")
    for name, meaning in _MEANING.items():
        table.add_row(name, _number(result[name]), meaning)
    for step, value in (result["chain_similarity"] or {}).items():
        table.add_row(step, _number(value), "cosine with the annotated one (MiniLM)")
    out.print(table)
    published = Table("", "accuracy, %", "Dist-1", "Dist-2", "n")
    here = result["accuracy_32"]
    percent = "–" if here is None else f"{100 * here:.2f}"
    published.add_row(
        "this run", percent, _number(result["dist_1"]), _number(result["dist_2"]), str(result["n"])
    )
    for name, *values in PUBLISHED:
        published.add_row(name, *(f"{value:.2f}" for value in values), "3979")
    out.print(published)
    out.print(CONDITIONS)
    out.print(
        f"Cut: after {result['cut']} utterance of the person. Rows: {result['results']}", soft_wrap=True
    )


def _number(value: Any) -> str:
    return "–" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
