"""The voice by itself, from the command line."""

import wave

import numpy as np
import pytest


def samples(path):
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24000, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


def test_a_text_is_spoken_in_a_manner_and_drawn(run, tmp_path):
    sad, plain, plot = tmp_path / "sad.wav", tmp_path / "plain.wav", tmp_path / "sad.png"
    text = "I am here. Tell me more."
    result = run("speak", text, "--emotion", "sad", "-o", sad, "--plot", plot)
    assert result.exit_code == 0
    assert "synthetic" in result.stdout
    assert run("speak", text, "--profile", "middle-aged-male-low", "-o", plain).exit_code == 0
    assert len(samples(sad)) > 1.1 * len(samples(plain))
    assert np.abs(samples(plain)).max() > 2 * np.abs(samples(sad)).max() > 0.05
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_same_seed_same_bytes_and_an_answer_is_not_the_feeling(run, tmp_path):
    files = [tmp_path / f"{name}.wav" for name in "abc"]
    for file, manner in zip(files, ("--answer", "--answer", "--emotion"), strict=True):
        assert run("speak", "I see.", manner, "sad", "-o", file).exit_code == 0
    first, second, other = (file.read_bytes() for file in files)
    assert first == second
    assert first != other


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["Hi.", "--profile", "young-female"], "child|young|middle-aged|elderly"),
        (["Hi.", "--emotion", "hungry"], "there are: happy"),
        (["Hi.", "--emotion", "sad", "--answer", "sad"], "either"),
        (["Hi.", "--language", "tlh"], "en-gb"),
        (["Hi.", "--plot", "x.pdf"], ".png or .jpg"),
        (["?!"], "nothing that can be read aloud"),
        (["Привет"], "script"),
        (["word " * 5000], "split it"),
    ],
)
def test_what_can_not_be_said_is_told_and_leaves_nothing(run, tmp_path, arguments, says):
    result = run("speak", *arguments, "-o", tmp_path / "out.wav")
    assert result.exit_code == 2
    assert says in " ".join(result.error.split())
    assert not list(tmp_path.glob("*.wav*"))
