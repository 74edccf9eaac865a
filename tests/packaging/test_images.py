"""Dockerfile, docker-compose.yml and the table of services agree."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from runtime.services import SERVICES
from runtime.settings import load_settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
OWN = {name: service for name, service in COMPOSE["services"].items() if "build" in service}


def _stage(target: str) -> str:
    """What the Dockerfile says of a target."""
    found = re.search(rf"^FROM \S+ AS {target}\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert found, f"Dockerfile has no target {target}"
    return found[1]


@pytest.mark.parametrize("name", SERVICES)
def test_target_installs_and_serves_its_service(name: str) -> None:
    stage = _stage(name)
    assert f"RUN python scripts/install.py {name}\n" in stage
    assert f'CMD ["serve", "{name}", "--host", "0.0.0.0", "--port", "9000"' in stage


@pytest.mark.parametrize("name", [*SERVICES, "ray"])
def test_target_runs_as_nobody_special(name: str) -> None:
    assert "USER empatheia" in _stage(name)


def test_compose_runs_every_service() -> None:
    assert list(OWN) == list(SERVICES)


@pytest.mark.parametrize("name", SERVICES)
def test_container_is_built_from_its_target_and_asked_for_its_health(name: str) -> None:
    container = OWN[name]
    assert container["build"]["target"] == name
    assert container["healthcheck"]["test"][:4] == ["CMD", "empatheia", "check", name]
    assert container["read_only"]
    assert container["cap_drop"] == ["ALL"]


def test_only_the_gateway_is_seen_and_only_from_this_machine() -> None:
    published = {name: service["ports"] for name, service in OWN.items() if "ports" in service}
    assert published == {"gateway": ["127.0.0.1:8000:8000", "127.0.0.1:9000:9000"]}


@pytest.mark.parametrize("name", OWN)
def test_settings_are_valid(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in OWN[name]["environment"].items():
        monkeypatch.setenv(variable, value)
    settings = load_settings()
    if name == "gateway":
        assert {other: settings.address(other) for other in SERVICES if other != "gateway"} == {
            other: f"{other}:9000" for other in SERVICES if other != "gateway"
        }


def test_the_gateway_waits_for_every_service() -> None:
    waits = OWN["gateway"]["depends_on"]
    assert {name for name, how in waits.items() if how["condition"] == "service_healthy"} == set(SERVICES) - {
        "gateway"
    }


def test_nothing_of_the_host_is_mounted() -> None:
    mounts = [mount for service in COMPOSE["services"].values() for mount in service.get("volumes", [])]
    assert {mount.partition(":")[0] for mount in mounts} == set(COMPOSE["volumes"])


def test_the_image_gets_every_package() -> None:
    ignore = (ROOT / ".dockerignore").read_text().split()
    assert ignore[0] == "*"
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert {f"!{package}" for package in packages} <= set(ignore)
