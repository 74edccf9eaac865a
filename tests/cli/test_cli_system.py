import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from cli import daemon
from cli.runfile import Progress, RunFile, RunFolder

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def fake_system(tmp_path, monkeypatch, home):
    """Every process of the test finds the fake in place of the system on Ray."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import sys\n"
        "from tests.cli import fake_system\n"
        "sys.modules['runtime.hosting.ray_serve'] = fake_system\n"
    )
    monkeypatch.setenv("EMPATHEIA_TELEMETRY__LOCAL_STORE", "false")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(ROOT), str(ROOT / "protos/gen")]))
    yield
    holder = RunFolder(home).holder()
    if holder:
        os.kill(holder, signal.SIGKILL)


@pytest.fixture
def empatheia(tmp_path):
    """Runs the command as a process of its own, away from the repository."""

    def start(*arguments):
        command = [sys.executable, "-P", "-m", "cli.main", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=tmp_path, **pipes)

    return start


def finish(process):
    stdout, stderr = process.communicate(timeout=30)
    return process.returncode, stdout, stderr


def wait_for(condition):
    for _ in range(300):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def test_respond_starts_a_system_that_stays_until_down(empatheia, home, tmp_path):
    code, _, err = finish(empatheia("respond", "--text", "hi", "-o", "out"))
    assert code == 0, err
    assert "speech: ready" in err
    assert "stop it with: empatheia down" in err
    assert (tmp_path / "out" / "reply.json").exists()
    run = RunFolder(home).running()
    assert os.getpgid(run.pid) == run.pid
    assert run.grpc.endswith(os.environ["EMPATHEIA_SERVE__GRPC_PORT"])
    code, _, err = finish(empatheia("respond", "--text", "hi", "-o", "out2"))
    assert code == 0
    assert "starting" not in err
    code, _, err = finish(empatheia("respond", "--text", "hi", "-o", "out3", "--preset", "embedded"))
    assert code == 0
    code, _, err = finish(empatheia("up", "--detach"))
    assert (code, "The system is up" in err) == (0, True)
    assert finish(empatheia("down"))[0] == 0
    assert not RunFolder(home).held()
    assert not (home / "run" / "system.json").exists()
    code, _, err = finish(empatheia("down"))
    assert (code, "No system runs" in err) == (0, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_up_serves_until_a_signal(empatheia, home, number):
    process = empatheia("up")
    wait_for(lambda: RunFolder(home).running())
    process.send_signal(number)
    code, _, err = finish(process)
    assert code == 0, err
    assert "speech: ready" in err
    assert not RunFolder(home).held()


def test_a_signal_while_starting_stops_it(empatheia, home, monkeypatch):
    monkeypatch.setenv("FAKE_SYSTEM", "slow")
    process = empatheia("up")
    wait_for(lambda: (p := RunFolder(home).progress()) and p.services)
    process.send_signal(signal.SIGTERM)
    assert finish(process)[0] == 0
    assert not RunFolder(home).held()


@pytest.mark.parametrize(
    ("mood", "code", "said"),
    [
        ("broken", 3, "speech could not start: no voice"),
        ("no weights", 4, "empatheia models fetch x"),
        ("crash", 3, "system.log"),
    ],
)
@pytest.mark.parametrize("command", [("up", "--detach"), ("respond", "--text", "hi", "-o", "out")])
def test_a_failed_start_says_why(empatheia, home, monkeypatch, mood, code, said, command):
    monkeypatch.setenv("FAKE_SYSTEM", mood)
    found, _, err = finish(empatheia(*command))
    assert found == code
    assert said in err
    assert RunFolder(home).running() is None


def test_a_port_of_a_stranger_is_named_before_any_work(empatheia, home):
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", int(os.environ["EMPATHEIA_SERVE__HTTP_PORT"])))
        stranger.listen()
        for command in (("up",), ("up", "--detach")):
            code, _, err = finish(empatheia(*command))
            assert code == 2
            assert "serve.http_port" in err
            assert os.environ["EMPATHEIA_SERVE__HTTP_PORT"] in err


def test_a_stale_run_file_is_cleaned_up(home):
    folder = RunFolder(home)
    stale = {"pid": 2**22 + 1, "preset": "embedded", "grpc": "127.0.0.1:1", "http": "", "started_at": 0}
    (home / "run" / "system.json").write_text(json.dumps(stale))
    assert folder.running() is None
    assert not (home / "run" / "system.json").exists()


def test_another_preset_is_refused(run, home):
    folder = RunFolder(home)
    with folder.hold(Progress(os.getpid(), "gpu")) as held:
        assert held
        folder.ready(RunFile(os.getpid(), "gpu", "127.0.0.1:1", "", 0))
        for command in (
            ("up",),
            ("up", "--detach"),
            ("respond", "--text", "x", "-o", home, "--preset", "embedded"),
        ):
            result = run(*command)
            assert result.exit_code == 2
            assert "preset gpu runs here" in result.error


def test_a_system_that_will_not_stop_is_killed(empatheia, home, monkeypatch, run):
    monkeypatch.setenv("FAKE_SYSTEM", "stubborn")
    assert finish(empatheia("up", "--detach"))[0] == 0
    monkeypatch.setattr(daemon, "STOP_S", 0.5)
    result = run("down")
    assert result.exit_code == 0
    assert "killing" in result.stderr
    assert not RunFolder(home).held()


def test_what_a_killed_system_left_is_swept_up(empatheia, home, monkeypatch):
    monkeypatch.setenv("FAKE_SYSTEM", "orphan")
    assert finish(empatheia("up", "--detach"))[0] == 0
    leader = RunFolder(home).holder()
    os.kill(leader, signal.SIGKILL)
    wait_for(lambda: not RunFolder(home).held())
    (orphan,) = members(leader)
    assert finish(empatheia("down"))[0] == 0
    wait_for(lambda: orphan not in members(leader))


def members(session):
    """Living processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(stat.parent.name))
    return found


def test_status_tells_each_service(run, gateway):
    result = run("status", "--json")
    assert result.exit_code == 3
    states = {entry["service"]: entry for entry in json.loads(result.stdout)}
    assert len(states) == 8
    assert states["gateway"]["ready"]
    assert states["gateway"]["model"] == {
        "backend": "fake",
        "model_id": "fake-1",
        "weight_hash": "0" * 16,
    }
    assert states["gateway"]["limits"] == {"turns": 32}
    assert not states["speech"]["ready"]
    table = run("status")
    assert table.exit_code == 3
    assert "fake-1" in table.stdout


def test_check(run, gateway):
    assert run("check", "gateway").exit_code == 0
    assert run("check", "speech").exit_code == 3
    assert run("check", "speech", "--address", "127.0.0.1:9").exit_code == 3
    result = run("check", "spech")
    assert result.exit_code == 2
    assert "speech" in result.error


@pytest.mark.parametrize("command", [("up",), ("respond", "--text", "hi", "-o", "out")])
def test_a_mistake_in_the_help_lines_is_said_before_anything_starts(
    empatheia, tmp_path, monkeypatch, command
):
    lines = tmp_path / "lines.yaml"
    lines.write_text("countries: {XX: {name: Home, emergency: []}}")
    monkeypatch.setenv("EMPATHEIA_HELP__FILE", str(lines))
    code, _, err = finish(empatheia(*command))
    assert code == 2
    assert "XX.emergency" in err
    assert "speech" not in err
