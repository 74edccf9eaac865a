"""Profile files: who an avatar is and what it is made of."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from runtime.errors import InvalidInput

FOLDER = Path(__file__).parent
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def _colour(value: str) -> str:
    if not _COLOUR.fullmatch(value):
        raise ValueError('must be a colour such as "#d9a07c"')
    return value


Colour = Annotated[str, AfterValidator(_colour)]
Factor = Annotated[float, Field(ge=0.8, le=1.25)]
Amount = Annotated[float, Field(ge=0.0, le=1.0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Head(_Strict):
    """Shape of head and features; 1 is the middle of the range."""

    width: Factor = 1.0
    jaw: Factor = 1.0
    """Breadth of the jaw."""
    chin: Factor = 1.0
    """Length of the lower face."""
    nose_width: Factor = 1.0
    nose_length: Factor = 1.0
    eye_size: Factor = 1.0
    eye_slant: Annotated[float, Field(ge=-1.0, le=1.0)] = 0.0
    """Outer corners up (positive) or down."""
    lips: Factor = 1.0
    """Fullness of the lips."""
    mouth_width: Factor = 1.0
    neck: Factor = 1.0
    """Breadth of neck and shoulders."""


class Skin(_Strict):
    """Colour and age of the skin."""

    light: Colour
    shade: Colour
    blush: Colour
    lips: Colour
    wrinkles: Amount = 0.0
    stubble: Amount = 0.0


class Eyes(_Strict):
    """Colour of the eyes, and what is around them."""

    iris: Colour
    brow: Colour
    brow_weight: Annotated[float, Field(ge=0.4, le=1.6)] = 1.0
    lashes: Amount = 0.5
    glasses: Colour | None = None


class Hair(_Strict):
    """Cut and colour of the hair."""

    style: Literal["long", "short", "curly", "swept", "bob", "bun", "crop"]
    root: Colour
    tip: Colour
    shine: Colour
    beard: Amount = 0.0


class Dress(_Strict):
    """Clothing."""

    style: Literal["crew", "shirt", "scoop", "cardigan"]
    colour: Colour
    inner: Colour


class Backdrop(_Strict):
    """The light behind."""

    centre: Colour
    edge: Colour


class AvatarProfile(_Strict):
    """One avatar."""

    name: str = Field(min_length=1, max_length=40)
    order: int = Field(100, ge=0)
    """Place in the list; the lowest is the default."""
    description: str = Field(min_length=1, max_length=200)
    age: Literal["child", "young", "middle-aged", "elderly"]
    gender: Literal["female", "male"]
    timbre: Literal["high", "mid", "low"]
    head: Head = Field(default_factory=Head)
    skin: Skin
    eyes: Eyes
    hair: Hair
    dress: Dress
    backdrop: Backdrop


def load_profile(path: Path) -> AvatarProfile:
    """Reads one profile file.

    Raises:
        InvalidInput: The file is broken; the message names file and field.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidInput.of(path.name, f"can't be read as YAML: {error}", reason="BAD_PROFILE") from error
    if not isinstance(content, dict):
        raise InvalidInput.of(path.name, "must hold the fields of a profile", reason="BAD_PROFILE")
    try:
        return AvatarProfile.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput.of(f"{path.name}: {where}", first["msg"], reason="BAD_PROFILE") from error


def load_profiles(places: Iterable[Path]) -> dict[str, AvatarProfile]:
    """Reads profile files; a later avatar replaces one of the same key.

    Args:
        places: Files, and folders that are searched for `*.yaml`; the file name is the avatar's key.

    Returns:
        Profiles by key, the default first.

    Raises:
        InvalidInput: A folder or a file is missing or broken.
    """
    found: dict[str, AvatarProfile] = {}
    for place in places:
        if place.is_dir():
            files = sorted(place.glob("*.yaml"))
        elif place.is_file():
            files = [place]
        else:
            raise InvalidInput.of(
                str(place), "is no profile file and no folder of them", reason="BAD_PROFILE"
            )
        found |= {path.stem: load_profile(path) for path in files}
    return dict(sorted(found.items(), key=lambda item: (item[1].order, item[0])))
