import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from tests.cli.conftest import free_port


@pytest.fixture
def serve(tmp_path, monkeypatch):
    processes = []

    def start(*arguments):
        command = [sys.executable, "-m", "cli.main", "serve", *map(str, arguments)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def until(process, word):
    lines = []
    for line in process.stderr:
        lines.append(line)
        if word in line:
            return line
    raise AssertionError("".join(lines))


def test_a_service_runs_bare_and_stops_on_sigterm(serve, run):
    process = serve("disentangler", "--port", 0)
    port = re.search(r":(\d+)", until(process, "ready")).group(1)
    result = run("check", "disentangler", "--address", f"127.0.0.1:{port}")
    assert result.exit_code == 0
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 0, err
    assert "Traceback" not in err


def test_the_gateway_speaks_http_too(serve):
    port = free_port()
    process = serve("gateway", "--port", 0, "--http-port", port)
    until(process, "ready")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as response:
        assert response.status == 200
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 0


def test_only_the_gateway_speaks_http(run):
    result = run("serve", "speech", "--http-port", 1)
    assert result.exit_code == 2
    assert "--http-port" in result.error


def test_unknown_services_are_refused(run):
    assert run("serve", "spech").exit_code == 2


@pytest.mark.parametrize("option", ["--port", "--http-port"])
def test_a_taken_port_is_named(run, option):
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        result = run("serve", "gateway", "--port", 0, option, port)
    assert result.exit_code == 2
    assert f"{option}: port {port}" in result.error
