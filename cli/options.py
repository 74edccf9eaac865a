"""Options that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from runtime.settings import Settings

Preset = Annotated[
    Optional[str],  # noqa: UP045 - Typer reads it at run time
    typer.Option("--preset", help="Which backends: embedded (no GPU, no key, offline) or another preset."),
]
Config = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--config", help="YAML file of settings; wins over the preset.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def settings_of(preset: str | None, config: Path | None) -> "Settings":
    """Reads the settings of this process."""
    from runtime.settings import load_settings

    return load_settings(preset, config)
