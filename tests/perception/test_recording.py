import io
import threading
import time
import wave

import av
import numpy as np
import pytest
from empatheia.common.v1 import media_pb2

from runtime.errors import Cancelled, InvalidInput
from services.perception.inflow import Inflow
from services.perception.recording import SAMPLE_RATE, STEP_S, Clip, Summary, decode, decode_into
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
    assert clip.samples is not None
    assert clip.samples.dtype == np.float32
    assert clip.summary.audio_s == pytest.approx(1.5, abs=0.1)
    middle = clip.samples[SAMPLE_RATE // 2 : SAMPLE_RATE]
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
    assert clip.summary.video_s == pytest.approx(2, abs=0.1)
    assert clip.summary.audio_s == pytest.approx(2, abs=0.15)
    assert clip.pictures[0].grey.shape == (240, 320)
    assert clip.pictures[0].time_s == 0


def test_pictures_are_bounded_in_number_and_size() -> None:
    clip = read(samples.video([samples.scene(1280, 720)] * 90, codec="mpeg4", fps=30))
    assert len(clip.pictures) == 15
    steps = np.diff([picture.time_s for picture in clip.pictures])
    assert steps == pytest.approx(STEP_S, abs=1e-3)
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
    message = refused("UNREADABLE_MEDIA", data, "me.mp4").message
    assert "'me.mp4' " in message
    assert "can't be read as sound or video" in message
    assert ("is a PNG picture" in message) == data.startswith(b"\x89PNG")


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
        assert read(cut).summary.audio_s == pytest.approx(4 * share, abs=0.6)
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
            assert clip.summary.audio_s <= 60
    assert time.monotonic() - started < 30


def test_decoding_stops_when_nobody_waits() -> None:
    stopped = threading.Event()
    stopped.set()
    inflow = Inflow()
    inflow.write(samples.audio(samples.tone(1), 16000))
    inflow.stop()
    with pytest.raises(Cancelled):
        decode_into(Clip(), inflow, media_pb2.MediaHeader(), "media[0]", 60, stopped)


@pytest.mark.parametrize("stop_after", [0, 6, 3000])
def test_who_waits_for_bytes_can_be_stopped(stop_after: int) -> None:
    stopped, inflow = threading.Event(), Inflow()
    inflow.write(samples.audio(samples.tone(1), 16000)[:stop_after])

    def stop() -> None:
        stopped.set()
        inflow.stop()

    timer = threading.Timer(0.1, stop)
    timer.start()
    with pytest.raises(Cancelled):
        decode_into(Clip(), inflow, media_pb2.MediaHeader(), "media[0]", 60, stopped)
    timer.join()


@pytest.mark.parametrize(
    ("container", "codec", "options", "live"),
    [
        ("wav", "pcm_s16le", {}, True),
        ("ogg", "libopus", {}, True),
        ("webm", "libopus", {}, True),
        ("mpegts", "mp2", {}, True),
        ("flac", "flac", {}, True),
        (
            "mp4",
            "aac",
            {"movflags": "frag_keyframe+empty_moov+default_base_moof", "frag_duration": "100000"},
            True,
        ),
        ("mp4", "aac", {}, False),
    ],
)
def test_what_has_come_is_decoded_and_let_go(
    container: str, codec: str, options: dict[str, str], live: bool
) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 48000 * 4).astype(np.float32)
    data = samples.audio(noise, 48000, container, codec, options=options)
    inflow, clip = Inflow(), Clip()
    done: list[Summary] = []

    def work() -> None:
        done.append(decode_into(clip, inflow, media_pb2.MediaHeader(), "media[0]", 60))

    thread = threading.Thread(target=work)
    thread.start()
    for start in range(0, len(data) * 9 // 10, 2000):
        inflow.write(data[start : start + 2000])
    deadline = time.monotonic() + (2 if live else 0.3)
    while sum(map(len, clip.blocks)) < SAMPLE_RATE * 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (sum(map(len, clip.blocks)) >= SAMPLE_RATE * 2) == live
    inflow.write(data[start + 2000 :])
    inflow.end()
    thread.join()
    np.testing.assert_array_equal(clip.samples, read(data).samples)


def test_what_was_read_is_not_kept() -> None:
    inflow, clip = Inflow(), Clip()
    data = samples.audio(np.zeros(16000 * 100, np.float32), 16000)
    thread = threading.Thread(
        target=decode_into, args=(clip, inflow, media_pb2.MediaHeader(), "media[0]", 200)
    )
    thread.start()
    most = 0
    for start in range(0, len(data), 100_000):
        inflow.write(data[start : start + 100_000])
        while inflow.received - 200_000 > sum(map(len, clip.blocks)) * 2:
            time.sleep(0.001)
        most = max(most, inflow.held)
    inflow.end()
    thread.join()
    assert most < 1_600_000 < len(data)
