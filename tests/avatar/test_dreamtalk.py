"""The DreamTalk backend at tiny random widths: imported from files as users have them, then put to work."""

import asyncio
import io
import threading
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from empatheia.common.v1 import style_pb2
from transformers import Wav2Vec2Config, Wav2Vec2Model

from runtime.batching import Batcher
from runtime.clients.in_process import InProcessTransport
from runtime.clients.transport import CallKey
from runtime.errors import InvalidInput, UnknownName, WeightsMissing
from runtime.rpc import RENDER
from runtime.settings import load_settings
from runtime.tensors import to_proto
from services.avatar.backends import VideoForm
from services.avatar.backends.dreamtalk.backend import DreamTalkBackend
from services.avatar.backends.dreamtalk.checkpoint import import_checkpoint, load
from services.avatar.backends.dreamtalk.clips import pose_at, read_expressions
from services.avatar.backends.dreamtalk.config import DenoiserConfig, DreamTalkConfig, RendererConfig
from services.avatar.backends.dreamtalk.ddim import DiffusionNet
from services.avatar.backends.dreamtalk.engine import Engine
from services.avatar.backends.dreamtalk.portrait import read_portrait
from services.avatar.backends.dreamtalk.renderer.generator import FaceGenerator
from services.avatar.drawing.painter import Painter, Picture
from services.avatar.profiles.schema import FOLDER, load_profiles
from services.avatar.rig import Pose
from services.avatar.service import AvatarService
from tests.avatar.support import requests

WIDTH = 16
CONFIG = DreamTalkConfig(
    DenoiserConfig(features=16, width=WIDTH, heads=2, feed_forward=16, layers=1, tail=8, style_frames=32),
    RendererConfig(
        size=64, descriptor=8, modulation=8, warp_base=4, warp_most=8, edit_base=4, edit_most=8, edit_blocks=1
    ),
)
NEVER = threading.Event()


def public_files(folder: Path) -> dict[str, Path]:
    """Random weights in the public layouts."""
    torch.manual_seed(3)
    folder.mkdir()
    denoiser = DiffusionNet(CONFIG.denoiser).state_dict()
    state = {f"diff_net.{key}": value for key, value in denoiser.items()} | {"other.x": torch.ones(1)}
    torch.save({"model_state_dict": state}, folder / "denoising_network.pth")
    torch.save({"net_G_ema": FaceGenerator(CONFIG.renderer).state_dict()}, folder / "renderer.pt")
    shape = Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
    )
    Wav2Vec2Model(shape).save_pretrained(folder / "wav2vec2")
    return {
        "denoiser": folder / "denoising_network.pth",
        "renderer": folder / "renderer.pt",
        "features": folder / "wav2vec2",
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Imported weights, and a portrait that the drawn backend painted."""
    folder = tmp_path_factory.mktemp("dreamtalk")
    np.save(folder / "happy.npy", np.random.default_rng(1).standard_normal((20, 64)).astype(np.float32))
    np.save(folder / "pose.npy", np.random.default_rng(2).standard_normal((5, 9)).astype(np.float32))
    files = public_files(folder / "public")
    import_checkpoint(
        folder / "weights",
        **files,
        styles={"happy": folder / "happy.npy"},
        pose=folder / "pose.npy",
        config=CONFIG,
    )
    (folder / "portraits").mkdir()
    painter = Painter(load_profiles([FOLDER])["mira"], 256)
    pixels = painter.draw(Pose(), Picture(painter))
    cv2.imwrite(str(folder / "portraits" / "mira.png"), cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGR))
    return folder


@pytest.fixture(scope="module")
def backend(home: Path) -> DreamTalkBackend:
    made = DreamTalkBackend({"weights": home / "weights", "portraits": home / "portraits", "steps": 2})
    made.load()
    return made


def voice(seconds: float, rate: int = 24000) -> np.ndarray:
    return (np.random.default_rng(5).standard_normal(round(seconds * rate)) * 3000).astype(np.int16)


def made(backend: DreamTalkBackend, samples: np.ndarray, chunk: int, **form: object) -> tuple[bytes, int]:
    """Bytes of a video whose voice comes in chunks, and the pictures made before the voice ended."""
    video = backend.open(replace(VideoForm("", style_pb2.Style(), 7, 24000, 0, 0.0), **form))
    data = b""
    for first in range(0, len(samples), chunk):
        data += b"".join(piece.data for piece in video.speak(samples[first : first + chunk], NEVER))
    early = video.frames
    data += b"".join(piece.data for piece in video.finish(NEVER))
    video.close()
    return data, early


def pictures(data: bytes) -> np.ndarray:
    with av.open(io.BytesIO(data)) as file:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]).astype(float)


async def test_service_streams_a_video_past_the_pose_clip(home: Path) -> None:
    options = {"weights": str(home / "weights"), "portraits": str(home / "portraits"), "steps": 2}
    settings = load_settings("embedded")
    own = settings.services["avatar"].model_copy(update={"backend": "dreamtalk", "options": options})
    settings = settings.model_copy(update={"services": {**settings.services, "avatar": own}})
    service = AvatarService(settings)
    await asyncio.to_thread(service._backend.load)
    transport = InProcessTransport({"avatar": service})
    stream = transport.stream(RENDER, requests(voice(2.5)), CallKey("turn", "render"))
    responses = [response async for response in stream]
    assert responses[0].model.backend == "dreamtalk"
    assert len(responses[0].model.weight_hash) == 16
    assert (responses[0].header.fps, responses[0].header.width) == (25, 64)
    assert responses[-1].summary.frames == 70
    assert len(pictures(b"".join(r.chunk.data for r in responses))) == 70


def test_chunks_of_the_voice_change_nothing(backend: DreamTalkBackend) -> None:
    samples = voice(2.2)
    small, early = made(backend, samples, 2400)
    whole, _ = made(backend, samples, len(samples))
    assert early > 20
    assert np.abs(pictures(small) - pictures(whole)).mean() < 0.5


def test_voice_seed_and_style_change_the_pictures(backend: DreamTalkBackend) -> None:
    engine = backend._engine
    assert engine is not None
    neutral, happy = (engine.style(style_pb2.Style(emotion="happy", intensity=x)) for x in (0, 1))
    half = engine.style(style_pb2.Style(emotion="happy", intensity=0.5))
    assert not torch.allclose(neutral, happy)
    assert torch.allclose(half, (neutral + happy) / 2, atol=1e-6)
    samples = voice(1.5)
    usual, _ = made(backend, samples, 24000)
    for other in (
        made(backend, voice(1.5)[::-1].copy(), 24000),
        made(backend, samples, 24000, seed=8),
        made(backend, samples, 24000, style=style_pb2.Style(emotion="happy", intensity=1)),
    ):
        assert np.abs(pictures(other[0]) - pictures(usual)).mean() > 0


def test_learned_style_is_taken_as_it_is(home: Path, backend: DreamTalkBackend) -> None:
    assert backend._engine is not None
    engine = Engine(backend._engine.weights, device="cpu", steps=2, guidance=1.0, batch=4, learned_style=True)
    code = np.linspace(-1, 1, WIDTH, dtype=np.float32)
    happy = style_pb2.Style(emotion="happy", intensity=1, tensors=[to_proto("S_v", code)])
    assert np.array_equal(engine.style(happy).numpy(), code)
    # Of a disentangler that never saw these codes, the numbers mean something else.
    plain = style_pb2.Style(emotion="happy", intensity=1)
    assert torch.equal(backend._engine.style(happy), backend._engine.style(plain))
    for wrong in ([], [np.ones(WIDTH + 1, np.float32)], [np.full(WIDTH, np.nan, np.float32)]):
        with pytest.raises(InvalidInput, match="S_v"):
            engine.style(style_pb2.Style(tensors=[to_proto("S_v", one) for one in wrong]))


def test_guidance_of_one_leaves_the_second_pass_away(backend: DreamTalkBackend) -> None:
    assert backend._engine is not None
    net = backend._engine.weights.diffusion
    calls: list[int] = []
    hook = net.net.decoder.register_forward_hook(lambda _m, inputs, _o: calls.append(len(inputs[0])))
    encoded: list[int] = []
    other = net.net.content_encoder.register_forward_hook(lambda *_: encoded.append(1))
    noise, windows, style = torch.randn(1, 3, 64), torch.randn(1, 3, 11, 16), torch.randn(1, WIDTH)
    with torch.inference_mode():
        net.sample(noise, windows, style, steps=4)
        net.sample(noise, windows, style, steps=4, guidance=2.0)
    hook.remove()
    other.remove()
    assert calls == [3] * 4 + [6] * 4
    assert encoded == [1, 1]


def test_other_rates_of_pictures_and_avatars_are_refused(backend: DreamTalkBackend) -> None:
    form = VideoForm("", style_pb2.Style(), 0, 24000, 0, 30.0)
    with pytest.raises(InvalidInput, match="25 pictures"):
        backend.open(form)
    with pytest.raises(UnknownName, match="mira"):
        backend.open(replace(form, fps=0.0, avatar_id="nobody"))


def test_stopping_stops(backend: DreamTalkBackend) -> None:
    video = backend.open(VideoForm("", style_pb2.Style(), 0, 24000, 0, 0.0))
    stopped = threading.Event()
    stopped.set()
    assert list(video.speak(voice(3), stopped)) == []
    assert video.frames == 0
    video.close()
    video.close()


def test_batches_join_what_several_threads_ask_for() -> None:
    sizes: list[int] = []
    hold, busy = threading.Event(), threading.Event()

    def run(items: list[int]) -> list[int]:
        sizes.append(len(items))
        busy.set()
        hold.wait(5)
        if -1 in items:
            raise ValueError("broken")
        return [item * 2 for item in items]

    batcher: Batcher[int, int] = Batcher(run, 4, "test")
    results: dict[int, list[int]] = {}

    def ask(number: int) -> None:
        results[number] = batcher.all([number, number])

    first = threading.Thread(target=ask, args=(0,))
    first.start()
    busy.wait(5)
    rest = [threading.Thread(target=ask, args=(number,)) for number in (1, 2)]
    for thread in rest:
        thread.start()
    for _ in range(500):
        if batcher._waiting.qsize() >= 4:
            break
        threading.Event().wait(0.01)
    hold.set()
    for thread in (first, *rest):
        thread.join(5)
    assert results == {0: [0, 0], 1: [2, 2], 2: [4, 4]}
    assert 4 in sizes or 3 in sizes
    with pytest.raises(ValueError, match="broken"):
        batcher.all([-1])


def test_pictures_of_several_videos_are_drawn_in_one_batch(
    backend: DreamTalkBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = backend._engine
    assert engine is not None
    batcher = engine.pictures
    run, submit = batcher._run, batcher.submit
    asked: dict[int, int] = {}
    kept, drawn = [], []
    all_three = threading.Event()

    def asking(item):
        kept.append(item)
        asked[id(item)] = threading.get_ident()
        future = submit(item)
        if len(set(asked.values())) == 3:
            all_three.set()
        return future

    def drawing(items):
        all_three.wait(20)
        drawn.append(len({asked[id(item)] for item in items}))
        return run(items)

    monkeypatch.setattr(batcher, "submit", asking)
    monkeypatch.setattr(batcher, "_run", drawing)
    videos = [threading.Thread(target=made, args=(backend, voice(1.5), 4800)) for _ in range(3)]
    for video in videos:
        video.start()
    for video in videos:
        video.join(60)
    # While the first one's are drawn, those of the others wait for each other.
    assert max(drawn) >= 2


def test_pose_clip_runs_back_and_forth() -> None:
    clip = torch.arange(3.0)[:, None]
    assert pose_at(clip, 1, 6).flatten().tolist() == [1, 2, 1, 0, 1, 2]
    assert pose_at(clip[:1], 4, 2).flatten().tolist() == [0, 0]


def test_portrait_without_a_face_is_refused(tmp_path: Path, home: Path) -> None:
    assert read_portrait(home / "portraits" / "mira.png", 64).shape == (3, 64, 64)
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((200, 200, 3), 128, np.uint8))
    with pytest.raises(InvalidInput, match="no face"):
        read_portrait(tmp_path / "wall.png", 64)
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(InvalidInput, match="no picture"):
        read_portrait(tmp_path / "text.png", 64)


def test_clips_are_checked(tmp_path: Path) -> None:
    np.save(tmp_path / "narrow.npy", np.zeros((4, 3), np.float32))
    with pytest.raises(InvalidInput, match=r"\(4, 3\)"):
        read_expressions(tmp_path / "narrow.npy", 64)
    (tmp_path / "broken.mat").write_bytes(b"nothing")
    with pytest.raises(InvalidInput, match="MATLAB"):
        read_expressions(tmp_path / "broken.mat", 64)


def test_missing_and_tampered_weights_are_told(tmp_path: Path, home: Path) -> None:
    with pytest.raises(WeightsMissing, match="models import dreamtalk"):
        load(tmp_path / "none", "cpu")
    import_checkpoint(tmp_path / "copy", **public_files(tmp_path / "public"), config=CONFIG)
    file = tmp_path / "copy" / "renderer.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(InvalidInput, match="was changed"):
        load(tmp_path / "copy", "cpu")


def test_wrong_checkpoints_are_told_and_leave_nothing(tmp_path: Path) -> None:
    files = public_files(tmp_path / "public")
    cases: dict[str, tuple[str, Path]] = {}
    cut = tmp_path / "cut.pth"
    cut.write_bytes(files["denoiser"].read_bytes()[:5000])
    cases["cut short"] = ("denoiser", cut)
    torch.save({"net_G_ema": {"mapping_net.x": torch.ones(1)}}, tmp_path / "foreign.pt")
    cases["does not fit"] = ("renderer", tmp_path / "foreign.pt")
    cases["another checkpoint"] = ("renderer", files["denoiser"])
    torch.save({"net_G_ema": {"x": threading.Thread}}, tmp_path / "code.pt")
    cases["refused"] = ("renderer", tmp_path / "code.pt")
    cases["is no file"] = ("denoiser", tmp_path / "none.pth")
    cases["no folder of a wav2vec2"] = ("features", tmp_path)
    for message, (which, path) in cases.items():
        with pytest.raises(InvalidInput, match=message):
            import_checkpoint(tmp_path / "into", **(files | {which: path}), config=CONFIG)
    assert not (tmp_path / "into").exists()
    assert not list(tmp_path.glob(".importing-*"))
    with pytest.raises(InvalidInput, match="shape"):
        import_checkpoint(tmp_path / "into", **files)
