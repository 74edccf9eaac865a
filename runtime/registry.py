"""Finds a class by the text `module:attribute`, so that a table can name what it does not import."""

from importlib import import_module
from typing import Any

from runtime.errors import UnknownName

_OWN = ("agents", "graphs", "runtime", "services", "empatheia")


def load(target: str) -> Any:
    """Imports `module:attribute`."""
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)


def pick(table: dict[str, str], name: str, *, what: str) -> Any:
    """Loads the entry of a registry.

    Args:
        table: `module:attribute` by name.
        name: The entry wanted.
        what: What the table lists, for the message: "speech backend".

    Raises:
        UnknownName: The table has no such entry, or a package that it needs is not installed.
    """
    if name not in table:
        raise UnknownName(
            f"there is no {what} named {name!r}; there are: {', '.join(sorted(table))}",
            reason="UNKNOWN_BACKEND",
        )
    try:
        return load(table[name])
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in _OWN:
            raise
        raise UnknownName(
            f"the {what} {name!r} needs the package {error.name}, which is not installed; the groups of"
            " optional dependencies in pyproject.toml say which belong together",
            reason="NOT_INSTALLED",
        ) from error
