"""How right fusion is, and how well its confidence is founded.

    python -m benchmarks.fusion --texts valid.jsonl.gz --voices RAVDESS --faces PHOTOGRAPHS [--number 400]

No data here shows a person in words, voice and face together with what they felt. So persons are put
together: a dialogue of the validation part, a recording of the actors that were kept back, and a photograph
that was kept back, all three of one class. Their errors are then independent, which those of one real person
are not: the figures are an upper bound. For conflicts, voice and face come from another class than the words.
"""

import argparse
import json
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import torch
from empatheia.common.v1 import media_pb2

from benchmarks import labelled
from benchmarks.chains import samples
from benchmarks.erg_figures import calibration_error
from benchmarks.text_affect import said
from runtime.emotions import CLASS_OF_LABEL, CLASSES
from services.perception import fusion
from services.perception.corpora import held_back_files
from services.perception.judgement import Judgement
from services.perception.listening import Listener
from services.perception.modalities.face import FaceModality
from services.perception.modalities.text import TextModality
from services.perception.modalities.voice import VoiceModality
from services.perception.recording import Picture, decode

Judged = dict[str, list[Judgement]]
"""Judgements by the class that is right."""
_MODALITIES = ("text", "speech", "face")
_FEWEST = 8
"""Examples that each modality must have of a class."""


def texts(path: Path, number: int, seed: int) -> Judged:
    """Judgements of what people say in dialogues."""
    modality = TextModality()
    pairs = ((CLASS_OF_LABEL[one.emotion], modality.judge(said(one))) for one in samples(path, number, seed))
    return _by_class(pairs)


def voices(folder: Path) -> Judged:
    """Judgements of the recordings that were kept back."""
    modality = VoiceModality()

    def judged(row: labelled.Row) -> Judgement:
        voice = modality.voice()
        listener = Listener([voice])
        sound = decode(row.path.read_bytes(), media_pb2.MediaHeader(), row.path.name, 60).samples
        if sound is not None:
            listener.add(sound)
        listener.finish()
        return voice.judgement()

    return _by_class((row.expected, judged(row)) for row in _held_back(folder, "speech"))


def faces(folder: Path) -> Judged:
    """Judgements of the photographs that were kept back."""
    modality = FaceModality()

    def judged(row: labelled.Row) -> Judgement:
        face = modality.face()
        grey = cv2.imread(str(row.path), cv2.IMREAD_GRAYSCALE)
        if grey is not None:
            face.watch(Picture(0.0, grey.astype("uint8")))
        return face.judgement([])

    return _by_class((row.expected, judged(row)) for row in _held_back(folder, "face"))


def measure(judged: Mapping[str, Judged], seed: int) -> dict[str, Any]:
    """Sums up persons that were put together, one for each text.

    Args:
        judged: Judgements of each modality.
        seed: Of the draw.

    Returns:
        `classes` that all modalities know; for each set of modalities `accuracy`, `ece` (10 bins) and `mean`
        (probability of the likeliest class); `conflicts`: share of persons of whom one was named, where all
        modalities are of one class and where the words are of another.
    """
    classes = [k for k in CLASSES if all(len(judged[name].get(k, ())) >= _FEWEST for name in _MODALITIES)]
    chance = random.Random(seed)
    persons = [
        (klass, {"text": text, **{name: chance.choice(judged[name][klass]) for name in _MODALITIES[1:]}})
        for klass in classes
        for text in judged["text"][klass]
    ]
    result: dict[str, Any] = {"n": len(persons), "classes": classes}
    for size in (1, 2, 3):
        for names in combinations(_MODALITIES, size):
            result["+".join(names)] = _figures(persons, names)
    torn = []
    for klass, person in persons:
        other = chance.choice([one for one in classes if one != klass])
        torn.append({**person, **{name: chance.choice(judged[name][other]) for name in _MODALITIES[1:]}})
    result["conflicts"] = {
        "one class": _named([person for _, person in persons]),
        "words of another": _named(torn),
    }
    return result


def _figures(
    persons: Sequence[tuple[str, Mapping[str, Judgement]]], names: Sequence[str]
) -> dict[str, float]:
    right, sure = [], []
    for klass, person in persons:
        top = fusion.fuse({name: person[name] for name in names}).classes.entries[0]
        right.append(top.label == klass)
        sure.append(top.probability)
    return {
        "accuracy": round(sum(right) / len(right), 3),
        "ece": round(calibration_error(sure, right), 3),
        "mean": round(sum(sure) / len(sure), 3),
    }


def _named(persons: Sequence[Mapping[str, Judgement]]) -> float:
    return round(sum(bool(fusion.conflicts(person)) for person in persons) / len(persons), 3)


def _by_class(pairs: Iterator[tuple[str, Judgement]]) -> Judged:
    found: Judged = {}
    for klass, judgement in pairs:
        if judgement.present:
            found.setdefault(klass, []).append(judgement)
    return found


def _held_back(folder: Path, modality: str) -> list[labelled.Row]:
    names = held_back_files(modality, folder)
    return [row for row in labelled.read(folder, modality) if row.columns["file"] in names]


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, required=True, help="dialogues")
    parser.add_argument("--voices", type=Path, required=True, help="folder of RAVDESS")
    parser.add_argument("--faces", type=Path, required=True, help="folder of the photographs")
    parser.add_argument("--number", type=int, default=400, help="how many dialogues")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    judged = {
        "text": texts(chosen.texts, chosen.number, chosen.seed),
        "speech": voices(chosen.voices),
        "face": faces(chosen.faces),
    }
    sys.stdout.write(json.dumps(measure(judged, chosen.seed), indent=2) + "\n")


if __name__ == "__main__":
    main()
