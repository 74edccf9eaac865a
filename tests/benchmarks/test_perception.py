"""Perception's measures, on made-up answers and on a small made folder with a scripted service."""

import json
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from empatheia.common.v1 import media_pb2
from empatheia.perception.v1 import perception_pb2
from typer.testing import CliRunner

import runtime.clients.grpc_transport
from benchmarks import labelled
from benchmarks.confusion import draw
from benchmarks.perception import NOT_JUDGED, Outcome, affect_figures, edits, evaluate, word_figures
from cli import start
from cli.main import app
from runtime.clients.in_process import InProcessTransport
from runtime.errors import InvalidInput
from runtime.hosting.service import Call
from runtime.settings import Settings
from services.perception.recording import decode
from tests.fakes import MODEL, FakePerception

ANSWERS = {"a.wav": ("happy", 0.9), "b.wav": ("sad", 0.6), "c.wav": ("sad", 0.4), "n.wav": ("angry", 0.2)}


class Scripted(FakePerception):
    """Judges by the file's name."""

    async def perceive(
        self, requests: AsyncIterator[perception_pb2.PerceiveRequest], call: Call
    ) -> AsyncIterator[perception_pb2.PerceiveResponse]:
        parts = [request async for request in requests]
        header = next(one.media.header for one in parts if one.media.HasField("header"))
        typed = parts[0].start.text
        if header.file_name == "broken.wav":
            raise InvalidInput.of("media[0]", "is cut short", reason="TRUNCATED_MEDIA")
        if header.file_name == "quiet.wav" and not typed:
            raise InvalidInput.of("text", "nobody speaks", reason="NOTHING_SAID")
        answer = perception_pb2.Perception()
        answer.transcript.text = "it's a dog"
        for modality in ("speech", "face"):
            judged = answer.modalities.add(modality=modality, model=MODEL)
            if header.file_name not in ANSWERS:
                judged.reason = "silence"
                continue
            label, share = ANSWERS[header.file_name]
            judged.present = True
            judged.affect.confidence = share
            judged.affect.classes.entries.add(label=label, probability=share)
        if header.kind == media_pb2.MEDIA_KIND_VIDEO:
            data = b"".join(one.media.chunk.data for one in parts if one.media.HasField("chunk"))
            self.pictures = decode(data, header, "media[0]", 60).pictures
        yield perception_pb2.PerceiveResponse(perception=answer)


def folder(tmp_path: Path, table: str, text: str, *names: str) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    (data / table).write_text(text)
    for name in names:
        with wave.open(str(data / name), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16000)
            file.writeframes(bytes(3200))
    return data


@pytest.fixture
def voices(tmp_path: Path) -> Path:
    text = (
        "file,emotion,split\na.wav,happy,train\nb.wav,sad,valid\nc.wav,angry,valid\n"
        "n.wav,calm,valid\nd.wav,fearful,valid\n"
    )
    return folder(tmp_path, "labels.csv", text, "a.wav", "b.wav", "c.wav", "n.wav", "d.wav")


def transport(settings: Settings) -> InProcessTransport:
    return InProcessTransport({"perception": Scripted(settings)})


async def test_judgements_are_compared_over_the_7_classes(settings: Settings, voices: Path) -> None:
    told: list[int] = []
    result = await evaluate(transport(settings), "speech", labelled.read(voices, "speech"), told.append)
    assert told == [1, 2, 3, 4, 5]
    assert result["n"] == 4
    assert result["accuracy"] == 0.5
    assert result["macro_f1"] == pytest.approx((1 + 2 / 3 + 0 + 0) / 4)
    assert result["ece"] == pytest.approx((0.1 + 0.4 + 0.4) / 3)
    assert (result["neutral_n"], result["neutral_confidence"]) == (1, pytest.approx(0.2))
    assert result["not_judged"] == {"silence": 1}
    assert result["confusion"][result["classes"].index("fear")][-1] == 1
    assert "1 of 5 rows are marked `train`" in result["notes"][0]


async def test_rows_without_a_split_say_that_nothing_is_known(settings: Settings, tmp_path: Path) -> None:
    data = folder(tmp_path, "labels.csv", "file,emotion\na.wav,happy\n", "a.wav")
    result = await evaluate(transport(settings), "speech", labelled.read(data, "speech"), lambda _: None)
    assert "is unknown" in result["notes"][0]


async def test_words_that_were_not_heard_are_errors(settings: Settings, tmp_path: Path) -> None:
    text = 'file,transcript\na.wav,"It’s a Dog, really!"\nquiet.wav,no no\n'
    data = folder(tmp_path, "transcripts.csv", text, "a.wav", "quiet.wav")
    result = await evaluate(transport(settings), "asr", labelled.read(data, "asr"), lambda _: None)
    assert (result["words"], result["errors"], result["wer"]) == (6, 3, 0.5)
    assert result["nothing_heard"] == 1


async def test_a_photograph_goes_as_a_film_without_loss(settings: Settings, tmp_path: Path) -> None:
    data = folder(tmp_path, "labels.csv", "file,expression\np.png,anger\n")
    picture = np.random.default_rng(0).integers(0, 255, (51, 70), np.uint8)
    cv2.imwrite(str(data / "p.png"), picture)
    service = Scripted(settings)
    carrier = InProcessTransport({"perception": service})
    result = await evaluate(carrier, "face", labelled.read(data, "face"), lambda _: None)
    assert result["not_judged"] == {"silence": 1}
    assert result["accuracy"] == 0
    assert result["ece"] is None
    np.testing.assert_array_equal(service.pictures[0].grey, picture)


async def test_a_file_that_cannot_be_used_is_named_with_its_line(settings: Settings, tmp_path: Path) -> None:
    text = "file,emotion\na.wav,happy\nbroken.wav,sad\n"
    data = folder(tmp_path, "labels.csv", text, "a.wav", "broken.wav")
    with pytest.raises(InvalidInput, match=r"labels.csv, line 3: broken.wav: .*cut short"):
        await evaluate(transport(settings), "speech", labelled.read(data, "speech"), lambda _: None)


@pytest.mark.parametrize(
    ("table", "text", "modality", "problem"),
    [
        ("other.csv", "", "speech", "labels.csv is not there"),
        ("labels.csv", "name,emotion\n", "speech", "no column `file`"),
        ("labels.csv", "file,mood\na.wav,happy\n", "speech", "no column `emotion` or `expression`"),
        ("labels.csv", "file,emotion\na.wav,wistful\n", "speech", "line 2: emotion 'wistful' is unknown"),
        ("labels.csv", "file,emotion\na.wav,happy\nz.wav,sad\n", "speech", "line 3: .*z.wav is not there"),
        ("labels.csv", "file,emotion\na.wav\n", "speech", "line 2: has another number of fields"),
        ("labels.csv", "file,emotion\n", "speech", "holds no rows"),
        ("transcripts.csv", "file,words\na.wav,hello\n", "asr", "no column `transcript`"),
        ("transcripts.csv", "file,transcript\na.wav,...\n", "asr", "line 2: the transcript has no words"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(
    tmp_path: Path, table: str, text: str, modality: str, problem: str
) -> None:
    data = folder(tmp_path, table, text, "a.wav")
    with pytest.raises(InvalidInput, match=problem):
        labelled.read(data, modality)


def test_ljspeech_has_no_header_and_no_endings(tmp_path: Path) -> None:
    data = folder(tmp_path, "transcripts.csv", "LJ1|Dr. X|Doctor X\n", "LJ1.wav")
    (row,) = labelled.read(data, "asr")
    assert row.expected == "Doctor X"
    assert row.path.name == "LJ1.wav"


def test_words_are_taken_from_a_label_file_that_holds_them(tmp_path: Path) -> None:
    data = folder(tmp_path, "labels.csv", "file,emotion,transcript\na.wav,happy,Hello there\n", "a.wav")
    assert [row.expected for row in labelled.read(data, "asr")] == ["Hello there"]


def test_rows_are_chosen_by_column_and_drawn_alike(voices: Path) -> None:
    rows = labelled.read(voices, "speech")
    assert [r.path.name for r in labelled.chosen(rows, ["split=train"], None, 0)] == ["a.wav"]
    kept = labelled.chosen(rows, ["split=valid", "emotion=sad,angry"], None, 0)
    assert [r.path.name for r in kept] == ["b.wav", "c.wav"]
    assert labelled.chosen(rows, [], 3, 1) == labelled.chosen(rows, [], 3, 1)
    assert len(labelled.chosen(rows, [], 3, 1)) == 3
    for condition, problem in (("split", "not column=value"), ("age=3", "no column"), ("split=x", "no row")):
        with pytest.raises(InvalidInput, match=problem):
            labelled.chosen(rows, [condition], None, 0)


def test_edits_are_the_fewest() -> None:
    assert edits("a b c".split(), "a c".split()) == 1
    assert edits("a b c".split(), "a x c d".split()) == 2
    assert edits([], ["a"]) == 1


def test_nothing_to_compare_gives_no_figure() -> None:
    only = affect_figures([Outcome("neutral", "sad", 0.3, 0.1)])
    assert (only["n"], only["accuracy"], only["macro_f1"], only["ece"]) == (0, None, None, None)
    assert word_figures([Outcome("a b", "")])["wer"] == 1


def test_the_matrix_is_drawn_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "matrix.png"
    draw(path, "title", ["happy", "sad"], [[3, 1, 0], [0, 0, 0]], NOT_JUDGED)
    assert cv2.imread(str(path)).shape[1] > 300
    assert [one.name for one in tmp_path.iterdir()] == ["matrix.png"]


def test_the_command_prints_one_object(
    settings: Settings, voices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "ensure_running", lambda settings, preset, config: settings)

    class Carrier(InProcessTransport):
        def __init__(self, settings: Settings) -> None:
            super().__init__({"perception": Scripted(settings)})

        async def __aenter__(self) -> "Carrier":
            return self

        async def __aexit__(self, *error: object) -> None:
            return

    monkeypatch.setattr(runtime.clients.grpc_transport, "GrpcTransport", Carrier)
    picture = tmp_path / "confusion.png"
    command = ["evaluate", "perception", "--data", str(voices), "--modality", "speech"]
    done = CliRunner().invoke(app, [*command, "--where", "split=valid", "-o", str(picture), "--json"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert (result["n"], result["neutral_n"], result["notes"]) == (3, 1, [])
    assert picture.exists()
    shown = CliRunner().invoke(app, command)
    assert "macro_f1" in shown.stdout
    assert "marked `train`" in " ".join(shown.stdout.split())
