import json

from runtime.errors import ServiceDown
from tests.gateway_http.fake import VIDEO


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
