"""Who can help somebody in danger, by country; the numbers are in `help_lines.yaml`, each with its source."""

import re
from collections.abc import Container, Mapping
from functools import cache
from pathlib import Path
from typing import Literal, Self, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from runtime.errors import InvalidInput

SHIPPED = Path(__file__).with_suffix(".yaml")
CATEGORIES = ("emergency", "suicide", "violence", "child", "poison")
Service = Literal["police", "ambulance", "fire", "rescue"]
"""Who comes when an emergency number is dialled."""
_BROWSER_DEFAULT = "en-us"
"""What very many browsers outside the United States send: it tells nothing of where a person is."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HelpLine(_Strict):
    """Somebody who can help."""

    name: str = Field(min_length=1)
    """As people of that country know it."""
    number: str = ""
    """As dialled inside the country; empty for a line that takes text messages alone."""
    text: str = ""
    """What to send a text message to."""
    hours: str = ""
    url: str = Field(default="", pattern=r"^(https?://[^\s/?#]+\S*)?$")
    source: str
    """Where the number was read."""
    languages: str = ""
    also: str = ""
    """A second source that agrees."""
    date: str
    """When the source was written or read."""
    note: str = ""
    service: tuple[Service, ...] = Field(default=get_args(Service), min_length=1)
    """Of an emergency number: who comes; without it, all of them."""

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if not (self.number or self.text):
            raise ValueError("a line needs a number, or what to send a text message to")
        return self


class Country(_Strict):
    """A country's lines by what they are for, the most fitting first."""

    name: str
    emergency: tuple[HelpLine, ...] = Field(min_length=1)
    suicide: tuple[HelpLine, ...] = ()
    violence: tuple[HelpLine, ...] = ()
    child: tuple[HelpLine, ...] = ()
    poison: tuple[HelpLine, ...] = ()

    @model_validator(mode="after")
    def _begins_with_a_number(self) -> Self:
        """The first line of a kind is the one that replies name."""
        for category in CATEGORIES:
            lines: tuple[HelpLine, ...] = getattr(self, category)
            if lines and not lines[0].number:
                raise ValueError(f"the first line of {category} needs a number")
        return self

    def emergency_of(self, service: Service) -> HelpLine:
        """The emergency number of a service: one of its own before one that is for everything."""
        everything = {"police", "ambulance"}
        return min(
            self.emergency, key=lambda line: (service not in line.service, everything <= set(line.service))
        )


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


def country_of(accept_language: str, known: Container[str]) -> str:
    """The country that a browser's `Accept-Language` names first; empty if it names none.

    A language alone is spoken in several countries, and a wrong number is worse than none.

    Args:
        accept_language: The header.
        known: Countries that have help lines; a region that is none of them ("en-EN") tells nothing.
    """
    wanted = []
    parts = accept_language.split(",")
    for place, part in enumerate(parts):
        tag, _, quality = part.partition(";")
        region = re.fullmatch(r"[A-Za-z]{2,3}(?:-[A-Za-z]{4})?-([A-Za-z]{2})(?:-.*)?", tag.strip())
        weight = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", quality)
        share = float(weight[1]) if weight else 1.0
        by_default = tag.strip().lower() == _BROWSER_DEFAULT and len(parts) > 1
        if region and share and not by_default and region[1].upper() in known:
            wanted.append((-share, place, region[1].upper()))
    return min(wanted)[2] if wanted else ""
