"""Which system runs on this machine for this home folder: a lock, a run file, progress while it starts.

The process of `empatheia up` holds a lock on `run/system.lock` as long as it lives, so that a crash leaves
nothing that could be taken for a running system.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from runtime.errors import InvalidInput


@dataclass(frozen=True)
class RunFile:
    """A system that is ready."""

    pid: int
    preset: str
    grpc: str
    """`host:port`."""
    http: str
    """URL."""
    started_at: float
    """Seconds since the epoch."""


@dataclass(frozen=True)
class Progress:
    """A system that is starting."""

    pid: int
    preset: str
    services: dict[str, str] = field(default_factory=dict)
    """State by service: "starting", "ready", "failed: why"."""
    error: str = ""
    """Why it could not start."""
    exit_code: int = 0


class RunFolder:
    """The folder `run` under the home folder."""

    def __init__(self, home: Path) -> None:
        """Makes the folder if it is not there.

        Raises:
            InvalidInput: The home folder can't be written.
        """
        self.path = home / "run"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput.of("home", f"{self.path} can't be made: {error}", reason="BAD_HOME") from error
        self.log = self.path / "system.log"
        self._lock = self.path / "system.lock"
        self._system = self.path / "system.json"
        self._progress = self.path / "progress.json"

    @contextmanager
    def hold(self, progress: Progress) -> Iterator[bool]:
        """Claims this home folder for the block; yields False if another process has it."""
        with self._lock.open("a+") as file:
            # Somebody who only asks whether the lock is held has it for a moment, too.
            if not any(_try_lock(file) for _ in range(10)):
                yield False
                return
            self._system.unlink(missing_ok=True)
            self.report(progress)
            try:
                yield True
            finally:
                self._system.unlink(missing_ok=True)

    def held(self) -> bool:
        """Whether a system runs, starts or stops."""
        with self._lock.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    def running(self) -> RunFile | None:
        """The system that is ready; removes the file of one that is gone."""
        if not self.held():
            self._system.unlink(missing_ok=True)
            return None
        content = _read(self._system)
        return RunFile(**content) if content else None

    def progress(self) -> Progress | None:
        """How far the last start has come, whether or not its process still lives."""
        content = _read(self._progress)
        return Progress(**content) if content else None

    def holder(self) -> int | None:
        """Process that runs, starts or stops the system."""
        progress = self.progress() if self.held() else None
        return progress.pid if progress else None

    def report(self, progress: Progress) -> None:
        """Says how far the start has come."""
        write_json(self._progress, asdict(progress))

    def forget(self) -> None:
        """Drops what an earlier start reported."""
        self._progress.unlink(missing_ok=True)

    def ready(self, run: RunFile) -> None:
        """Says that the system is ready."""
        write_json(self._system, asdict(run))

    def wait_until_free(self, timeout_s: float) -> bool:
        """Waits until no process has the folder."""
        deadline = time.monotonic() + timeout_s
        while self.held():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True


def write_json(path: Path, content: Any) -> None:
    """Writes a JSON file whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(0.02)
        return False
    return True


def _read(path: Path) -> dict[str, Any] | None:
    with suppress(OSError, ValueError):
        content = json.loads(path.read_text())
        return content if isinstance(content, dict) else None
    return None
