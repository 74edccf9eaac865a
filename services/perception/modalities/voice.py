"""What the voice says, whatever the words."""

from dataclasses import dataclass

import numpy as np
from empatheia.common.v1 import affect_pb2

from runtime.emotions import NEUTRAL
from runtime.models import weight_hash
from services.perception.backends import Voice
from services.perception.judgement import Judgement, Moment, absent, flatten_neutral, spread
from services.perception.modalities import prosody
from services.perception.model import EVERYDAY_VOICE, WEIGHTS, Judge
from services.perception.recording import Floats

MODEL_ID = "empatheia voice affect"
CLASS_OF_RAVDESS = {
    "angry": "angry",
    "calm": NEUTRAL,
    "disgust": "disgusted",
    "fearful": "fear",
    "happy": "happy",
    "neutral": NEUTRAL,
    "sad": "sad",
    "surprised": "surprised",
}
"""The 8 emotions of RAVDESS among the 7 classes; it has no contempt."""

_PATH = WEIGHTS / "voice.safetensors"
_MIN_VOICED_S = 0.15
_WINDOW_S, _STEP_S = 1.5, 0.5
_REMARKS = {
    "pitch_range_st": ("the pitch hardly moves", "the pitch moves widely"),
    "level_range_db": ("evenly loud", "loud and soft by turns"),
    "tempo": ("speaks slowly", "speaks quickly"),
    "pauses": ("hardly pauses", "pauses often"),
    "tilt": ("a soft, dark voice", "a sharp, pressed voice"),
}
_REMARKABLE = 0.8


class VoiceModality:
    """Judges voices from their prosody and timbre."""

    def __init__(self) -> None:
        """Loads the judge."""
        self._judge = Judge.load(_PATH)

    def voice(self) -> "ProsodicVoice":
        """Begins to judge one utterance."""
        return ProsodicVoice(self._judge)


@dataclass(frozen=True)
class _Stretch:
    start_s: float
    end_s: float
    voiced_s: float
    features: Floats
    """(D,)."""


class ProsodicVoice(Voice):
    """Judges one utterance, stretch by stretch; a longer stretch counts for more."""

    def __init__(self, judge: Judge) -> None:
        """Starts before the first stretch."""
        self._judge = judge
        self._start_s = 0.0
        self._contours = prosody.Contours()
        self._stretches: list[_Stretch] = []
        self._course: list[Moment] = []

    def begin(self, start_s: float) -> None:
        """See `Track`."""
        self._start_s = start_s
        self._contours = prosody.Contours()

    def feed(self, samples: Floats) -> None:
        """See `Track`."""
        self._contours.add(samples)

    def end(self, keep: bool) -> None:
        """See `Track`."""
        if not keep:
            return
        track = self._contours.finish()
        voiced_s = float((track[:, 0] > 0).sum()) * prosody.FRAME_S
        if voiced_s < _MIN_VOICED_S:
            return
        end_s = self._start_s + len(track) * prosody.FRAME_S
        self._stretches.append(_Stretch(self._start_s, end_s, voiced_s, prosody.features(track)))
        self._course += self._moments(track)

    def judgement(self) -> Judgement:
        """See `Voice`."""
        if not self._stretches:
            return absent("no voice found: what is heard has no pitch")
        weight = np.array([stretch.voiced_s for stretch in self._stretches])
        weight /= weight.sum()
        features = np.stack([stretch.features for stretch in self._stretches])
        classes = self._classes(features)
        mean = {klass: float(weight @ [one[klass] for one in classes]) for klass in classes[0]}
        neutral = mean.pop(NEUTRAL)
        top = max(mean, key=lambda klass: mean[klass])
        average = (weight @ features).astype(np.float32)[None]
        return Judgement(
            labels=spread(flatten_neutral(mean, neutral)),
            evidence=tuple(self._evidence(average[0], mean[top], top)),
            reliability=self._judge.reliability,
            feature=average,
            model_id=MODEL_ID,
            weight_hash=weight_hash(_PATH),
            word=NEUTRAL if neutral > mean[top] else top,
            course=tuple(self._course),
        )

    def _classes(self, features: Floats) -> list[dict[str, float]]:
        """Probability by class, neutral among them, of each row."""
        rows = []
        for row in self._judge.probabilities(features, EVERYDAY_VOICE).tolist():
            classes: dict[str, float] = {}
            for label, probability in zip(self._judge.labels, row, strict=True):
                klass = CLASS_OF_RAVDESS[label]
                classes[klass] = classes.get(klass, 0.0) + probability
            rows.append(classes)
        return rows

    def _moments(self, track: Floats) -> list[Moment]:
        """A stretch in windows of 1.5 s, each of which stands for the half second in its middle."""
        length, step = int(_WINDOW_S / prosody.FRAME_S), int(_STEP_S / prosody.FRAME_S)
        firsts = range(0, max(1, len(track) - length + 1), step)
        windows = np.stack([prosody.features(track[first : first + length]) for first in firsts])
        moments = []
        for index, (first, classes) in enumerate(zip(firsts, self._classes(windows), strict=True)):
            neutral = classes.pop(NEUTRAL)
            begin = 0 if index == 0 else first + (length - step) // 2
            end = len(track) if index == len(firsts) - 1 else first + (length + step) // 2
            moments.append(
                Moment(
                    self._start_s + begin * prosody.FRAME_S,
                    self._start_s + end * prosody.FRAME_S,
                    flatten_neutral(classes, neutral),
                )
            )
        return moments

    def _evidence(self, features: Floats, weight: float, top: str) -> list[affect_pb2.Evidence]:
        """What is noticeable in the voice as a whole, and where it speaks most for a class."""
        start_s, end_s = self._stretches[0].start_s, self._stretches[-1].end_s
        whole = _evidence(start_s, end_s, self._remarks(features), weight)
        if len(self._course) == 1:
            return [whole]
        best = max(self._course, key=lambda moment: moment.classes[top])
        return [whole, best.evidence("audio", top)]

    def _remarks(self, features: Floats) -> str:
        normal = (features - self._judge.mean) / self._judge.scale
        remarks = [
            _REMARKS[trait][int(normal[index] > 0)]
            for index, trait in enumerate(prosody.TRAITS)
            if trait in _REMARKS and abs(normal[index]) > _REMARKABLE
        ]
        return ", ".join(remarks) or "nothing out of the ordinary"


def _evidence(start_s: float, end_s: float, note: str, weight: float) -> affect_pb2.Evidence:
    return affect_pb2.Evidence(
        audio=affect_pb2.TimeSpan(start_s=start_s, end_s=end_s), note=note, weight=weight
    )
