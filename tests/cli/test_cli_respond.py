import errno
import json
import os
import wave

import pytest

from runtime.errors import InvalidInput, ServiceDown
from runtime.telemetry.store import TraceStore
from tests.gateway_http.fake import RATE, TRACE_ID, TURN_ID, VIDEO

WAV = b"RIFF\x24\0\0\0WAVEfmt " + bytes(100)


def test_writes_the_whole_reply(run, gateway, tmp_path):
    out = tmp_path / "new" / "out"
    result = run("respond", "--text", "my dog died", "--seed", 7, "--avatar", "mira", "-o", out)
    assert result.exit_code == 0
    reply = json.loads((out / "reply.json").read_text())
    assert reply["text"] == "I am so sorry. He was loved."
    assert reply["emotion"]["label"] == "sad"
    assert reply["emotion"]["class"] == "sad"
    assert reply["emotion"]["confidence"] == pytest.approx(0.9)
    assert len(reply["emotion"]["distribution"]) == 32
    assert sum(reply["emotion"]["distribution"].values()) == pytest.approx(1)
    assert list(reply["chain"]) == [
        "event_scenario",
        "user_emotion",
        "emotion_cause",
        "response_goal",
        "response",
    ]
    for step in reply["chain"].values():
        assert {"text", "evidence", "confidence", "alternatives", "model", "ms"} <= set(step)
    assert reply["chain"]["response_goal"]["alternatives"] == [{"text": "To listen.", "confidence": 0.25}]
    assert reply["chain"]["event_scenario"]["evidence"][0]["text"] == "dog died"
    assert reply["chain"]["event_scenario"]["confidence"] is None
    assert reply["speech"] == {"path": "reply.wav", "sample_rate": RATE, "duration_s": 0.25}
    assert reply["video"]["path"] == "reply.mp4"
    assert reply["video"]["width"] == 512
    assert reply["style"]["voice"]["rate"] == pytest.approx(-0.2)
    assert "tensors" not in json.dumps(reply)
    assert reply["timings_ms"]["first_audio"] == 900
    assert (reply["trace_id"], reply["turn_id"], reply["seed"]) == (TRACE_ID, TURN_ID, 7)
    assert reply["degraded"] == []
    assert (out / "reply.mp4").read_bytes() == VIDEO
    assert {path.name for path in out.iterdir()} == {"reply.json", "reply.wav", "reply.mp4"}
    request = gateway.requests[0]
    assert (request.text, request.options.seed, request.options.avatar_id) == ("my dog died", 7, "mira")


def test_speech_follows_the_speech_clock(run, gateway, tmp_path):
    run("respond", "--text", "hi", "-o", tmp_path)
    with wave.open(str(tmp_path / "reply.wav")) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE, 1, 2)
        # Three chunks of 0.05 s, 0.1 s apart: the gaps are silent.
        assert sound.getnframes() == int(0.25 * RATE)
        data = sound.readframes(sound.getnframes())
    assert data[1600:3200] == bytes(1600)
    assert data[3200:4800] == data[:1600] != bytes(1600)


def test_the_chain_is_shown_as_it_comes(run, gateway, tmp_path):
    shown = run("respond", "--text", "hi", "-o", tmp_path).stdout
    assert "“dog died”" in shown
    assert "voice 1.2–2.4 s: speaks slowly" in shown
    assert "sad 90%" in shown
    assert "no face found" in shown
    assert "12 ms" in shown
    assert "I am so sorry. He was loved." in shown
    assert "first audio 0.9 s · first frame 1.1 s · total 2.0 s" in shown
    assert "synthetic" in shown
    order = [
        shown.index(word) for word in ("what happened", "what you feel", "why", "what may help", "reply")
    ]
    assert order == sorted(order)


def test_json_prints_nothing_else(run, gateway, tmp_path):
    result = run("respond", "--text", "hi", "--json", "-o", tmp_path)
    assert json.loads(result.stdout) == json.loads((tmp_path / "reply.json").read_text())


def test_a_second_header_starts_the_video_again(run, gateway, tmp_path):
    gateway.script = {"video_restarts": True}
    run("respond", "--text", "hi", "-o", tmp_path)
    assert (tmp_path / "reply.mp4").read_bytes() == VIDEO


@pytest.mark.parametrize("lost", [("video",), ("speech", "video")])
def test_a_lost_part_leaves_no_file_and_a_receipt(run, gateway, tmp_path, lost):
    run("respond", "--text", "hi", "-o", tmp_path)
    gateway.script = {"lose": lost}
    result = run("respond", "--text", "hi", "-o", tmp_path)
    assert result.exit_code == 0
    reply = json.loads((tmp_path / "reply.json").read_text())
    assert [part["part"] for part in reply["degraded"]] == list(lost)
    assert "no video: it [died]" in result.stdout
    assert reply["video"] is None
    assert not (tmp_path / "reply.mp4").exists()
    assert (tmp_path / "reply.wav").exists() == ("speech" not in lost)


def test_a_failed_turn_leaves_the_folder_as_it_was(run, gateway, tmp_path):
    run("respond", "--text", "hi", "-o", tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    gateway.fail_at = {"reply": ServiceDown("the speech service died", reason="DOWN", service="speech")}
    result = run("respond", "--text", "hi", "-o", tmp_path)
    assert result.exit_code == 3
    assert "speech service died" in result.error
    assert f"--resume {TURN_ID}" in result.stderr
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_resume_needs_no_query(run, gateway, tmp_path):
    assert run("respond", "--resume", TURN_ID, "-o", tmp_path).exit_code == 0
    assert gateway.requests[0].options.resume_turn_id == TURN_ID


def test_field_violations_of_a_service_are_shown(gateway, tmp_path, monkeypatch, capsys):
    import cli.main

    gateway.fail_before = InvalidInput.of("media[0]", "ends in the middle", reason="TRUNCATED")
    monkeypatch.setattr("sys.argv", ["empatheia", "respond", "--text", "hi", "-o", str(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        cli.main.main()
    assert stopped.value.code == 2
    assert "media[0]: ends in the middle" in capsys.readouterr().err


def test_media_travel_with_name_and_type(run, gateway, tmp_path):
    audio, video = tmp_path / "voice.wav", tmp_path / "face.mp4"
    audio.write_bytes(WAV)
    video.write_bytes(VIDEO)
    run("respond", "--audio", audio, "--video", video, "-o", tmp_path / "out")
    sound, picture = gateway.requests[0].media
    assert (sound.header.mime_type, sound.header.file_name, sound.data) == ("audio/wav", "voice.wav", WAV)
    assert (picture.header.mime_type, picture.header.total_bytes) == ("video/mp4", len(VIDEO))


@pytest.mark.parametrize(
    ("content", "option", "complaint"),
    [
        (None, "--audio", "does not exist"),
        (b"", "--audio", "empty (0 bytes)"),
        (b"", "--video", "empty (0 bytes)"),
        (b"\x89PNG\r\n\x1a\n", "--video", "a PNG picture"),
        (b"hello there", "--audio", "no known audio or video"),
        (WAV, "--video", "sound only"),
    ],
)
def test_bad_files_are_refused_before_anything_starts(run, gateway, tmp_path, content, option, complaint):
    path = tmp_path / "file.bin"
    if content is not None:
        path.write_bytes(content)
    result = run("respond", option, path, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert complaint in result.error
    assert str(option[2:]) in result.error
    assert gateway.requests == []


def test_a_large_file_is_refused_without_reading_it(run, gateway, tmp_path):
    path = tmp_path / "big.wav"
    with path.open("wb") as file:
        file.truncate(500_000_000)
    result = run("respond", "--audio", path, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "500.0 MB" in result.error
    assert gateway.requests == []


@pytest.mark.parametrize("arguments", [[], ["--text", ""], ["--text", "  \n"]])
def test_an_empty_query_is_refused(run, gateway, tmp_path, arguments):
    result = run("respond", *arguments, "-o", tmp_path)
    assert result.exit_code == 2
    assert "nothing was said" in result.error


def test_a_long_text_is_refused(run, gateway, tmp_path):
    result = run("respond", "--text", "x" * 100_000, "-o", tmp_path)
    assert result.exit_code == 2
    assert "100,000 characters; at most 4,000" in result.error
    assert gateway.requests == []


@pytest.mark.parametrize("text", ["😢👩‍👩‍👧", "אני עצוב", "a\x07b\x1b[31m"])
def test_unusual_text_is_passed_on(run, gateway, tmp_path, text):
    assert run("respond", "--text", text, "-o", tmp_path).exit_code == 0
    assert gateway.requests[0].text == text


def test_an_output_that_can_not_be_written_fails_before_the_work(run, gateway, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("respond", "--text", "hi", "-o", tmp_path / "file")
    assert result.exit_code == 2
    assert "can't be written" in result.error
    assert gateway.requests == []


def test_a_full_disk_fails_before_the_work(run, gateway, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1_000_000}))
    result = run("respond", "--text", "hi", "-o", tmp_path)
    assert result.exit_code == 2
    assert "only 1 MB are free" in result.error
    assert gateway.requests == []


def test_a_disk_that_fills_up_on_the_way_is_said(run, gateway, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("cli.outputs.ReplyWriter._add_audio", full)
    result = run("respond", "--text", "hi", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "No space left on device" in result.error
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("seed", [2**63, -(2**63) - 1])
def test_a_seed_beyond_64_bits_is_refused(run, gateway, tmp_path, seed):
    result = run("respond", "--text", "hi", "--seed", seed, "-o", tmp_path)
    assert result.exit_code == 2
    assert result.error.startswith("seed:")


def test_names_that_are_no_unicode_are_no_obstacle(run, gateway, tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    path.write_bytes(WAV)
    assert run("respond", "--audio", path, "-o", tmp_path / "out").exit_code == 0
    assert gateway.requests[0].media[0].header.file_name == "caf?.wav"
    result = run("respond", "--text", os.fsdecode(b"caf\xe9"), "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert result.error.startswith("text: character 3")


def test_a_gateway_that_is_down_is_exit_code_3(run, tmp_path, monkeypatch):
    monkeypatch.setenv("EMPATHEIA_SERVICES__GATEWAY__ADDRESS", "127.0.0.1:9")
    result = run("respond", "--text", "hi", "-o", tmp_path)
    assert result.exit_code == 3
    assert "can't be reached" in result.error


def test_output_is_needed(run):
    assert run("respond", "--text", "hi").exit_code == 2


def test_the_trace_lies_beside_the_reply(run, gateway, tmp_path, home):
    span = {
        "traceId": TRACE_ID,
        "spanId": "00f067aa0ba902b7",
        "name": "turn",
        "kind": 1,
        "startTimeUnixNano": "1000",
        "endTimeUnixNano": "2000",
        "attributes": [],
        "status": {},
    }
    document = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": [span]}]}]}
    TraceStore(home / "traces").append(TRACE_ID, document)
    run("respond", "--text", "hi", "-o", tmp_path)
    stored = json.loads((tmp_path / "trace.json").read_text())
    assert stored["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"] == TRACE_ID


def test_a_trace_that_is_elsewhere_is_said(run, gateway, tmp_path):
    result = run("respond", "--text", "hi", "-o", tmp_path)
    assert result.exit_code == 0
    assert "not in this machine's store" in result.stderr
