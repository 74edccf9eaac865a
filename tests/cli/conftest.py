import asyncio
import json
import socket
import threading

import pytest
from typer.testing import CliRunner

import cli.main
from runtime.errors import EmpatheiaError
from runtime.hosting.bare import BareHost
from tests.gateway_http.fake import FakeDialogue


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home folder and ports of the test's own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("EMPATHEIA_HOME", str(folder))
    monkeypatch.setattr("cli.trace_file.WAIT_S", 0.05)
    monkeypatch.setenv("EMPATHEIA_SERVE__GRPC_PORT", str(free_port()))
    monkeypatch.setenv("EMPATHEIA_SERVE__HTTP_PORT", str(free_port()))
    return folder


@pytest.fixture
def gateway(monkeypatch):
    """A fake gateway on a real socket, in a thread of its own, which settings lead to."""
    service = FakeDialogue()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    host = asyncio.run_coroutine_threadsafe(_host(service), loop).result()
    monkeypatch.setenv("EMPATHEIA_SERVICES__GATEWAY__ADDRESS", f"127.0.0.1:{host.port}")
    yield service
    asyncio.run_coroutine_threadsafe(host.stop(0), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def run():
    """Runs a command line, errors included, as `main` would."""

    def run(*arguments, **options):
        result = CliRunner().invoke(cli.main.app, [str(a) for a in arguments], **options)
        if isinstance(result.exception, EmpatheiaError):
            result.exit_code = result.exception.exit_code
            result.error = result.exception.message
        elif result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def dialogue(tmp_path):
    """Writes a dialogue file."""

    def write(content):
        path = tmp_path / "dialogue.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


async def _host(service):
    host = BareHost(service, "127.0.0.1:0")
    await host.start()
    return host


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
