"""What the face shows."""

import threading
from collections.abc import Sequence

import numpy as np
from empatheia.common.v1 import affect_pb2

from runtime.emotions import NEUTRAL
from runtime.models import weight_hash
from services.perception.backends import Face
from services.perception.judgement import Judgement, Moment, absent, flatten_neutral, spread
from services.perception.modalities import faces
from services.perception.model import EVERYDAY_FACE, WEIGHTS, Judge
from services.perception.recording import STEP_S, Floats, Picture

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
_SPEAKING = 0.5
"""Weight of a still in which the person speaks: the mouth then shows sounds as well as feelings."""
_MOMENT_S = 0.5


class FaceModality:
    """Judges the expression of the largest and most central face, over time."""

    def __init__(self) -> None:
        """Loads cascade and judge."""
        self._finder = faces.Finder()
        self._lock = threading.Lock()
        self._judge = Judge.load(_PATH)

    def face(self) -> "ExpressiveFace":
        """Begins to judge one video."""
        return ExpressiveFace(self._judge, self._finder, self._lock)


class ExpressiveFace(Face):
    """Judges one video, still by still; only numbers are kept of what was seen."""

    def __init__(self, judge: Judge, finder: faces.Finder, lock: threading.Lock) -> None:
        """Starts before the first still."""
        self._judge = judge
        self._track = faces.Track(finder)
        self._lock = lock
        self._pictures = 0
        self._found = 0
        self._times: list[float] = []
        self._seen: list[Floats] = []
        self._sum: Floats | None = None

    def watch(self, picture: Picture) -> None:
        """See `Face`."""
        self._pictures += 1
        with self._lock:
            box = self._track.next(picture.grey)
        self._found += box is not None
        face = faces.crop(picture.grey, box) if box is not None else None
        if box is None or face is None:
            return
        features = faces.features(picture.grey, box, face)
        self._sum = features if self._sum is None else self._sum + features
        self._times.append(picture.time_s)
        self._seen.append(self._judge.probabilities(features[None], EVERYDAY_FACE)[0])

    def judgement(self, speech: Sequence[affect_pb2.TimeSpan]) -> Judgement:
        """See `Face`."""
        if len(self._seen) < max(1, _MIN_SHARE * self._pictures):
            dark = self._found > len(self._seen)
            return absent("the face is too dark or too blurred" if dark else "no face found")
        track = np.stack(self._seen)
        quiet = np.array([not _within(time, speech) for time in self._times])
        weight = np.where(quiet, 1.0, _SPEAKING)
        # Stills without a face say nothing, just as a face at rest does.
        share = len(track) / self._pictures
        mean = share * (weight / weight.sum()) @ track
        observed = self._observed(mean)
        top = max(observed, key=lambda klass: observed[klass])
        neutral = 1 - sum(observed.values())
        column = [CLASS_OF_EXPRESSION[label] for label in self._judge.labels].index(top)
        assert self._sum is not None
        return Judgement(
            labels=spread(flatten_neutral(observed, neutral)),
            evidence=_evidence(self._times, track[:, column], top),
            reliability=self._judge.reliability,
            feature=(self._sum[None] / len(track)).astype(np.float32),
            model_id=MODEL_ID,
            weight_hash=weight_hash(_PATH),
            notes=tuple(self._notes()),
            word=NEUTRAL if neutral > observed[top] else top,
            course=tuple(self._moments(track)),
        )

    def _observed(self, probabilities: Floats) -> dict[str, float]:
        """By class, without neutral."""
        pairs = zip(self._judge.labels, probabilities.tolist(), strict=True)
        observed = {CLASS_OF_EXPRESSION[label]: probability for label, probability in pairs}
        del observed[NEUTRAL]
        return observed

    def _notes(self) -> list[str]:
        others = self._track.others
        notes = [f"{others} further face{'s' * (others > 1)} ignored"] if others else []
        if len(self._seen) < self._pictures:
            notes.append(f"a face in {len(self._seen)} of {self._pictures} pictures")
        return notes

    def _moments(self, track: Floats) -> list[Moment]:
        """The course in half seconds."""
        index = (np.array(self._times) / _MOMENT_S).astype(int)
        moments = []
        for number in np.unique(index).tolist():
            observed = self._observed(track[index == number].mean(axis=0))
            classes = flatten_neutral(observed, 1 - sum(observed.values()))
            moments.append(Moment(number * _MOMENT_S, (number + 1) * _MOMENT_S, classes))
        return moments


def _within(time_s: float, spans: Sequence[affect_pb2.TimeSpan]) -> bool:
    return any(span.start_s <= time_s < span.end_s for span in spans)


def _evidence(times: list[float], track: Floats, top: str) -> tuple[affect_pb2.Evidence, ...]:
    """The longest stretch of time in which the expression is at least as strong as on average."""
    strong = np.concatenate(([False], track >= track.mean() - 1e-6, [False]))
    edges = np.flatnonzero(np.diff(strong.astype(np.int8)))
    runs = list(zip(edges[::2], edges[1::2], strict=True))
    first, end = max(runs, key=lambda run: float(track[run[0] : run[1]].sum()))
    span = affect_pb2.TimeSpan(start_s=times[first], end_s=times[end - 1] + STEP_S)
    weight = float(track[first:end].mean())
    return (affect_pb2.Evidence(face=span, note=f"the expression looks most {top} here", weight=weight),)
