import json

from typer.testing import CliRunner

from cli.traces import app
from runtime.telemetry.otlp import raw_spans

RUN = CliRunner(env={"COLUMNS": "100"})


def test_list_shows_the_newest_first(settings, play) -> None:
    first, second = play(turn_id="a"), play(turn_id="b", broken="avatar")
    result = RUN.invoke(app, ["list"])
    assert result.exit_code == 0
    assert result.output.index(second[:12]) < result.output.index(first[:12])
    assert "without video" in result.output
    assert "ashamed" in result.output
    lines = json.loads(RUN.invoke(app, ["list", "--json"]).output)
    assert [line["trace_id"] for line in lines] == [second, first]
    assert lines[0]["degraded"] == ["video: the avatar service can't be reached"]
    assert lines[0]["errors"] == 2
    assert lines[1]["turn_id"] == "a"
    assert lines[1]["errors"] == 0
    assert len(json.loads(RUN.invoke(app, ["list", "--json", "--limit", "1"]).output)) == 1


def test_an_empty_store_says_what_fills_it(settings) -> None:
    result = RUN.invoke(app, ["list"])
    assert result.exit_code == 0
    assert "empatheia respond" in result.output
    assert json.loads(RUN.invoke(app, ["list", "--json"]).output) == []
    assert RUN.invoke(app, ["show", "last"]).exit_code == 2


def test_show_takes_the_beginning_of_an_id(settings, play) -> None:
    trace_id = play()
    for name in (trace_id, trace_id[:8], "last"):
        result = RUN.invoke(app, ["show", name])
        assert result.exit_code == 0
        assert "user emotion" in result.output
    shown = json.loads(RUN.invoke(app, ["show", trace_id, "--json"]).output)
    assert shown["trace_id"] == trace_id
    assert shown["complete"]
    assert shown["tree"][0]["name"] == "turn"
    by_name = {node["name"]: node for node in shown["nodes"]}
    assert by_name["user_emotion"]["confidence"] == 0.62
    assert by_name["user_emotion"]["evidence"][1]["kind"] == "audio"
    assert by_name["emotion_cause"]["attempts"] == 2
    assert by_name["emotion_cause"]["alternatives"] == [{"text": "They failed an exam.", "confidence": 0.44}]


def test_an_unknown_id_is_one_clear_line(settings, play) -> None:
    play()
    for command in ("show", "export"):
        result = RUN.invoke(app, [command, "zzzz"])
        assert result.exit_code == 2
        assert result.stderr.count("\n") == 1
        assert "there is no trace 'zzzz'" in result.stderr
        assert "empatheia traces list" in result.stderr


def test_export_writes_one_document(settings, play, tmp_path) -> None:
    trace_id = play()
    target = tmp_path / "trace.json"
    result = RUN.invoke(app, ["export", trace_id[:10], "-o", str(target)])
    assert result.exit_code == 0
    assert {span["traceId"] for span in raw_spans(json.loads(target.read_text()))} == {trace_id}
    assert json.loads(RUN.invoke(app, ["export", "last"]).stdout) == json.loads(target.read_text())


def test_export_to_a_place_that_is_not_there(settings, play, tmp_path) -> None:
    play()
    result = RUN.invoke(app, ["export", "last", "-o", str(tmp_path / "no" / "trace.json")])
    assert result.exit_code == 2
    assert "can't be written" in result.stderr
