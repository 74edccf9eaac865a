"""Tables of classes by name."""

import sys

import pytest

from runtime.errors import UnknownName
from runtime.registry import pick

TABLE = {
    "there": "runtime.registry:pick",
    "needy": "services.reasoning.backends.openai.backend:OpenAI",
    "broken": "runtime.no_such_module:Thing",
}


def test_entries_are_found_by_name() -> None:
    assert pick(TABLE, "there", what="thing") is pick
    with pytest.raises(UnknownName, match="no thing named 'nope'; there are: broken, needy, there"):
        pick(TABLE, "nope", what="thing")


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("services.reasoning.backends.openai")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(UnknownName, match="needs the package httpx, which is not installed") as caught:
        pick(TABLE, "needy", what="reasoning backend")
    assert caught.value.reason == "NOT_INSTALLED"
    with pytest.raises(ModuleNotFoundError):
        pick(TABLE, "broken", what="thing")
