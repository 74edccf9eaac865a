import json

import pytest
from empatheia.common.v1 import safety_pb2

from runtime.errors import ServiceDown
from tests.gateway_http.fake import VIDEO

SHOWN = "Somebody who can help, right now:"


def danger(stage="first", kind="self_harm"):
    line = safety_pb2.HelpLine(name="Samaritans", number="116 123", category="suicide")
    return safety_pb2.Safety(kind=kind, stage=stage, help=[line], country="GB")


def test_a_chat_remembers_what_was_said_and_felt(run, gateway):
    result = run("chat", "--avatar", "mira", input="my dog died\nit hurts\n/quit\n")
    assert result.exit_code == 0
    first, second = gateway.requests
    assert not first.history
    assert [(u.role, u.text, u.emotion) for u in second.history] == [
        (1, "my dog died", "sad"),
        (2, "I am so sorry. He was loved.", ""),
    ]
    assert second.options.conversation_id == "c1"
    assert second.options.avatar_id == "mira"
    assert "you feel sad" in result.stdout
    assert "I am so sorry. He was loved." in result.stdout
    assert "“dog died”" not in result.stdout


def test_why_shows_the_chain(run, gateway):
    result = run("chat", input="/why\nhi\n/why\n")
    assert "nothing has been said yet" in result.stdout
    assert "“dog died”" in result.stdout
    assert "what may help" in result.stdout
    assert "or: To listen. 25%" in result.stdout
    assert "empatheia traces show" in result.stdout


def test_recordings_are_sent_and_replies_kept(run, gateway, tmp_path):
    (tmp_path / "face.mp4").write_bytes(VIDEO)
    run("chat", "-o", tmp_path / "out", input=f"/video {tmp_path / 'face.mp4'}\nand now?\n")
    assert gateway.requests[0].media[0].data == VIDEO
    # What was heard, not the command, is what the person said.
    assert gateway.requests[1].history[0].text == "my dog died"
    for folder in ("001", "002"):
        assert json.loads((tmp_path / "out" / folder / "reply.json").read_text())["text"]
        assert (tmp_path / "out" / folder / "reply.mp4").read_bytes() == VIDEO


def test_a_failed_turn_does_not_end_the_chat(run, gateway):
    gateway.fail_at = {"text": ServiceDown("reasoning died", reason="DOWN")}
    result = run("chat", input="hi\n/audio nothing.wav\n/nonsense\n")
    assert result.exit_code == 0
    assert "reasoning died" in result.stderr
    assert "nothing.wav does not exist" in result.stderr
    assert "unknown command /nonsense" in result.stderr


@pytest.mark.parametrize(("broke_at", "replies"), [("step", 0), ("style", 0), ("audio_header", 1)])
def test_what_was_said_in_a_turn_that_broke_off_is_remembered(run, gateway, broke_at, replies):
    gateway.fail_at = {broke_at: ServiceDown("reasoning died", reason="DOWN")}
    run("chat", input="my dog died\nhello?\n")
    history = gateway.requests[1].history
    assert history[0].text == "my dog died"
    assert [one.text for one in history[1:]] == ["I am so sorry. He was loved."] * replies
    assert gateway.requests[1].options.conversation_id == "c1"


def test_what_was_never_heard_is_not_remembered(run, gateway):
    gateway.fail_at = {"perceived": ServiceDown("perception died", reason="DOWN")}
    run("chat", input="hi\nhello?\n")
    assert not gateway.requests[1].history


def test_who_can_help_is_shown_once_and_then_on_request(run, gateway):
    said = iter([danger(), danger("ongoing"), danger("ongoing", "medical"), danger("first", "medical")])
    respond = gateway.respond

    def told(request, call):
        gateway.script = {"safety": next(said)}
        return respond(request, call)

    gateway.respond = told
    shown = run("chat", input="/numbers\nI want to die\nhello\nmy chest\nagain\n/numbers\n").stdout
    parts = shown.split("empatheia")[:-1]
    assert "no numbers have been shown yet" in parts[0]
    assert [(SHOWN in part, "Who can help: /numbers" in part) for part in parts] == [
        (True, False),
        (False, True),
        (True, False),
        (True, False),
    ]
    assert shown.split("empatheia")[-1].count("116 123  Samaritans") == 2


def test_in_doubt_no_numbers_are_handed_out(run, gateway):
    gateway.script = {"safety": danger("doubt")}
    result = run("chat", input="it is all too much\n")
    assert result.exit_code == 0
    assert "116 123" not in result.stdout
    assert "/numbers" not in result.stdout


def test_nobody_in_danger_is_asked_why(run, gateway):
    gateway.script = {"safety": danger()}
    shown = run("chat", input="I want to die\n/why\n").stdout.splitlines()
    assert any(line.startswith("what you said ") for line in shown)
    assert not any(line.startswith("why ") for line in shown)
