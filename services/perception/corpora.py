"""Reads the data sets that the judges are trained on, as features with right answers."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from empatheia.common.v1 import media_pb2
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from services.perception.backends import Track
from services.perception.fitting import Ints, Part, Training
from services.perception.listening import Listener
from services.perception.modalities import faces, prosody
from services.perception.model import Floats
from services.perception.recording import decode

_VALID_ACTORS = (19, 20)
_COPIES = 5
_ALIKE = 0.9
_FOLDS = 5
_FAR = (28, 64)
"""Sides of faces seen from further away, in pixels."""


@dataclass(frozen=True)
class Corpus:
    """A data set, split by person, dialogue or picture."""

    labels: tuple[str, ...]
    train: Training
    valid: Part


def voices(folder: Path) -> Corpus:
    """RAVDESS: recordings, and `labels.csv` with file, emotion, actor."""
    with (folder / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    labels = tuple(sorted({row["emotion"] for row in rows}))
    features = np.stack([_voice(folder / row["file"]) for row in rows])
    target = np.array([labels.index(row["emotion"]) for row in rows])
    actor = np.array([int(row["actor"]) for row in rows])
    held_back = np.isin(actor, _VALID_ACTORS)
    whole = Training(features, target, actor, np.zeros(len(rows), np.bool_))
    return Corpus(labels, whole.rows(~held_back), whole.rows(held_back))


class _Longest(Track):
    """Keeps the longest stretch of speech: these recordings hold one sentence each."""

    def __init__(self) -> None:
        self._fed: list[Floats] = []
        self.sound = np.zeros(0, np.float32)

    def begin(self, start_s: float) -> None:
        self._fed = []

    def feed(self, samples: Floats) -> None:
        self._fed.append(samples)

    def end(self, keep: bool) -> None:
        stretch = np.concatenate(self._fed) if self._fed else self.sound[:0]
        if keep and len(stretch) > len(self.sound):
            self.sound = stretch


def _voice(path: Path) -> Floats:
    """Features of the voice, found as it is when the judge is used."""
    sound = decode(path.read_bytes(), media_pb2.MediaHeader(file_name=path.name), "file", 60).samples
    assert sound is not None
    longest = _Longest()
    listener = Listener([longest])
    listener.add(sound)
    listener.finish()
    return prosody.features(prosody.contours(longest.sound if len(longest.sound) else sound))


def faces_of(folder: Path) -> Corpus:
    """Photographs of faces, and `labels.csv` with file, expression."""
    with (folder / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    labels = tuple(sorted({row["expression"] for row in rows}))
    target = np.array([labels.index(row["expression"]) for row in rows])
    finder = faces.Finder()
    random = np.random.default_rng(0)
    greys = [_grey(folder / row["file"]) for row in rows]
    group = _alike(greys)
    held_back = _held_back(group, random)
    train, valid = [], []
    for grey, out in zip(greys, held_back, strict=True):
        box = next(iter(finder.find(grey)), _usual_box(grey))
        if out:
            valid.append(_face(grey, box))
        else:
            train += [_face(grey, box)] + [_face(*_changed(grey, box, random)) for _ in range(_COPIES)]
    each = _COPIES + 1
    return Corpus(
        labels,
        Training(
            np.stack(train),
            np.repeat(target[~held_back], each),
            np.repeat(group[~held_back], each),
            np.arange(len(train)) % each > 0,
        ),
        Part(np.stack(valid), target[held_back]),
    )


def held_back_files(modality: str, folder: Path) -> set[str]:
    """Files of a training set that the shipped judge was not trained on.

    Args:
        modality: "speech" (RAVDESS) or "face" (the photographs).
        folder: The whole data set: which photographs are kept back follows from all of them.

    Raises:
        KeyError: A column is missing, or the modality has no such set.
        TypeError: A picture can't be read.
        ValueError: An actor is no number.
    """
    with (folder / "labels.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if modality == "speech":
        return {row["file"] for row in rows if int(row["actor"]) in _VALID_ACTORS}
    if modality != "face" or "expression" not in rows[0]:
        raise KeyError("expression" if modality == "face" else modality)
    group = _alike([_grey(folder / row["file"]) for row in rows])
    out = _held_back(group, np.random.default_rng(0))
    return {row["file"] for row, kept in zip(rows, out, strict=True) if kept}


def _grey(path: Path) -> faces.Grey:
    return _u8(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))


def _alike(greys: Sequence[faces.Grey]) -> Ints:
    """A number for each picture, the same for near-duplicates."""
    thumbs = [cv2.resize(grey, (16, 16), interpolation=cv2.INTER_AREA).ravel() for grey in greys]
    small = np.stack(thumbs).astype(np.float32)
    small -= small.mean(axis=1, keepdims=True)
    small /= np.linalg.norm(small, axis=1, keepdims=True) + 1e-6
    _, group = connected_components(small @ small.T > _ALIKE)
    return np.asarray(group, np.int64)


def _held_back(group: Ints, random: np.random.Generator) -> NDArray[np.bool_]:
    """A random fifth, near-duplicates always on the same side."""
    chosen: NDArray[np.bool_] = random.integers(0, _FOLDS, group.max() + 1)[group] == 0
    return chosen


def _usual_box(grey: faces.Grey) -> faces.Box:
    """Where the face is in most photographs, for those in which the cascade finds none."""
    side = round(0.82 * min(grey.shape))
    return faces.Box((grey.shape[1] - side) // 2, (grey.shape[0] - side) // 2, side)


def _u8(picture: object) -> faces.Grey:
    """OpenCV's stubs don't say that it keeps the type of its input."""
    return np.asarray(picture, np.uint8)


def _face(grey: faces.Grey, box: faces.Box) -> Floats:
    face = faces.crop(grey, box)
    return faces.features(grey, box, _u8(cv2.resize(grey, (64, 64))) if face is None else face)


def _lit(grey: faces.Grey, random: np.random.Generator) -> faces.Grey:
    """Light from one side, and another exposure."""
    height, width = grey.shape
    across = random.uniform(-0.5, 0.5) * np.linspace(-1, 1, width)[None]
    down = random.uniform(-0.3, 0.3) * np.linspace(-1, 1, height)[:, None]
    shares = np.clip(grey * (1 + across + down), 0, 255) / 255
    return _u8(255 * shares ** np.exp(random.uniform(-0.5, 0.5)))


def _far(grey: faces.Grey, shrink: float) -> faces.Grey:
    """As few pixels as a small face has."""
    small = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    return _u8(cv2.resize(small, grey.shape[::-1], interpolation=cv2.INTER_LINEAR))


def _changed(grey: faces.Grey, box: faces.Box, random: np.random.Generator) -> tuple[faces.Grey, faces.Box]:
    """A copy as a camera might have taken it: turned, blurred, mirrored, in other light, from further away.

    Its box is a little off, as a cascade's boxes are.
    """
    centre = (box.x + box.side / 2, box.y + box.side / 2)
    turn = cv2.getRotationMatrix2D(centre, random.uniform(-10, 10), 1)
    height, width = grey.shape
    copy: faces.Grey = _u8(cv2.warpAffine(grey, turn, (width, height), borderMode=cv2.BORDER_REPLICATE))
    if random.random() < 0.5:
        copy = _u8(cv2.GaussianBlur(copy, (0, 0), random.uniform(1, 5)))
    side = box.side * random.uniform(0.9, 1.1)
    x, y = (c - side / 2 + random.uniform(-0.05, 0.05) * box.side for c in centre)
    if random.random() < 0.5:
        copy, x = np.ascontiguousarray(copy[:, ::-1]), width - x - side
    if random.random() < 0.5:
        copy = _lit(copy, random)
    if random.random() < 0.4:
        copy = _far(copy, min(1.0, random.uniform(*_FAR) / side))
    return copy, faces.Box(round(x), round(y), round(side))
