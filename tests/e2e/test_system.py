"""Real turns through every service on a real Ray."""

import itertools
import json
import os
import signal
import time
import urllib.request
import wave
from pathlib import Path
from typing import Any

import av
import pytest
from empatheia.dialogue.v1 import dialogue_pb2
from empatheia.speech.v1 import speech_pb2

from runtime.clients.grpc_transport import GrpcTransport
from runtime.clients.transport import CallKey
from runtime.errors import ServiceDown
from runtime.rpc import RESPOND
from runtime.telemetry.setup import trace_store
from tests.contract.cases import CASES, Case
from tests.contract.conformance import CHECKS
from tests.e2e.conftest import ROOT, Cli, free_port, replica_pid, reply_of
from tests.telemetry.edges import check_edges

pytestmark = pytest.mark.timeout(240)

EXAMPLE = ROOT / "examples" / "dialogue.json"
CHAIN = ["event_scenario", "user_emotion", "emotion_cause", "response_goal", "response"]


@pytest.fixture(scope="module")
def example(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The answer to the sample dialogue: text, speech and face video with history."""
    out = tmp_path_factory.mktemp("out")
    done = cli("respond", "--dialogue", str(EXAMPLE), "-o", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_the_reply_is_whole(example: Path) -> None:
    reply = reply_of(example)
    assert list(reply["chain"]) == CHAIN
    for step in reply["chain"].values():
        assert step["text"]
        assert step["model"]["model_id"]
        assert step["ms"] > 0
    assert reply["degraded"] == []
    assert reply["text"] == reply["chain"]["response"]["text"]
    assert sum(reply["emotion"]["distribution"].values()) == pytest.approx(1, abs=1e-3)
    assert len(reply["emotion"]["distribution"]) == 32
    assert {"first_audio", "first_frame", "total", "perceive", "render"} <= set(reply["timings_ms"])
    assert reply["seed"] == 7


def test_evidence_is_really_in_the_dialogue(example: Path) -> None:
    dialogue = json.loads(EXAMPLE.read_text())
    said = [utterance["text"] for utterance in dialogue["history"]] + [dialogue["query"]["text"]]
    quoted = [
        evidence
        for step in reply_of(example)["chain"].values()
        for evidence in step["evidence"]
        if evidence["source"] == "text"
    ]
    assert quoted
    for evidence in quoted:
        start, end = int(evidence["start"]), int(evidence["end"])
        assert said[evidence["utterance"]][start:end] == evidence["text"]


def test_sound_and_pictures_are_one_piece(example: Path) -> None:
    reply = reply_of(example)
    with wave.open(str(example / "reply.wav")) as file:
        seconds = file.getnframes() / file.getframerate()
    assert seconds == pytest.approx(reply["speech"]["duration_s"], abs=0.01)
    with av.open(str(example / "reply.mp4")) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.width, video.codec_context.height) == (512, 512)
        times = [float(frame.pts * video.time_base) for frame in container.decode(video)]
        container.seek(0)
        heard = sum(frame.samples for frame in container.decode(audio)) / audio.codec_context.sample_rate
    steps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert steps == pytest.approx([1 / 25] * len(steps), abs=1e-3)
    assert times[-1] + 1 / 25 == pytest.approx(seconds, abs=0.8)
    assert heard == pytest.approx(times[-1] + 1 / 25, abs=0.1)


def test_the_trace_shows_every_step_and_service(example: Path, cli: Cli) -> None:
    trace = trace_store(cli.settings()).load(reply_of(example)["trace_id"])
    assert check_edges(trace.spans) == []
    exported = json.loads((example / "trace.json").read_text())
    assert exported["resourceSpans"]
    shown = cli("traces", "show", reply_of(example)["trace_id"])
    assert shown.returncode == 0
    assert reply_of(example)["text"].split()[0] in shown.stdout


def test_replicas_are_as_urgent_as_other_programs(example: Path, cli: Cli) -> None:
    assert os.getpriority(os.PRIO_PROCESS, replica_pid(cli.settings(), "speech")) == os.getpriority(
        os.PRIO_PROCESS, 0
    )


def test_same_input_same_seed_same_answer(example: Path, cli: Cli, tmp_path: Path) -> None:
    done = cli("respond", "--dialogue", str(EXAMPLE), "-o", str(tmp_path))
    assert done.returncode == 0, done.stderr
    first, second = reply_of(example), reply_of(tmp_path)
    assert [step["text"] for step in first["chain"].values()] == [
        step["text"] for step in second["chain"].values()
    ]
    assert (example / "reply.wav").read_bytes() == (tmp_path / "reply.wav").read_bytes()


async def test_a_service_that_is_killed_in_a_turn_comes_back(cli: Cli) -> None:
    settings = cli.settings()
    request = dialogue_pb2.RespondRequest(text="My dog died last night. He was twelve years old.")
    kinds: list[str] = []
    audio: list[speech_pb2.AudioChunk] = []
    async with GrpcTransport(settings) as transport:
        async for response in transport.stream(RESPOND, request, CallKey("", "test")):
            event = response.event
            kinds.append(event.WhichOneof("event"))
            if event.HasField("audio"):
                if not audio:
                    os.kill(replica_pid(settings, "speech"), signal.SIGKILL)
                audio.append(event.audio)
    assert kinds[-1] == "reply"
    assert not event.reply.degraded
    clock = 0.0
    for chunk in audio:
        assert chunk.pts_s == pytest.approx(clock, abs=1e-3)
        clock += len(chunk.data) / 2 / event.reply.speech.sample_rate
    assert clock == pytest.approx(event.reply.speech.duration_s, abs=0.01)


async def test_a_turn_goes_on_after_the_gateway_was_killed(cli: Cli) -> None:
    settings = cli.settings()
    request = dialogue_pb2.RespondRequest(text="My dog died last night. He was twelve years old.")
    turn_id = ""

    async def until_killed() -> None:
        nonlocal turn_id
        async for response in transport.stream(RESPOND, request, CallKey("", "test")):
            turn_id = turn_id or response.event.started.turn_id
            if response.event.step.name == "user_emotion":
                os.kill(replica_pid(settings, "gateway"), signal.SIGKILL)

    async with GrpcTransport(settings) as transport:
        with pytest.raises(ServiceDown, match="died while it worked"):
            await until_killed()
        again = dialogue_pb2.RespondRequest(options=dialogue_pb2.TurnOptions(resume_turn_id=turn_id))
        events = [
            response.event async for response in transport.stream(RESPOND, again, CallKey(turn_id, "test"))
        ]
    started = [event.step_started.name for event in events if event.HasField("step_started")]
    assert "perceive" not in started
    assert [event.step.name for event in events if event.HasField("step")] == CHAIN
    assert events[-1].reply.turn_id == turn_id
    assert not events[-1].reply.degraded


def test_another_speech_service_takes_over_by_settings(cli: Cli, tmp_path: Path) -> None:
    speech_port, gateway_port = free_port(), free_port()
    own = Cli(cli.environment)
    speech = own.start("serve", "speech", "--port", str(speech_port))
    aimed = Cli({**cli.environment, "EMPATHEIA_SERVICES__SPEECH__ADDRESS": f"127.0.0.1:{speech_port}"})
    gateway = aimed.start("serve", "gateway", "--port", str(gateway_port))
    try:
        for name, port in (("speech", speech_port), ("gateway", gateway_port)):
            _await_ready(own, name, port)
        caller = Cli({**cli.environment, "EMPATHEIA_SERVICES__GATEWAY__ADDRESS": f"127.0.0.1:{gateway_port}"})
        done = caller("respond", "--text", "I got the job!", "-o", str(tmp_path))
        assert done.returncode == 0, done.stdout + done.stderr
        reply = reply_of(tmp_path)
        assert reply["degraded"] == []
        trace = trace_store(cli.settings()).load(reply["trace_id"])
        peers = {
            span.attributes.get("server.address")
            for span in trace.spans
            if span.kind == "client" and span.name.startswith("speech/")
        }
        assert peers == {f"127.0.0.1:{speech_port}"}
    finally:
        for process in (speech, gateway):
            process.terminate()
            process.communicate(timeout=20)


def test_the_gateway_answers_http(cli: Cli) -> None:
    port = cli.environment["EMPATHEIA_SERVE__HTTP_PORT"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/avatars", timeout=20) as answer:
        avatars = json.loads(answer.read())
    assert avatars
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/openapi.json", timeout=20) as answer:
        assert "/v1/respond" in json.loads(answer.read())["paths"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--text", ""], "nothing was said"),
        (["--text", "x" * 100_000], "100,000 characters"),
        (["--text", "hello", "--avatar", "nobody"], "no avatar"),
        (["--audio", "/nowhere.wav"], "nowhere.wav"),
        (["--audio", str(EXAMPLE)], "dialogue.json"),
    ],
)
def test_bad_input_is_one_clear_line_and_leaves_nothing(
    cli: Cli, tmp_path: Path, arguments: list[str], says: str
) -> None:
    done = cli("respond", *arguments, "-o", str(tmp_path / "out"))
    assert done.returncode == 2, done.stdout + done.stderr
    assert says in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_conformance(check: Any, case: Case, cli: Cli) -> None:
    async with GrpcTransport(cli.settings()) as transport:
        await check(case, transport)


def _await_ready(cli: Cli, name: str, port: int) -> None:
    deadline = time.monotonic() + 60
    while cli("check", name, "--address", f"127.0.0.1:{port}").returncode != 0:
        assert time.monotonic() < deadline, f"{name} never became ready"
        time.sleep(0.3)
