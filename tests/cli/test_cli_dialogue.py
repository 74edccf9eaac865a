import pytest

from tests.gateway_http.fake import VIDEO


def test_a_dialogue_becomes_a_request(run, gateway, tmp_path, dialogue):
    (tmp_path / "face.mp4").write_bytes(VIDEO)
    path = dialogue(
        {
            "history": [
                {"role": "speaker", "text": "Hello", "emotion": "sad"},
                {"role": "listener", "text": "Hi"},
            ],
            "query": {"text": "my dog died", "video": "face.mp4"},
            "avatar": "mira",
            "seed": 3,
        }
    )
    assert run("respond", "--dialogue", path, "-o", tmp_path / "out").exit_code == 0
    request = gateway.requests[0]
    assert [(u.role, u.text, u.emotion) for u in request.history] == [(1, "Hello", "sad"), (2, "Hi", "")]
    assert request.text == "my dog died"
    assert request.media[0].data == VIDEO
    assert (request.options.avatar_id, request.options.seed) == ("mira", 3)


def test_options_win(run, gateway, tmp_path, dialogue):
    path = dialogue({"query": {"text": "from the file"}, "avatar": "a", "seed": 3})
    run("respond", "--dialogue", path, "--text", "mine", "--avatar", "b", "--seed", 0, "-o", tmp_path / "out")
    request = gateway.requests[0]
    assert (request.text, request.options.avatar_id, request.options.seed) == ("mine", "b", 0)


def test_a_plain_list_ends_with_the_query(run, gateway, tmp_path, dialogue):
    path = dialogue([{"role": "listener", "text": "Hi"}, {"role": "speaker", "text": "my dog died"}])
    run("respond", "--dialogue", path, "-o", tmp_path / "out")
    request = gateway.requests[0]
    assert [u.text for u in request.history] == ["Hi"]
    assert request.text == "my dog died"


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ("{", "--dialogue"),
        ("[" * 100_000, "--dialogue"),
        ("3", "dialogue"),
        ("[]", "dialogue"),
        ([{"role": "listener", "text": "Hi"}], "dialogue[0].role"),
        ({"query": {"text": "x"}, "histroy": []}, "dialogue.histroy"),
        ({"query": "x"}, "query"),
        ({"query": {"text": 3}}, "query.text"),
        ({"query": {"txt": "x"}}, "query.txt"),
        ({"query": {"text": "x", "audio": 3}}, "query.audio"),
        ({"query": {"text": "x"}, "seed": "7"}, "seed"),
        ({"query": {"text": "x"}, "seed": True}, "seed"),
        ({"query": {"text": "x"}, "seed": 2**64}, "seed"),
        ({"query": {"text": "x"}, "avatar": 1}, "avatar"),
        ({"query": {"text": "x"}, "history": {}}, "history"),
        ({"query": {"text": "x"}, "history": ["hi"]}, "history[0]"),
        ({"query": {"text": "x"}, "history": [{"role": "user", "text": "hi"}]}, "history[0].role"),
        ({"query": {"text": "x"}, "history": [{"role": "speaker"}]}, "history[0].text"),
        (
            {"query": {"text": "x"}, "history": [{"role": "speaker", "text": "h", "emotion": "blue"}]},
            "history[0].emotion",
        ),
        ({"query": {"text": "x"}, "history": [{"role": "speaker", "text": "h"}] * 201}, "history"),
        ({"query": {"text": "\ud800"}}, "query.text"),
    ],
)
def test_a_wrong_shape_names_the_field(run, gateway, tmp_path, dialogue, content, field):
    result = run("respond", "--dialogue", dialogue(content), "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert result.error.startswith(f"{field}:")
    assert gateway.requests == []


def test_a_byte_order_mark_is_no_obstacle(run, gateway, tmp_path):
    path = tmp_path / "dialogue.json"
    path.write_bytes(b"\xef\xbb\xbf" + b'{"query": {"text": "hi"}}')
    assert run("respond", "--dialogue", path, "-o", tmp_path / "out").exit_code == 0
    path.write_bytes(b'{"query": {"text": "\xff"}}')
    result = run("respond", "--dialogue", path, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "no UTF-8" in result.error


def test_a_missing_file_is_named(run, tmp_path):
    result = run("respond", "--dialogue", tmp_path / "none.json", "-o", tmp_path)
    assert result.exit_code == 2
    assert "none.json" in result.error
