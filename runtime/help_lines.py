"""Who can help somebody in danger, by country; the numbers are in `help_lines.yaml`, each with its source."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from runtime.errors import InvalidInput

SHIPPED = Path(__file__).with_suffix(".yaml")
CATEGORIES = ("emergency", "suicide", "violence", "child", "poison")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HelpLine(_Strict):
    """Somebody who can help."""

    name: str
    """As people of that country know it."""
    number: str = ""
    """As dialled inside the country; empty only where just words can be given."""
    text: str = ""
    """What to send a text message to."""
    hours: str = ""
    url: str = ""
    source: str
    """Where the number was read."""
    languages: str = ""
    also: str = ""
    """A second source that agrees."""
    date: str
    """When the source was written or read."""
    note: str = ""


class Country(_Strict):
    """A country's lines by what they are for, the most fitting first."""

    name: str
    emergency: tuple[HelpLine, ...]
    suicide: tuple[HelpLine, ...] = ()
    violence: tuple[HelpLine, ...] = ()
    child: tuple[HelpLine, ...] = ()
    poison: tuple[HelpLine, ...] = ()


class _File(_Strict):
    countries: dict[str, Country]


def countries(path: Path | None = None) -> Mapping[str, Country]:
    """Every country of a file, or of the shipped one, by ISO 3166-1 alpha-2.

    Raises:
        InvalidInput: The file can't be read; the message says where.
    """
    return _read(path or SHIPPED)


@cache
def _read(path: Path) -> Mapping[str, Country]:
    try:
        return _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))).countries
    except (OSError, yaml.YAMLError) as error:
        raise InvalidInput.of("help.file", f"{path} can't be read: {error}", reason="BAD_SETTING") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput.of(
            "help.file", f"{path}: {where}: {first['msg']}", reason="BAD_SETTING"
        ) from error


def country_of(accept_language: str) -> str:
    """The country that a browser's `Accept-Language` names first; empty if it names none.

    A language alone is spoken in several countries, and a wrong number is worse than none.
    """
    wanted = []
    for place, part in enumerate(accept_language.split(",")):
        tag, _, quality = part.partition(";")
        region = re.fullmatch(r"\s*[A-Za-z]{2,3}(?:-[A-Za-z]{4})?-([A-Za-z]{2})(?:-.*)?\s*", tag)
        weight = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", quality)
        if region:
            wanted.append((-(float(weight[1]) if weight else 1.0), place, region[1].upper()))
    return min(wanted)[2] if wanted else ""
