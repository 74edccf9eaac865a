"""What the voice says, whatever the words."""

from collections.abc import Sequence

import numpy as np
from empatheia.common.v1 import affect_pb2
from numpy.typing import NDArray

from runtime.emotions import NEUTRAL
from runtime.models import weight_hash
from services.perception.judgement import Judgement, absent, flatten_neutral, spread
from services.perception.modalities import prosody
from services.perception.model import EVERYDAY, WEIGHTS, Judge
from services.perception.recording import SAMPLE_RATE

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
    """Judges a voice from its prosody and timbre."""

    def __init__(self) -> None:
        """Loads the judge."""
        self._judge = Judge.load(_PATH)

    def judge(self, sound: NDArray[np.float32], spans: Sequence[affect_pb2.TimeSpan]) -> Judgement:
        """Judges the voice of a recording.

        Args:
            sound: 16 kHz mono.
            spans: Parts that hold speech, at least one.
        """
        start, end = spans[0].start_s, spans[-1].end_s
        track = prosody.contours(sound[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)])
        voiced_s = float((track[:, 0] > 0).sum()) * prosody.FRAME_S
        if voiced_s < _MIN_VOICED_S:
            return absent("no voice found: what is heard has no pitch")
        features = prosody.features(track)[None]
        classes, neutral = self._classes(features)
        top = max(classes, key=lambda klass: classes[klass])
        flat = flatten_neutral(classes, neutral)
        return Judgement(
            labels=spread(flat),
            evidence=tuple(self._evidence(track, features, start, top)),
            reliability=self._judge.reliability,
            feature=features,
            model_id=MODEL_ID,
            weight_hash=weight_hash(_PATH),
            word=NEUTRAL if neutral > classes[top] else top,
        )

    def _classes(self, features: NDArray[np.float32]) -> tuple[dict[str, float], float]:
        """Probability by class, and of neutral."""
        classes: dict[str, float] = {}
        for label, probability in zip(
            self._judge.labels, self._judge.probabilities(features, EVERYDAY)[0].tolist(), strict=True
        ):
            klass = CLASS_OF_RAVDESS[label]
            classes[klass] = classes.get(klass, 0.0) + probability
        return classes, classes.pop(NEUTRAL)

    def _evidence(
        self, track: NDArray[np.float32], features: NDArray[np.float32], start: float, top: str
    ) -> list[affect_pb2.Evidence]:
        """What is noticeable in the voice as a whole, and where it speaks most for a class."""
        length, step = int(_WINDOW_S / prosody.FRAME_S), int(_STEP_S / prosody.FRAME_S)
        firsts = range(0, max(1, len(track) - length + 1), step)
        windows = np.stack([prosody.features(track[first : first + length]) for first in firsts])
        weights = [self._classes(window[None])[0][top] for window in windows]
        best = int(np.argmax(weights))
        whole = _evidence(start, len(track), self._remarks(features[0]), self._classes(features)[0][top])
        if len(weights) == 1:
            return [whole]
        begin = start + firsts[best] * prosody.FRAME_S
        return [whole, _evidence(begin, length, f"sounds most {top} here", weights[best])]

    def _remarks(self, features: NDArray[np.float32]) -> str:
        normal = (features - self._judge.mean) / self._judge.scale
        remarks = [
            _REMARKS[trait][int(normal[index] > 0)]
            for index, trait in enumerate(prosody.TRAITS)
            if trait in _REMARKS and abs(normal[index]) > _REMARKABLE
        ]
        return ", ".join(remarks) or "nothing out of the ordinary"


def _evidence(start: float, frames: int, note: str, weight: float) -> affect_pb2.Evidence:
    span = affect_pb2.TimeSpan(start_s=start, end_s=start + frames * prosody.FRAME_S)
    return affect_pb2.Evidence(audio=span, note=note, weight=weight)
