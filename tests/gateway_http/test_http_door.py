import asyncio
import json
from base64 import b64decode

import httpx
import pytest
from fastapi.testclient import TestClient

from runtime.errors import InvalidInput, ServiceDown, TooSlow, UnknownName, WeightsMissing
from runtime.safety import DANGERS
from runtime.settings import LimitSettings
from services.gateway import http_schemas
from services.gateway.http import build_app
from tests.gateway_http.fake import SAMPLES, TURN_ID, VIDEO, WORDS, FakeDialogue

WAV = b"RIFF\x24\0\0\0WAVEfmt " + bytes(100)
JSON = {"accept": "application/json"}


@pytest.fixture
def dialogue(tmp_path):
    return FakeDialogue(tmp_path)


@pytest.fixture
async def client(dialogue):
    transport = httpx.ASGITransport(build_app(dialogue), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def parse(text):
    frames = [frame.split("\n") for frame in text.strip().split("\n\n")]
    return [
        (lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: "))) for lines in frames
    ]


async def test_each_step_is_an_event(client):
    response = await client.post("/v1/respond", data={"text": "my dog died"})
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    events = parse(response.text)
    names = [name for name, _ in events]
    assert names[0] == "started"
    assert names[-1] == "reply"
    assert {"step_started", "perceived", "step", "style", "text", "audio_header", "spoken"} <= set(names)
    assert not {"audio", "video"} & set(names)
    assert [data["name"] for name, data in events if name == "step"] == [
        "event_scenario",
        "user_emotion",
        "emotion_cause",
        "response_goal",
        "response",
    ]
    assert "".join(data["text"] for name, data in events if name == "text") == "".join(WORDS)
    emotion = next(data for name, data in events if name == "step" and data["name"] == "user_emotion")
    assert emotion["distribution"]["sad"] == pytest.approx(0.9)
    assert emotion["evidence"][1]["note"] == "speaks slowly"
    assert events[-1][1]["video"]["path"] == f"/v1/turns/{TURN_ID}/video"


async def test_the_video_is_sent_as_it_is_made_where_it_is_wanted(client, dialogue):
    given = {"text": "my dog died", "stream_video": "true", "life_began_s": "1.5"}
    events = parse((await client.post("/v1/respond", data=given)).text)
    assert b"".join(b64decode(data["data"]) for name, data in events if name == "video") == VIDEO
    assert dialogue.requests[0].options.life_began_s == 1.5


async def test_life_says_why_it_is_not_shown(dialogue):
    with TestClient(build_app(dialogue)).websocket_connect("/v1/life?before=%7B") as socket:
        assert socket.receive_json()["reason"] == "BAD_STYLE"


async def test_json_is_the_reply_alone(client):
    reply = (await client.post("/v1/respond", data={"text": "hi", "seed": 5}, headers=JSON)).json()
    http_schemas.Reply.model_validate(reply)
    assert reply["seed"] == 5
    assert (await client.get(f"/v1/turns/{TURN_ID}")).json() == reply
    assert (await client.get(reply["speech"]["path"])).content == b"RIFF" + SAMPLES


async def test_a_lost_part_is_null(client, dialogue):
    dialogue.script = {"lose": ("video",)}
    reply = (await client.post("/v1/respond", data={"text": "hi"}, headers=JSON)).json()
    http_schemas.Reply.model_validate(reply)
    assert reply["video"] is None
    assert reply["degraded"][0]["part"] == "video"


async def test_a_form_becomes_a_request(client, dialogue):
    history = [{"role": "speaker", "text": "Hello", "emotion": "sad"}, {"role": "listener", "text": "Hi"}]
    await client.post(
        "/v1/respond",
        data={"text": "so", "history": json.dumps(history), "avatar": "mira", "conversation_id": "c"},
        files={"audio": ("a.wav", WAV), "video": ("../../v.mp4", VIDEO)},
    )
    request = dialogue.requests[0]
    assert [(u.role, u.text, u.emotion) for u in request.history] == [(1, "Hello", "sad"), (2, "Hi", "")]
    assert [(m.header.mime_type, m.header.file_name, m.data) for m in request.media] == [
        ("audio/wav", "a.wav", WAV),
        ("video/mp4", "v.mp4", VIDEO),
    ]
    assert (request.text, request.options.avatar_id, request.options.conversation_id) == ("so", "mira", "c")


async def test_a_file_field_left_alone_is_no_recording(client, dialogue):
    response = await client.post("/v1/respond", data={"text": "hi"}, files={"audio": ("", b"")})
    assert response.status_code == 200
    assert not dialogue.requests[0].media


@pytest.mark.parametrize(
    ("fields", "files", "status", "field"),
    [
        ({"history": "{"}, {}, 400, "history"),
        ({"history": "[" * 100_000}, {}, 400, "history"),
        ({"history": '[{"role": "me", "text": "x"}]'}, {}, 400, "history[0].role"),
        ({"seed": "x"}, {}, 400, "seed"),
        ({"seed": str(2**70)}, {}, 400, "seed"),
        ({"text": "x" * 100_000}, {}, 413, "text"),
        ({}, {"audio": ("a.wav", b"")}, 400, "audio"),
        ({}, {"video": ("a.png", b"\x89PNG\r\n")}, 400, "video"),
        ({}, {"video": ("a.wav", WAV)}, 400, "video"),
    ],
)
async def test_bad_input_is_refused_with_its_field(client, dialogue, fields, files, status, field):
    response = await client.post("/v1/respond", data=fields, files=files)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    http_schemas.Problem.model_validate(body)
    assert body["status"] == status
    assert body["fields"][0]["field"] == field
    assert dialogue.requests == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInput.of("media[0]", "ends early"), 400),
        (UnknownName("no such avatar", reason="UNKNOWN_AVATAR"), 404),
        (WeightsMissing("run this", reason="WEIGHTS_MISSING"), 503),
        (ServiceDown("reasoning is down", reason="DOWN", service="reasoning"), 503),
        (TooSlow("too slow", reason="DEADLINE"), 504),
        (ValueError("secret"), 500),
    ],
)
@pytest.mark.parametrize("headers", [{}, JSON])
async def test_errors_before_the_turn_have_their_status(client, dialogue, error, status, headers):
    dialogue.fail_before = error
    response = await client.post("/v1/respond", data={"text": "hi"}, headers=headers)
    assert response.status_code == status
    body = response.json()
    http_schemas.Problem.model_validate(body)
    assert "secret" not in response.text
    assert body["service"] == getattr(error, "service", "gateway")


async def test_an_error_in_the_middle_is_an_event(client, dialogue):
    dialogue.fail_at = {"text": ServiceDown("reasoning died", reason="DOWN", service="reasoning")}
    events = parse((await client.post("/v1/respond", data={"text": "hi"})).text)
    name, data = events[-1]
    assert name == "error"
    assert (data["detail"], data["status"], data["service"]) == ("reasoning died", 503, "reasoning")


async def test_a_large_upload_is_refused_when_announced(client, dialogue):
    big = b"RIFF    WAVE" + bytes(70 * 1024 * 1024)
    response = await client.post("/v1/respond", files={"audio": ("a.wav", big)})
    assert response.status_code == 413
    assert response.json()["reason"] == "MEDIA_TOO_LARGE"
    assert dialogue.requests == []


async def test_a_large_upload_is_refused_while_it_comes(client, dialogue):
    sent = 0

    async def endless():
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n'
        while True:
            sent += 1
            yield bytes(1024 * 1024)

    headers = {"content-type": "multipart/form-data; boundary=x"}
    response = await client.post("/v1/respond", content=endless(), headers=headers)
    assert response.status_code == 413
    assert sent < 80
    assert response.json()["reason"] == "MEDIA_TOO_LARGE"


async def test_recordings_together_are_bounded(dialogue):
    dialogue.settings = dialogue.settings.model_copy(update={"limits": LimitSettings(max_media_bytes=150)})
    transport = httpx.ASGITransport(build_app(dialogue))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        files = {"audio": ("a.wav", WAV), "video": ("v.mp4", VIDEO[:100])}
        response = await client.post("/v1/respond", files=files)
    assert response.status_code == 413
    assert response.json()["fields"][0]["field"] == "audio+video"


async def test_media_answer_ranges(client):
    await client.post("/v1/respond", data={"text": "hi"}, headers=JSON)
    url = f"/v1/turns/{TURN_ID}/video"
    whole = await client.get(url)
    assert whole.content == VIDEO
    assert whole.headers["content-type"] == "video/mp4"
    part = await client.get(url, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, VIDEO[10:20])
    assert (await client.get(url, headers={"range": "bytes=99999999-"})).status_code == 416


@pytest.mark.parametrize("suffix", ["", "/audio", "/video"])
@pytest.mark.parametrize("turn_id", ["f" * 32, "x", "..%2f..%2fetc%2fpasswd", "F" * 32, f"{TURN_ID}%0a"])
async def test_unknown_turns_and_path_tricks_are_refused(client, turn_id, suffix):
    response = await client.get(f"/v1/turns/{turn_id}{suffix}")
    assert response.status_code in (400, 404)
    assert response.headers["content-type"] == "application/problem+json"


async def test_avatars(client):
    body = (await client.get("/v1/avatars")).json()
    assert body["avatars"][0] == {
        "id": "mira",
        "name": "Mira",
        "profile": {"age": "young", "gender": "female", "timbre": "mid"},
        "description": "A calm face.",
    }


async def test_health(client, dialogue):
    assert (await client.get("/healthz")).json() == {"status": "alive"}
    assert (await client.get("/readyz")).status_code == 200
    dialogue.is_ready = False
    assert (await client.get("/readyz")).status_code == 503
    assert (await client.get("/healthz")).status_code == 200


async def test_every_operation_is_described(client):
    schema = (await client.get("/openapi.json")).json()
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            assert operation["description"], path
    body = schema["components"]["schemas"]["Body_respond_v1_respond_post"]["properties"]
    assert all(field["description"] for field in body.values())
    answers = schema["paths"]["/v1/respond"]["post"]["responses"]
    assert set(answers["400"]["content"]) == {"application/problem+json"}
    assert set(answers["200"]["content"]) == {"application/json", "text/event-stream"}
    assert {"Reply", "Problem", "Step"} <= set(schema["components"]["schemas"])


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_pages_need_nothing_from_elsewhere(client, path):
    page = await client.get(path)
    assert page.status_code == 200
    assert "<html" in page.text
    assert not [line for line in page.text.splitlines() if "https://" in line or 'src="' in line]


async def test_a_reader_who_leaves_cancels_the_turn(dialogue):
    import uvicorn

    dialogue.hang_at = "style"
    server = uvicorn.Server(uvicorn.Config(build_app(dialogue), port=0, log_level="error", lifespan="off"))
    task = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        client.stream("POST", "/v1/respond", data={"text": "hi"}) as response,
    ):
        async for line in response.aiter_lines():
            if line == "event: step":
                break
    await asyncio.wait_for(dialogue.cancelled.wait(), 5)
    server.should_exit = True
    await task


@pytest.mark.parametrize(
    ("given", "setting", "header", "country"),
    [
        ("DE", "FR", "en-GB", "DE"),
        ("ZZ", "FR", "en-GB", "ZZ"),
        ("", "FR", "en-GB", "FR"),
        ("", "", "en-GB", "GB"),
        ("", "", "en-US,en;q=0.9", ""),
    ],
)
async def test_the_country_is_the_persons_word_then_the_operators_then_the_browsers(
    client, dialogue, given, setting, header, country
):
    own = dialogue.settings.help.model_copy(update={"country": setting})
    dialogue.settings = dialogue.settings.model_copy(update={"help": own})
    headers = {"accept-language": header}
    await client.post("/v1/respond", data={"text": "hi", "country": given}, headers=headers)
    assert dialogue.requests[0].options.country == country
    found = (await client.get("/v1/help", params={"country": given}, headers=headers)).json()
    http_schemas.Help.model_validate(found)
    assert found["country"] == ("" if country == "ZZ" else country)
    assert bool(found["help"][0]["number"]) == bool(found["country"])


async def test_help_is_for_a_danger_that_there_is(client):
    for kind in DANGERS:
        assert (await client.get("/v1/help", params={"kind": kind})).status_code == 200
    response = await client.get("/v1/help", params={"kind": "self_harm_"})
    assert response.status_code == 400
    assert response.json()["fields"][0]["field"] == "kind"
