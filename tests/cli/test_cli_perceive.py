"""What was perceived, as a person sees it."""

import json

import cv2
import numpy as np
import pytest
from empatheia.common.v1 import affect_pb2
from empatheia.perception.v1 import perception_pb2
from rich.console import Console

from cli import perceive
from cli.perceive_plot import draw
from cli.perceive_view import show


@pytest.fixture
def perception() -> perception_pb2.Perception:
    def classes(top: str) -> affect_pb2.Distribution:
        other = "sad" if top == "happy" else "happy"
        pairs = ((top, 0.7), (other, 0.3))
        return affect_pb2.Distribution(
            entries=[affect_pb2.LabelProbability(label=label, probability=p) for label, p in pairs]
        )

    found = perception_pb2.Perception(audio_s=3, text="i am fine")
    for index, (word, sure) in enumerate((("i", 0.9), ("am", 0.8), ("fine", 0.2))):
        found.transcript.words.add(text=word, start_s=index, end_s=index + 0.4, confidence=sure)
    found.transcript.confidence = 0.63
    found.transcript.speech.add(start_s=0, end_s=3)
    found.modalities.add(modality="text", present=True).affect.classes.CopyFrom(classes("happy"))
    voice = found.modalities.add(modality="speech", present=True)
    voice.affect.classes.CopyFrom(classes("sad"))
    for start, top, sure in ((0, "happy", 0.1), (1, "sad", 0.9)):
        moment = voice.course.add(classes=classes(top), confidence=sure, valence=-0.5)
        moment.span.start_s, moment.span.end_s = start, start + 1
    found.modalities.add(modality="face", reason="no video")
    found.affect.classes.CopyFrom(classes("sad"))
    conflict = found.conflicts.add(description="the words say content, the voice says sad")
    conflict.evidence.add(audio=affect_pb2.TimeSpan(start_s=1, end_s=2), note="sounds most sad here")
    found.notes.append("1 further face ignored")
    return found


def test_it_is_shown_with_what_is_unsure_and_what_disagrees(perception) -> None:
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    show(console, perception)
    console.file.close()
    text = console.export_text()
    assert "am  fine?" in text.replace("\n", " ") or "fine?" in text
    assert "1 of 3 words unsure" in text
    assert "they disagree: the words say content, the voice says sad" in text
    assert "voice 1.0–2.0 s: sounds most sad here" in text
    assert "– no video" in text
    row = next(line for line in text.splitlines() if line.startswith("voice") and "▁" in line)
    assert row.index("▁") < row.index("█")
    assert row.count("█") == 4


def test_it_is_drawn_whole_or_not_at_all(perception, tmp_path) -> None:
    path = tmp_path / "over-time.png"
    draw(path, "me.wav", perception)
    assert cv2.imread(str(path)).shape[1] > 800
    assert [one.name for one in tmp_path.iterdir()] == ["over-time.png"]
    draw(path, "nothing", perception_pb2.Perception())
    assert cv2.imread(str(path)) is not None


def test_the_command_asks_and_prints(run, perception, tmp_path, monkeypatch) -> None:
    file = tmp_path / "a.wav"
    file.write_bytes(b"RIFF")

    async def ask(settings, name, data, text, tell):
        assert (name, data, text) == ("a.wav", b"RIFF", "")
        return perception

    monkeypatch.setattr(perceive, "_ask", ask)
    assert "they disagree" in run("perceive", file).output
    printed = json.loads(run("perceive", file, "--json").output)
    assert printed["modalities"][1]["course"][1]["confidence"] == 0.9


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [(["none.wav"], "none.wav can't be read"), (["a.wav", "-o", "a.txt"], "must end in .png")],
)
def test_wrong_use_is_refused_before_anything_is_loaded(
    run, tmp_path, monkeypatch, arguments, problem
) -> None:
    monkeypatch.chdir(tmp_path)
    np.zeros(4).tofile("a.wav")
    result = run("perceive", *arguments)
    assert result.exit_code == 2
    assert problem in result.error
