"""Each service's group of dependencies holds what its code imports, and constraints pin all of them."""

import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from typing import Any

import grimp
import pytest
from packaging.requirements import Requirement

from runtime.services import SERVICES

ROOT = Path(__file__).parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
OWN = ("agents", "cli", "empatheia", "graphs", "runtime", "services")
CONSTRAINTS = [
    line.strip() for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")
]
OPTIONAL = {
    "services.avatar.backends.dreamtalk": "dreamtalk",
    "services.reasoning.backends.openai": "openai",
    "services.reasoning.backends.transformers": "transformers-llm",
    "services.reasoning.distributed": "tuning",
    "services.reasoning.training": "tuning",
    "services.reasoning.trainer": "tuning",
    "services.speech.backends.styletts2": "styletts2",
    "services.speech.backends.transformers_tts": "transformers-tts",
}
"""Backends, and a training, that need more than their service's own group, and the group that holds it."""
_CUDA = re.compile(r"(nvidia|cuda|triton)(-|$)")
MODELS: dict[str, list[str]] = PYPROJECT["tool"]["empatheia"]["models"]


def _name(distribution_name: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution_name).lower()


@cache
def _imports() -> grimp.ImportGraph:
    graph = grimp.build_graph("runtime", "services", "graphs", "agents", include_external_packages=True)
    for backend in OPTIONAL:
        for module in {backend, *graph.find_descendants(backend)}:
            graph.remove_module(module)
    return graph


@cache
def _all_imports() -> grimp.ImportGraph:
    return grimp.build_graph("runtime", "services", "graphs", "agents", include_external_packages=True)


def _installed_with(group: str) -> set[str]:
    """Distributions that a group brings in, with what those need themselves."""
    project = PYPROJECT["project"]
    waiting = [
        Requirement(line) for line in project["dependencies"] + project["optional-dependencies"][group]
    ]
    found = {_name(model) for model in MODELS.get(group, [])}
    while waiting:
        requirement = waiting.pop()
        name = _name(requirement.name)
        if name in found:
            continue
        found.add(name)
        waiting += _needs(name, requirement.extras)
    return found


def _needs(name: str, extras: set[str]) -> Iterator[Requirement]:
    try:
        lines = distribution(name).requires or []
    except PackageNotFoundError:  # The group `bench` is no part of what `make test` installs.
        return
    for line in lines:
        needed = Requirement(line)
        marker = needed.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            yield needed


def _imported_by(name: str) -> set[str]:
    """Packages of others that a service imports, itself or through what it imports."""
    return _others(_imports().find_upstream_modules(f"services.{name}", as_package=True))


def _others(modules: set[str]) -> set[str]:
    return {module for module in modules if module.split(".")[0] not in (*OWN, *sys.stdlib_module_names)}


@pytest.mark.parametrize("name", SERVICES)
def test_group_holds_what_the_service_imports(name: str) -> None:
    carriers = packages_distributions()
    installed = _installed_with(name)
    missing = {
        package
        for package in _imported_by(name)
        if installed.isdisjoint(map(_name, carriers.get(package.split(".")[0], [package])))
    }
    assert missing == set(), f"add to the group {name!r} in pyproject.toml"


@pytest.mark.parametrize("backend", OPTIONAL)
def test_group_holds_what_the_backend_imports(backend: str) -> None:
    carriers = packages_distributions()
    installed = _installed_with(backend.split(".")[1]) | _installed_with(OPTIONAL[backend])
    imported = _others(_all_imports().find_upstream_modules(backend, as_package=True))
    missing = {
        package
        for package in imported
        if installed.isdisjoint(map(_name, carriers.get(package.split(".")[0], [package])))
    }
    assert missing == set(), f"add to the group {OPTIONAL[backend]!r} in pyproject.toml"


def test_the_check_sees_what_is_imported() -> None:
    assert {"torch", "cv2", "pocketsphinx"} <= _imported_by("perception")
    assert "torch" not in _imported_by("speech") | _imported_by("avatar") | _imported_by("synchronizer")


def test_all_holds_every_group() -> None:
    (everything,) = PYPROJECT["project"]["optional-dependencies"]["all"]
    assert Requirement(everything).extras == {*SERVICES, "ray"}


def test_every_dependency_is_pinned() -> None:
    """But for what the CUDA build of PyTorch brings, which depends on where it was taken from."""
    pinned = {_name(line.partition("==")[0]) for line in CONSTRAINTS if "==" in line}
    groups = PYPROJECT["project"]["optional-dependencies"]
    needed = set().union(*(_installed_with(group) for group in groups)) - {"empatheia"}
    assert {name for name in needed - pinned if not _CUDA.match(name)} == set()


def test_constraints_name_versions_only() -> None:
    for line in CONSTRAINTS:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", line), line
