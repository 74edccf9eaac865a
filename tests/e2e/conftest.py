"""A whole system on a real Ray, started the way a user starts it."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cli.runfile import RunFolder
from runtime.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]


@dataclass
class Cli:
    """Runs `empatheia` in a process of its own."""

    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env=self.variables(),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.command(*arguments),
            env=self.variables(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "cli.main", *arguments]

    def variables(self) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("EMPATHEIA_")}
        paths = os.pathsep.join((str(ROOT), str(ROOT / "protos" / "gen")))
        return {**inherited, "PYTHONPATH": paths, "COLUMNS": "100", **self.environment}

    def settings(self) -> Settings:
        """The settings that the process sees."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            return load_settings()


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def cli(model_home: Path) -> Iterator[Cli]:
    """The command line, with a system that is up."""
    run = Cli(
        {
            "EMPATHEIA_HOME": str(model_home),
            "EMPATHEIA_SERVE__GRPC_PORT": str(free_port()),
            "EMPATHEIA_SERVE__HTTP_PORT": str(free_port()),
        }
    )
    started = run("up", "--detach", timeout_s=240)
    log = model_home / "run" / "system.log"
    assert started.returncode == 0, started.stderr + (log.read_text() if log.exists() else "")
    yield run
    stopped = run("down")
    assert stopped.returncode == 0, stopped.stderr


def reply_of(folder: Path) -> dict[str, Any]:
    """The reply.json of an output folder."""
    content: dict[str, Any] = json.loads((folder / "reply.json").read_text())
    return content


def replica_pid(settings: Settings, service: str) -> int:
    """The process of a service's replica; only one below our own system counts."""
    running = RunFolder(settings.home).running()
    assert running is not None
    title = f"ray::ServeReplica:{service}:"
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            mine = (folder / "cmdline").read_bytes().decode().startswith(title)
        except OSError:
            continue
        if mine and running.pid in _ancestors(int(folder.name)):
            return int(folder.name)
    raise AssertionError(f"no replica of {service} runs")


def _ancestors(pid: int) -> list[int]:
    found = []
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        found.append(pid)
    return found
