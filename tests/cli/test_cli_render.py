import wave

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.said import said
from runtime.errors import EmpatheiaError, InvalidInput, UnknownName
from runtime.espeak import espeak
from services.avatar.profiles.schema import FOLDER


@pytest.fixture
def runner():
    return CliRunner()


@pytest.fixture
def voice(tmp_path):
    path = tmp_path / "voice.wav"
    hum = 8000 * np.sin(np.arange(8000) * 0.05)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(hum.astype("<i2").tobytes())
    return path


def test_renders_a_file_that_says_it_is_synthetic(runner, tmp_path, voice):
    out = tmp_path / "out.mp4"
    given = ["render", "--audio", str(voice), "--emotion", "sad", "--avatar", "lin", "--size", "64"]
    result = runner.invoke(app, [*given, "-o", str(out)])
    assert result.exit_code == 0, result.output
    with av.open(str(out)) as file:
        assert "ynthetic" in file.metadata["comment"]
        assert (
            abs(float(file.streams.video[0].frames or sum(1 for _ in file.decode(video=0))) / 25 - 0.8) < 0.09
        )
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize(
    ("kind", "wrong", "words"),
    [
        (UnknownName, ["--emotion", "hungry"], "contempt"),
        (UnknownName, ["--avatar", "nobody"], "mira"),
        (InvalidInput, ["--size", "63"], "63"),
        (InvalidInput, ["--audio", "missing.wav"], "missing.wav"),
        (InvalidInput, ["-o", "nowhere/out.mp4"], "nowhere"),
    ],
)
def test_refuses_and_leaves_nothing(runner, tmp_path, voice, kind, wrong, words):
    given = ["render", "--audio", str(voice), "-o", str(tmp_path / "out.mp4")]
    result = runner.invoke(app, given + wrong)
    assert isinstance(result.exception, EmpatheiaError)
    assert isinstance(result.exception, kind)
    assert words in result.exception.message
    assert {path.name for path in tmp_path.iterdir()} <= {"voice.wav", "home"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "words as heard: "),
        (["--text", "My baby bakes."], "the 3 words of the text"),
        (["--no-hear"], "the loudness alone"),
    ],
)
def test_says_what_the_mouth_follows(runner, tmp_path, given, words):
    spoken = espeak().speak("My baby bakes.")
    path = tmp_path / "spoken.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, spoken.sample_rate, 0, "NONE", ""))
        file.writeframes(spoken.samples.astype("<i2").tobytes())
    out = ["-o", str(tmp_path / "out.mp4"), "--size", "64"]
    result = runner.invoke(app, ["render", "--audio", str(path), *out, *given])
    assert result.exit_code == 0, result.output
    assert words in result.output
    if "--text" in given:
        other = ["--text", "Something else altogether, and at much too great a length for the time there is."]
        assert isinstance(
            runner.invoke(app, ["render", "--audio", str(path), *out, *other]).exception, InvalidInput
        )


def test_the_words_of_the_text_close_the_lips():
    spoken = espeak().speak("My baby bakes.")
    found = said(spoken.samples, spoken.sample_rate, "My baby bakes.")
    shut = [shape for part in found.segments for shape in part.visemes if shape.name == "PP"]
    true = [sound.start_s for sound in spoken.sounds if sound.ipa in ("m", "b")]
    assert [shape.start_s for shape in shut] == pytest.approx(true, abs=0.08)


def test_file_that_is_no_sound(runner, tmp_path):
    path = tmp_path / "text.wav"
    path.write_text("not a sound")
    result = runner.invoke(app, ["render", "--audio", str(path), "-o", str(tmp_path / "out.mp4")])
    assert isinstance(result.exception, InvalidInput)
    assert "text.wav" in result.exception.message


def test_lists_and_previews_avatars(runner, tmp_path):
    assert "mira" in runner.invoke(app, ["avatars", "list"]).output
    out = tmp_path / "lin.png"
    assert runner.invoke(app, ["avatars", "preview", "lin", "--size", "64", "-o", str(out)]).exit_code == 0
    assert out.stat().st_size > 1000
    assert isinstance(runner.invoke(app, ["avatars", "preview", "nobody"]).exception, UnknownName)


def test_a_copied_profile_is_an_avatar_and_a_broken_one_is_told(runner, tmp_path, voice):
    mine = tmp_path / "nora.yaml"
    mine.write_text((FOLDER / "lin.yaml").read_text().replace("name: Lin", "name: Nora"))
    out = tmp_path / "out.mp4"
    given = ["render", "--audio", str(voice), "--avatar", str(mine), "--size", "64", "-o", str(out)]
    assert runner.invoke(app, given).exit_code == 0
    assert out.stat().st_size > 1000
    sheet = tmp_path / "nora.jpg"
    given_sheet = ["avatars", "preview", str(mine), "--size", "64", "-o", str(sheet)]
    assert runner.invoke(app, given_sheet).exit_code == 0
    mine.write_text(mine.read_text().replace("width: 1.0", "width: 9"))
    out.unlink()
    error = runner.invoke(app, given).exception
    assert isinstance(error, InvalidInput)
    assert "nora.yaml: head.width" in error.message
    assert not out.exists()
    mine.unlink()
    assert "nora.yaml" in runner.invoke(app, given).exception.message
