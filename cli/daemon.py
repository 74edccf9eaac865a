"""Runs the local system: in the foreground, or as a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType

from cli.console import err
from cli.runfile import Progress, RunFile, RunFolder
from cli.startup_view import StartupView
from runtime.errors import EmpatheiaError, InvalidInput, ServiceDown
from runtime.help_lines import countries
from runtime.models import check_weights
from runtime.settings import Settings

START_S = 600.0
"""Longest that a start may take: the first one converts the model."""
STOP_S = 60.0
"""Longest that a stop may take before the process is killed."""


def run_foreground(settings: Settings) -> None:
    """Starts the system and serves until SIGINT or SIGTERM.

    Raises:
        EmpatheiaError: It can't start, or another preset runs already.
    """
    folder = RunFolder(settings.home)
    progress = Progress(os.getpid(), settings.preset)
    with folder.hold(progress) as held:
        if not held:
            run = _await_ready(folder, settings)
            err.print(f"The system is already up: gRPC {run.grpc}, HTTP {run.http}.")
            return
        try:
            _serve(settings, folder, progress)
        except EmpatheiaError as error:
            failed = folder.progress() or progress
            folder.report(replace(failed, error=error.message, exit_code=error.exit_code))
            raise
        folder.forget()


def start_detached(settings: Settings, preset: str | None, config: Path | None) -> RunFile:
    """Starts the system as a process of its own, unless it runs, and waits until it is ready.

    Raises:
        EmpatheiaError: It can't start, or another preset runs already.
    """
    folder = RunFolder(settings.home)
    if folder.held():
        return _await_ready(folder, settings)
    _sweep(folder)
    check_ports(settings)
    folder.forget()
    check_weights(settings)
    check_help(settings)
    command = [sys.executable, "-P", "-m", "cli.main", "up"]
    command += ["--preset", preset] if preset else []
    command += ["--config", str(config.absolute())] if config else []
    with folder.log.open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    return _await_ready(folder, settings, process)


def stop(settings: Settings) -> bool:
    """Stops the system; False if none runs."""
    folder = RunFolder(settings.home)
    pid = folder.holder()
    if pid is None:
        _sweep(folder)
        return False
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    with err.status("stopping"):
        freed = folder.wait_until_free(STOP_S)
    if not freed:
        err.print(f"[yellow]It did not stop within {STOP_S:.0f} s; killing process {pid}.[/]")
        _kill(pid)
        folder.wait_until_free(5)
        _sweep(folder)
    folder.running()
    return True


def as_running(settings: Settings) -> Settings:
    """The settings with the addresses of the system that runs here, if one does."""
    run = RunFolder(settings.home).running()
    if run is None:
        return settings
    host, _, port = run.grpc.rpartition(":")
    serve = settings.serve.model_copy(update={"host": host, "grpc_port": int(port)})
    return settings.model_copy(update={"serve": serve})


def check_preset(settings: Settings, preset: str | None) -> None:
    """Refuses to use a system with another preset than the one asked for.

    Raises:
        InvalidInput: A system with another preset runs.
    """
    run = RunFolder(settings.home).running()
    if run is not None and preset is not None:
        _same_preset(run.preset, preset)


def check_help(settings: Settings) -> None:
    """Makes sure that an operator's own help lines can be read, before anybody needs them.

    Raises:
        InvalidInput: They can't; the message says where.
    """
    if settings.help.file is not None:
        countries(settings.help.file)


def check_ports(settings: Settings) -> None:
    """Makes sure that the system's ports are free.

    Raises:
        InvalidInput: One is taken; the message names the setting.
    """
    serve = settings.serve
    for name, port in (("grpc_port", serve.grpc_port), ("http_port", serve.http_port)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((serve.host, port))
            except OSError as error:
                raise InvalidInput.of(
                    f"serve.{name}",
                    f"port {port} of {serve.host} can't be used ({error.strerror}); stop the program that has"
                    f" it, or set another port (EMPATHEIA_SERVE__{name.upper()})",
                    reason="PORT_TAKEN",
                ) from error


def _serve(settings: Settings, folder: RunFolder, progress: Progress) -> None:
    check_weights(settings)
    check_help(settings)
    check_ports(settings)
    from runtime.hosting.ray_serve import LocalSystem

    states: dict[str, str] = {}
    with _stop_signals(), StartupView(settings) as view:
        system = LocalSystem(settings)

        def report(service: str, state: str) -> None:
            states[service] = state
            view.show(states)
            folder.report(replace(progress, services=dict(states)))

        try:
            system.start(report)
            view.close()
            serve = settings.serve
            grpc, http = f"{serve.host}:{serve.grpc_port}", f"http://{serve.host}:{serve.http_port}"
            folder.ready(RunFile(os.getpid(), settings.preset, grpc, http, time.time()))
            err.print(f"The system is up: gRPC {grpc}, HTTP {http}. Stop it with Ctrl-C or: empatheia down")
            with _stop_signals():  # Ray has put its own handlers in place.
                threading.Event().wait()
        except _Stopped:
            pass
        finally:
            _ignore_signals()
            view.close()
            err.print("stopping")
            system.stop()


class _Stopped(BaseException):
    """A signal asked to stop."""


@contextmanager
def _stop_signals() -> Iterator[None]:
    def handle(number: int, frame: FrameType | None) -> None:
        raise _Stopped

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _await_ready(
    folder: RunFolder, settings: Settings, process: subprocess.Popen[bytes] | None = None
) -> RunFile:
    """Waits for a system that starts; `process` is the one that was started for it."""

    def alive() -> bool:
        return folder.held() or (process is not None and process.poll() is None)

    deadline = time.monotonic() + START_S
    with StartupView(settings) as view:
        while alive():
            run = folder.running()
            progress = folder.progress()
            if progress:
                _same_preset(progress.preset, settings.preset)
                view.show(progress.services)
            if run is not None:
                return run
            if time.monotonic() > deadline:
                raise ServiceDown(
                    f"the system did not become ready within {START_S:.0f} s; see {folder.log}",
                    reason="START_TIMEOUT",
                )
            time.sleep(0.1)
    failed = folder.progress()
    if failed and failed.error:
        cls = InvalidInput if failed.exit_code == 2 else ServiceDown
        error = cls(failed.error, reason="START_FAILED")
        error.exit_code = failed.exit_code or error.exit_code
        raise error
    raise ServiceDown(f"the system ended while it started; see {folder.log}", reason="START_FAILED")


def _same_preset(running: str, wanted: str) -> None:
    if running != wanted:
        raise InvalidInput.of(
            "preset",
            f"a system with preset {running} runs here; stop it first (empatheia down) to start {wanted}",
            reason="OTHER_PRESET_RUNS",
        )


def _sweep(folder: RunFolder) -> None:
    """Ends what a killed system left behind: Ray's agents outlive it.

    They are the processes of the session that it led. No other can have that number while one of them lives.
    """
    last = folder.progress()
    if last is None or folder.held():
        return
    members: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # It may end meanwhile.
            state, _, _, session, *_ = stat.read_text().rpartition(")")[2].split()
            if int(session) == last.pid and state != "Z":
                members.append(int(stat.parent.name))
    if last.pid in members:
        return
    for pid in members:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    folder.forget()


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)
