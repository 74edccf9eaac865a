"""What the face shows."""

import threading
from collections.abc import Sequence

import numpy as np
from empatheia.common.v1 import affect_pb2
from numpy.typing import NDArray

from runtime.emotions import NEUTRAL
from runtime.models import weight_hash
from services.perception.judgement import Judgement, absent, flatten_neutral, spread
from services.perception.modalities import faces
from services.perception.model import EVERYDAY, WEIGHTS, Judge
from services.perception.recording import Picture

MODEL_ID = "empatheia face affect"
CLASS_OF_EXPRESSION = {
    "anger": "angry",
    "contempt": "contempt",
    "disgust": "disgusted",
    "fear": "fear",
    "happiness": "happy",
    "neutral": NEUTRAL,
    "sadness": "sad",
    "surprise": "surprised",
}
"""The 8 expressions of the photographs among the 7 classes."""

_PATH = WEIGHTS / "face.safetensors"
_MIN_SHARE = 0.2
"""Share of the pictures in which a face must be found."""


class FaceModality:
    """Judges the expression of the largest and most central face, over time."""

    def __init__(self) -> None:
        """Loads cascade and judge."""
        self._finder = faces.Finder()
        self._lock = threading.Lock()
        self._judge = Judge.load(_PATH)

    def judge(self, pictures: Sequence[Picture], step_s: float, stopped: threading.Event) -> Judgement:
        """Judges the face in a video.

        Args:
            pictures: Stills at even steps.
            step_s: Time from still to still.
            stopped: Ends the work between pictures.
        """
        seen: list[tuple[float, NDArray[np.float32]]] = []
        track = faces.Track(self._finder)
        found = 0
        for picture in pictures:
            if stopped.is_set():
                return absent("stopped")
            with self._lock:
                box = track.next(picture.grey)
            found += box is not None
            face = faces.crop(picture.grey, box) if box is not None else None
            if face is not None:
                seen.append((picture.time_s, faces.features(face)))
        if len(seen) < max(1, _MIN_SHARE * len(pictures)):
            return absent("the face is too dark or too blurred" if found > len(seen) else "no face found")
        notes = [f"{track.others} further face{'s' * (track.others > 1)} ignored"] if track.others else []
        return self._judgement(seen, step_s, len(pictures), notes)

    def _judgement(
        self, seen: list[tuple[float, NDArray[np.float32]]], step_s: float, pictures: int, notes: list[str]
    ) -> Judgement:
        features = np.stack([row for _, row in seen])
        track = self._judge.probabilities(features, EVERYDAY)
        mean = track.mean(axis=0)
        observed = {
            CLASS_OF_EXPRESSION[label]: float(p) for label, p in zip(self._judge.labels, mean, strict=True)
        }
        neutral = observed.pop(NEUTRAL)
        # Pictures without a face say nothing, just as a face at rest does.
        share = len(seen) / pictures
        observed = {klass: share * p for klass, p in observed.items()}
        neutral = 1 - sum(observed.values())
        top = max(observed, key=lambda klass: observed[klass])
        column = [CLASS_OF_EXPRESSION[label] for label in self._judge.labels].index(top)
        if len(seen) < pictures:
            notes.append(f"a face in {len(seen)} of {pictures} pictures")
        return Judgement(
            labels=spread(flatten_neutral(observed, neutral)),
            evidence=_evidence([time for time, _ in seen], track[:, column], step_s, top),
            reliability=self._judge.reliability,
            feature=features.mean(axis=0, keepdims=True),
            model_id=MODEL_ID,
            weight_hash=weight_hash(_PATH),
            notes=tuple(notes),
            word=NEUTRAL if neutral > observed[top] else top,
        )


def _evidence(
    times: list[float], track: NDArray[np.float32], step_s: float, top: str
) -> tuple[affect_pb2.Evidence, ...]:
    """The longest stretch of time in which the expression is at least as strong as on average."""
    strong = np.concatenate(([False], track >= track.mean() - 1e-6, [False]))
    edges = np.flatnonzero(np.diff(strong.astype(np.int8)))
    runs = list(zip(edges[::2], edges[1::2], strict=True))
    first, end = max(runs, key=lambda run: float(track[run[0] : run[1]].sum()))
    span = affect_pb2.TimeSpan(start_s=times[first], end_s=times[end - 1] + step_s)
    weight = float(track[first:end].mean())
    return (affect_pb2.Evidence(face=span, note=f"the expression looks most {top} here", weight=weight),)
