"""What is sent by mistake, or on purpose: bounded time and memory, and an answer that helps."""

import io
import resource
import struct
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from empatheia.common.v1 import media_pb2

from runtime.errors import InvalidInput, TooMuch
from services.perception.inflow import Inflow
from services.perception.listening import Listener
from services.perception.recording import SAMPLE_RATE, Clip, decode, decode_into
from tests.perception import samples
from tests.perception.conftest import Perceive
from tests.perception.samples import File
from tests.perception.test_service import SENTENCE, modality

CLIP_OF_A_FACE = Path(__file__).parents[3] / "shared/data/clips/mead/M003_neu_1_001.mp4"
CONTAINERS = {
    "wav": ("wav", "pcm_s16le", ""),
    "flac": ("flac", "flac", ""),
    "mp3": ("mp3", "libmp3lame", ""),
    "ogg": ("ogg", "libopus", ""),
    "aac": ("adts", "aac", ""),
    "mp4": ("mp4", "aac", "mpeg4"),
    "mov": ("mov", "aac", "mpeg4"),
    "webm": ("webm", "libopus", "libvpx"),
    "matroska": ("matroska", "libopus", "mpeg4"),
    "mpeg": ("mpeg", "mp2", "mpeg1video"),
    "mpegts": ("mpegts", "mp2", "mpeg1video"),
    "avi": ("avi", "mp2", "mpeg4"),
    "flv": ("flv", "aac", "flv"),
}


@pytest.fixture(scope="module")
def whole() -> dict[str, bytes]:
    """A second of each container."""
    made = {}
    for name, (container, codec, picture) in CONTAINERS.items():
        rate = 44100 if container == "flv" else 48000
        tone = samples.tone(1, rate)
        if picture:
            fps = 25 if "mpeg" in container else 10
            scenes = [samples.scene(64, 48)] * fps
            made[name] = samples.video(scenes, tone, rate, container, picture, codec, fps)
        else:
            made[name] = samples.audio(tone, rate, container, codec)
    return made


def read(data: bytes, max_s: float = 60) -> Clip:
    return decode(data, media_pb2.MediaHeader(file_name="me"), "media[0]", max_s)


@pytest.mark.parametrize("name", CONTAINERS)
def test_whole_cut_and_damaged(whole: dict[str, bytes], name: str) -> None:
    data = whole[name]
    assert read(data).summary.audio_s == pytest.approx(1, abs=0.25)
    for cut in (12, len(data) // 3, len(data) * 9 // 10):
        _read_or_refused(data[:cut])
    random = np.random.default_rng(3)
    for share in (0.001, 0.01, 0.2):
        damaged = np.frombuffer(data, np.uint8).copy()
        spots = random.integers(0, len(data), max(1, int(share * len(data))))
        damaged[spots] = random.integers(0, 256, len(spots))
        _read_or_refused(damaged.tobytes())


def test_fuzz_of_the_decoder(whole: dict[str, bytes]) -> None:
    """260 cases: bytes flipped, pieces cut out, doubled, swapped between containers; also in chunks."""
    random = np.random.default_rng(11)
    originals = list(whole.values())
    started = time.monotonic()
    for case in range(260):
        data = bytearray(originals[case % len(originals)])
        for _ in range(random.integers(1, 6)):
            at, length = (int(v) for v in random.integers(0, len(data), 2))
            match random.integers(0, 4):
                case 0:
                    data[at] ^= 1 << int(random.integers(0, 8))
                case 1:
                    del data[at : at + length // 8]
                case 2:
                    data[at:at] = data[at : at + length // 8]
                case 3:
                    other = originals[int(random.integers(0, len(originals)))]
                    data[at : at + 64] = other[:64]
            data = data or bytearray(b"\0")
        _read_or_refused(bytes(data))
        assert time.monotonic() - started < 60


def _read_or_refused(data: bytes) -> None:
    try:
        clip = read(data)
    except InvalidInput as error:
        refused = error
    else:
        assert clip.summary.audio_s <= 60
        assert clip.samples is None or np.isfinite(clip.samples).all()
        return
    assert refused.violations[0].field == "media[0]"
    assert len(refused.message) < 300


def test_a_video_of_no_frames_is_refused() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        stream = output.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        output.start_encoding()
    with pytest.raises(InvalidInput) as caught:
        read(file.getvalue())
    assert caught.value.reason in {"NO_SAMPLES", "UNREADABLE_MEDIA"}


def test_4k_video_is_read_small() -> None:
    clip = read(samples.video([samples.scene(3840, 2160)] * 2, codec="mpeg4"))
    assert clip.pictures[0].grey.shape == (360, 640)


def test_variable_frame_rate() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        stream = output.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for moment in (0, 33, 66, 700, 733, 2000, 2040, 2300):
            frame = av.VideoFrame.from_ndarray(samples.scene(64, 48), "rgb24")
            frame.pts, frame.time_base = moment, Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    times = [round(picture.time_s, 2) for picture in read(file.getvalue()).pictures]
    assert times == [0, 0.7, 2.0, 2.3]


async def test_a_phone_that_was_turned(perceive: Perceive) -> None:
    """The pictures lie on their side, and the container says so."""
    lying = np.ascontiguousarray(np.rot90(samples.face(240, 320, (120, 160), 60)))
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=10)
        stream.height, stream.width = lying.shape[:2]
        stream.pix_fmt = "yuv420p"
        for _ in range(5):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(lying, "rgb24")))
        output.mux(stream.encode(None))
    data = _turned(file.getvalue())
    shown = read(data).pictures[0].grey
    assert shown.shape == (320, 240)
    perception = await perceive(SENTENCE, File(data, "phone.mp4"))
    assert modality(perception, "face").present
    unturned = await perceive(SENTENCE, File(file.getvalue(), "phone.mp4"))
    assert not modality(unturned, "face").present


def _turned(data: bytes) -> bytes:
    """Writes a quarter turn clockwise into the matrix of an MP4's track header."""
    at = data.index(b"tkhd")
    matrix = at + 4 + 40
    one, minus = (1 << 16).to_bytes(4, "big"), (-(1 << 16)).to_bytes(4, "big", signed=True)
    zero = bytes(4)
    turned = zero + one + zero + minus + zero + zero + zero + zero + (1 << 30).to_bytes(4, "big")
    return data[:matrix] + turned + data[matrix + 36 :]


@pytest.mark.skipif(not CLIP_OF_A_FACE.exists(), reason="needs a clip of a real face from ../shared")
async def test_a_face_upside_down_is_not_guessed_at(perceive: Perceive) -> None:
    with av.open(str(CLIP_OF_A_FACE)) as source:
        frames = [frame.to_ndarray(format="rgb24")[::-1] for frame in source.decode(video=0)][:30:6]
    film = samples.video([np.ascontiguousarray(frame) for frame in frames])
    shown = modality(await perceive(SENTENCE, File(film, "down.mp4")), "face")
    assert not shown.present
    assert shown.reason == "no face found"


async def test_darkness_is_not_guessed_at(perceive: Perceive) -> None:
    dark = (samples.face() * 0.02).astype(np.uint8)
    perception = await perceive(SENTENCE, File(samples.video([dark] * 5), "night.mp4"))
    assert not modality(perception, "face").present


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (96000, 2)])
async def test_phone_and_studio_are_heard_alike(perceive: Perceive, rate: int, channels: int) -> None:
    sound = samples.spoken("one two three four five six")
    times = np.arange(int(len(sound) * rate / 22050)) * 22050 / rate
    resampled = np.interp(times, np.arange(len(sound)), sound).astype(np.float32)
    data = samples.audio(resampled, rate, "wav", "pcm_s16le", channels)
    perception = await perceive("", File(data, "a.wav"))
    assert perception.audio_s == pytest.approx(len(sound) / 22050, abs=0.05)
    assert "three four" in perception.text


@pytest.mark.parametrize("kind", ["GIF", "WebP"])
def test_animated_pictures_are_refused_by_name(kind: str) -> None:
    file = io.BytesIO()
    if kind == "GIF":
        with av.open(file, "w", format="gif") as output:
            stream = output.add_stream("gif", rate=10)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb8"
            for _ in range(3):
                frame = av.VideoFrame.from_ndarray(samples.scene(64, 48), "rgb24").reformat(format="rgb8")
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        data = file.getvalue()
    else:
        data = _animated_webp()
    with pytest.raises(InvalidInput, match=f"is a {kind} picture, still or animated.*send wav") as caught:
        read(data)
    assert caught.value.reason == "UNREADABLE_MEDIA"


def _animated_webp() -> bytes:
    """Two stills as the frames of one picture."""
    _, still = cv2.imencode(".webp", samples.scene(64, 48))
    size = b"".join((side - 1).to_bytes(3, "little") for side in (64, 48))
    frame = bytes(6) + size + (100).to_bytes(3, "little") + b"\0" + still.tobytes()[12:]
    chunks = b"VP8X" + (10).to_bytes(4, "little") + b"\x02\0\0\0" + size
    chunks += b"ANIM" + (6).to_bytes(4, "little") + bytes(6)
    chunks += 2 * (b"ANMF" + len(frame).to_bytes(4, "little") + frame)
    return b"RIFF" + (4 + len(chunks)).to_bytes(4, "little") + b"WEBP" + chunks


def test_a_long_sound_costs_no_more_memory_than_a_short_one() -> None:
    """The ear alone; `python -m benchmarks.perception_stream` does an hour with decoding."""
    listener = Listener([])
    random = np.random.default_rng(0)
    words = random.normal(0, 0.2, SAMPLE_RATE * 2).astype(np.float32)
    pause = random.normal(0, 0.001, SAMPLE_RATE).astype(np.float32)
    most = 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(300):
        listener.add(words)
        listener.add(pause)
        most = max(most, listener.held)
    listener.finish()
    assert most < 15 * SAMPLE_RATE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
    assert 250 < len(listener.speech()) <= 300


def test_an_hour_is_refused_while_it_comes() -> None:
    """Whoever streams without end is stopped at the limit, not at the end."""
    inflow, clip, found = Inflow(), Clip(), []
    endless = (0xFFFFFFFF).to_bytes(4, "little")
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16000, 32000, 2, 16)
    header = b"RIFF" + endless + b"WAVE" + form + b"data" + endless

    def work() -> None:
        try:
            decode_into(clip, inflow, media_pb2.MediaHeader(), "media[0]", 5)
        except InvalidInput as error:
            found.append(error.reason)

    thread = threading.Thread(target=work)
    thread.start()
    inflow.write(header)
    for _ in range(3600):
        inflow.write(bytes(32000))
        if not thread.is_alive():
            break
    inflow.end()
    thread.join()
    assert found == ["MEDIA_TOO_LONG"]


async def test_a_decompression_bomb_is_bounded(perceive: Perceive) -> None:
    """Two hours of silence in a few kilobytes, and pictures that unpack a thousandfold."""
    silence = samples.audio(np.zeros(8000 * 600, np.float32), 8000, "flac", "flac")
    assert len(silence) < 200_000
    started = time.monotonic()
    with pytest.raises(InvalidInput) as caught:
        await perceive(SENTENCE, File(silence, "bomb.flac"))
    assert caught.value.reason == "MEDIA_TOO_LONG"
    flat = samples.video([np.zeros((2304, 4096, 3), np.uint8)] * 12, codec="mpeg4", fps=25)
    clip = read(flat)
    assert sum(picture.grey.nbytes for picture in clip.pictures) < 2_000_000
    assert time.monotonic() - started < 20


async def test_more_recordings_than_make_sense_are_refused(perceive: Perceive) -> None:
    file = File(samples.audio(samples.tone(0.2), 16000), "a.wav")
    with pytest.raises((InvalidInput, TooMuch)) as caught:
        await perceive(SENTENCE, *[file] * 6)
    assert caught.value.reason == "TOO_MANY_MEDIA"
