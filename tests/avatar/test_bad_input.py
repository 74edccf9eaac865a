import io
import math

import av
import numpy as np
import pytest
from empatheia.avatar.v1 import avatar_pb2
from empatheia.common.v1 import content_pb2, style_pb2

from runtime.clients.transport import CallKey
from runtime.errors import EmpatheiaError, InvalidInput, TooMuch, UnknownName
from runtime.rpc import RENDER
from runtime.settings import load_settings
from services.avatar import service
from services.avatar.drawing.geometry import HeadShape
from services.avatar.drawing.mouth import mouth_lines
from services.avatar.motion.animator import Animator
from services.avatar.profiles.schema import FOLDER, Head, load_profile, load_profiles
from services.avatar.service import AvatarService
from tests.avatar.support import RATE, requests, speech

KEY = CallKey("turn", "render")
SHORT = np.zeros(RATE // 10, np.int16)
START = avatar_pb2.RenderRequest(start=avatar_pb2.RenderStart(sample_rate=RATE, size=64))


async def refusal(avatar, stream) -> EmpatheiaError:
    with pytest.raises(EmpatheiaError) as caught:
        async for _ in avatar.stream(RENDER, stream, KEY):
            pass
    return caught.value


async def listed(*items):
    for item in items:
        yield item


def audio(pts_s: float, samples: int = 2400) -> avatar_pb2.RenderRequest:
    return avatar_pb2.RenderRequest(audio=avatar_pb2.VoiceChunk(data=bytes(2 * samples), pts_s=pts_s))


@pytest.mark.parametrize(
    ("field", "start"),
    [
        ("start.size", {"size": 63}),
        ("start.size", {"size": 62}),
        ("start.size", {"size": 1026}),
        ("start.size", {"size": -2}),
        ("start.fps", {"fps": 1.0}),
        ("start.fps", {"fps": 240.0}),
        ("start.fps", {"fps": -25.0}),
        ("start.fps", {"fps": math.nan}),
        ("start.sample_rate", {"sample_rate": 0}),
        ("start.sample_rate", {"sample_rate": 23999}),
        ("start.style.face.smile", {"style": {"face": {"smile": math.nan}}}),
        ("start.style.face.smile", {"style": {"face": {"smile": 1.5}}}),
        ("start.style.face.frown", {"style": {"face": {"frown": -0.1}}}),
        ("start.style.face.head_motion", {"style": {"face": {"head_motion": math.inf}}}),
        ("start.before.face.smile", {"before": {"face": {"smile": math.nan}}}),
        ("start.life_s", {"life_s": -1.0}),
        ("start.life_s", {"life_s": math.nan}),
        ("start.life_s", {"life_s": 1e9}),
    ],
)
async def test_wrong_start(avatar, field, start):
    error = await refusal(avatar, requests(SHORT, **start))
    assert isinstance(error, InvalidInput)
    assert error.violations[0].field == field


async def test_unknown_avatar_lists_those_there_are(avatar):
    error = await refusal(avatar, requests(SHORT, avatar_id="nobody"))
    assert isinstance(error, UnknownName)
    assert "nobody" in error.message
    assert "mira" in error.message


@pytest.mark.parametrize(
    ("field", "parts"),
    [
        ("start", []),
        ("start", [audio(0)]),
        ("start", [START, START]),
        ("part", [START, avatar_pb2.RenderRequest()]),
        ("audio", [START]),
        ("audio", [START, audio(0, samples=0)]),
        ("audio.pts_s", [START, audio(0.5)]),
        ("audio.pts_s", [START, audio(0), audio(0.2)]),
        ("audio.pts_s", [START, audio(0), audio(0.05)]),
        ("audio.pts_s", [START, audio(0), audio(-0.1)]),
        ("audio.pts_s", [START, audio(math.nan)]),
        ("heard.pts_s", [START, audio(0), avatar_pb2.RenderRequest(heard=avatar_pb2.VoiceChunk(pts_s=0.5))]),
        ("audio.data", [START, avatar_pb2.RenderRequest(audio=avatar_pb2.VoiceChunk(data=b"odd"))]),
    ],
)
async def test_wrong_stream(avatar, field, parts):
    error = await refusal(avatar, listed(*parts))
    assert isinstance(error, InvalidInput)
    assert error.violations[0].field == field


@pytest.mark.parametrize(
    ("field", "visemes"),
    [
        ("spoken[0].visemes[0].name", [("zz", 0, 0.1)]),
        ("spoken[0].visemes[0]", [("aa", 0.2, 0.1)]),
        ("spoken[0].visemes[0]", [("aa", math.nan, 0.1)]),
        ("spoken[0].visemes[1]", [("aa", 0, 0.3), ("PP", 0.1, 0.4)]),
    ],
)
async def test_wrong_segment(avatar, field, visemes):
    segment = content_pb2.ContentSegment(
        visemes=[content_pb2.Viseme(name=name, start_s=start, end_s=end) for name, start, end in visemes]
    )
    error = await refusal(avatar, listed(START, avatar_pb2.RenderRequest(spoken=segment)))
    assert isinstance(error, InvalidInput)
    assert error.violations[0].field == field


async def test_segments_out_of_order(avatar):
    segment, _ = speech(1)
    part = avatar_pb2.RenderRequest(spoken=segment)
    error = await refusal(avatar, listed(START, part, part))
    assert error.violations[0].field == "spoken[1].visemes[0]"


async def test_more_than_half_an_hour(avatar, monkeypatch):
    assert service.MAX_AUDIO_S == 1800
    monkeypatch.setattr(service, "MAX_AUDIO_S", 2.0)
    error = await refusal(avatar, listed(START, audio(0, samples=2 * RATE), audio(2.0, samples=1)))
    assert isinstance(error, TooMuch)
    assert error.reason == "AUDIO_TOO_LONG"


@pytest.mark.parametrize("kind", ["silence", "clipped", "noise", "one value"])
async def test_odd_voices_make_a_whole_video(avatar, kind):
    _, hum = speech(2)
    voice = {
        "silence": np.zeros_like(hum),
        "clipped": np.clip(hum.astype(np.int32) * 40, -32768, 32767).astype(np.int16),
        "noise": np.random.default_rng(0).integers(-32768, 32767, hum.size, np.int16, endpoint=True),
        "one value": np.full_like(hum, -32768),
    }[kind]
    responses = [r async for r in avatar.stream(RENDER, requests(voice, size=64), KEY)]
    assert responses[-1].summary.frames == math.ceil((len(voice) / RATE + 0.3) * 25 - 1e-9)
    data = b"".join(r.chunk.data for r in responses[1:-1])
    with av.open(io.BytesIO(data)) as file:
        assert sum(1 for _ in file.decode(video=0)) == responses[-1].summary.frames


async def test_silence_moves_no_lips():
    animator = Animator(style_pb2.FaceControls(), 1, RATE, 25)
    animator.add_voice(np.random.default_rng(0).integers(-20, 20, 2 * RATE, np.int16))
    head = HeadShape(Head())
    assert all(mouth_lines(head, animator.pose(n / 25)).gap == 0.0 for n in range(45))


async def test_one_sample_is_enough(avatar):
    responses = [r async for r in avatar.stream(RENDER, requests(SHORT[:1], size=64), KEY)]
    assert responses[-1].summary.frames == 8


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("skin.light", 'skin: {light: red, shade: "#8a4a3a", blush: "#c06050", lips: "#a05050"}'),
        ("hair.style", 'hair: {style: mohawk, root: "#101010", tip: "#202020", shine: "#404040"}'),
        ("head.width", "head: {width: 3}"),
        ("colour", "colour: blue"),
        ("name", "name: ''"),
    ],
)
def test_broken_profile_names_file_and_field(tmp_path, field, line):
    key = line.split(":")[0]
    text = (FOLDER / "mira.yaml").read_text()
    kept = [old for old in text.splitlines() if not old.startswith(f"{key}:")]
    file = tmp_path / "mine.yaml"
    file.write_text("\n".join([*kept, line]))
    with pytest.raises(InvalidInput) as caught:
        load_profile(file)
    assert "mine.yaml" in caught.value.message
    assert field in caught.value.message


def test_profile_that_is_no_yaml(tmp_path):
    (tmp_path / "mine.yaml").write_text("name: [")
    with pytest.raises(InvalidInput, match=r"mine\.yaml"):
        load_profiles([tmp_path])


def test_folder_that_is_not_there(tmp_path):
    with pytest.raises(InvalidInput, match="missing"):
        load_profiles([tmp_path / "missing"])


def test_wrong_option():
    settings = load_settings("embedded")
    services = settings.services | {
        "avatar": settings.service("avatar").model_copy(update={"options": {"colour": 1}})
    }
    with pytest.raises(InvalidInput, match="colour"):
        AvatarService(settings.model_copy(update={"services": services}))
