import io
import threading
import time
import wave

import av
import numpy as np
import pytest
from empatheia.common.v1 import media_pb2

from runtime.errors import Cancelled, InvalidInput
from services.perception.recording import SAMPLE_RATE, Clip, decode
from tests.perception import samples


def read(data: bytes, name: str = "f.bin", kind: int = 0, max_s: float = 60) -> Clip:
    return decode(data, media_pb2.MediaHeader(file_name=name, kind=kind), "media[3]", max_s)


def refused(reason: str, *arguments, **more) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        read(*arguments, **more)
    assert caught.value.reason == reason
    assert caught.value.violations[0].field == "media[3]"
    return caught.value


@pytest.mark.parametrize(
    ("container", "codec", "rate", "channels"),
    [
        ("wav", "pcm_s16le", 8000, 1),
        ("wav", "pcm_f32le", 96000, 2),
        ("flac", "flac", 44100, 2),
        ("mp3", "libmp3lame", 44100, 1),
        ("ogg", "libopus", 48000, 2),
        ("webm", "libopus", 48000, 1),
        ("mp4", "aac", 32000, 1),
    ],
)
def test_sound_of_any_container(container: str, codec: str, rate: int, channels: int) -> None:
    data = samples.audio(samples.tone(1.5, rate), rate, container, codec, channels)
    clip = read(data)
    assert clip.sound is not None
    assert clip.sound.dtype == np.float32
    assert clip.audio_s == pytest.approx(1.5, abs=0.1)
    middle = clip.sound[SAMPLE_RATE // 2 : SAMPLE_RATE]
    spectrum = np.abs(np.fft.rfft(middle))
    assert np.argmax(spectrum) * 2 == pytest.approx(220, abs=4)
    assert middle.max() == pytest.approx(0.3, abs=0.06)
    assert not clip.pictures


@pytest.mark.parametrize(
    ("container", "codec", "audio_codec", "rate"),
    [
        ("mp4", "libx264", "aac", 22050),
        ("webm", "libvpx", "libopus", 48000),
        ("mpeg", "mpeg1video", "mp2", 44100),
        ("matroska", "libx264", "libopus", 48000),
    ],
)
def test_pictures_and_sound_of_a_video(container: str, codec: str, audio_codec: str, rate: int) -> None:
    pictures = [samples.scene()] * 50
    data = samples.video(pictures, samples.tone(2, rate), rate, container, codec, audio_codec, fps=25)
    clip = read(data)
    assert len(clip.pictures) == pytest.approx(10, abs=1)
    assert clip.video_s == pytest.approx(2, abs=0.1)
    assert clip.audio_s == pytest.approx(2, abs=0.15)
    assert clip.pictures[0].grey.shape == (240, 320)
    assert clip.pictures[0].time_s == 0


def test_pictures_are_bounded_in_number_and_size() -> None:
    data = samples.video([samples.scene(1280, 720)] * 250, codec="mpeg4", fps=5)
    clip = read(data)
    assert 50 <= len(clip.pictures) <= 100
    steps = np.diff([picture.time_s for picture in clip.pictures])
    assert steps == pytest.approx(clip.step_s, abs=1e-3)
    assert clip.pictures[0].grey.shape == (360, 640)


def test_empty() -> None:
    assert "'f.wav' is empty" in refused("EMPTY_MEDIA", b"", "f.wav").message


@pytest.mark.parametrize(
    "data",
    [
        b"Dear diary, today nothing happened.\n" * 40,
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"\x89PNG\r\n\x1a\n" + bytes(200),
        bytes(5000),
        np.random.default_rng(1).bytes(20000),
        b"RIFF",
    ],
    ids=["text", "playlist", "concat", "picture", "zeros", "noise", "stub"],
)
def test_unreadable(data: bytes) -> None:
    assert "'me.mp4' can't be read" in refused("UNREADABLE_MEDIA", data, "me.mp4").message


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("container", ["wav", "flac", "mp4", "fast mp4", "webm", "ogg", "mp3"])
def test_cut_short(container: str, share: float) -> None:
    """A cut file is refused where its header tells the length, else what is there is taken."""
    tone = samples.tone(4, 48000)
    match container:
        case "wav" | "flac":
            data = samples.audio(tone, 48000, container, "flac" if container == "flac" else "pcm_s16le")
        case "webm" | "ogg":
            data = samples.audio(tone, 48000, container, "libopus")
        case "mp3":
            data = samples.audio(tone, 48000, "mp3", "libmp3lame")
        case _:
            data = samples.video([samples.scene()] * 40, tone, 48000)
            if container == "fast mp4":
                data = _index_first(data)
    cut = data[: int(len(data) * share)]
    if container == "mp3" or (container == "ogg" and share > 0.2):
        assert read(cut).audio_s == pytest.approx(4 * share, abs=0.6)
        return
    with pytest.raises(InvalidInput) as caught:
        read(cut, "cut")
    assert caught.value.reason in {"TRUNCATED_MEDIA", "UNREADABLE_MEDIA", "DAMAGED_MEDIA"}


def _index_first(data: bytes) -> bytes:
    file = io.BytesIO()
    with av.open(io.BytesIO(data)) as source:
        options = {"movflags": "frag_keyframe"}
        with av.open(file, "w", format="mp4", options=options) as target:
            streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    target.mux(packet)
    return file.getvalue()


def test_no_samples() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(16000)
    refused("NO_SAMPLES", file.getvalue(), "f.wav")


def test_too_long_is_refused_before_decoding() -> None:
    data = samples.audio(np.zeros(600 * 8000, np.float32), 8000, "flac", "flac")
    started = time.monotonic()
    assert "600 s" in refused("MEDIA_TOO_LONG", data, max_s=120).message
    assert time.monotonic() - started < 0.5


def test_too_long_without_a_declared_length() -> None:
    data = samples.audio(np.zeros(20 * 48000, np.float32), 48000, "adts", "aac")
    refused("MEDIA_TOO_LONG", data, max_s=5)


def test_kind_must_fit() -> None:
    tone = samples.audio(samples.tone(1), 16000)
    mute = samples.video([samples.scene()] * 5)
    both = samples.video([samples.scene()] * 10, samples.tone(1, 22050))
    refused("NO_PICTURES", tone, kind=media_pb2.MEDIA_KIND_VIDEO)
    refused("NO_SOUND", mute, kind=media_pb2.MEDIA_KIND_AUDIO)
    assert not read(both, kind=media_pb2.MEDIA_KIND_AUDIO).pictures


def test_one_pixel() -> None:
    data = samples.video([np.full((1, 1, 3), 80, np.uint8)] * 5, container="matroska", codec="ffv1")
    assert read(data).pictures[0].grey.shape == (2, 2)


def test_huge_pictures_are_refused() -> None:
    data = samples.video([np.zeros((4096, 4096, 3), np.uint8)], codec="mpeg4")
    refused("PICTURES_TOO_LARGE", data)


def test_damage_neither_crashes_nor_hangs() -> None:
    """Bytes changed at random: each variant is read or refused, quickly."""
    random = np.random.default_rng(0)
    tone = samples.tone(1, 48000)
    originals = [
        samples.audio(tone, 48000, "flac", "flac"),
        samples.audio(tone, 48000, "ogg", "libopus"),
        samples.audio(tone, 48000, "mp3", "libmp3lame"),
        samples.video([samples.scene(64, 64)] * 10, tone, 48000),
        samples.video([samples.scene(64, 64)] * 10, tone, 48000, "webm", "libvpx", "libopus"),
    ]
    started = time.monotonic()
    for original in originals:
        for _ in range(30):
            data = np.frombuffer(original, np.uint8).copy()
            spots = random.integers(0, len(data), random.integers(1, 60))
            data[spots] = random.integers(0, 256, len(spots))
            try:
                clip = read(data.tobytes())
            except InvalidInput:
                continue
            assert clip.audio_s <= 60
    assert time.monotonic() - started < 30


def test_decoding_stops_when_nobody_waits() -> None:
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(Cancelled):
        decode(samples.audio(samples.tone(1), 16000), media_pb2.MediaHeader(), "media[0]", 60, stopped)
