"""What one modality says of a person, before it goes on the wire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from empatheia.common.v1 import affect_pb2
from empatheia.perception.v1 import perception_pb2
from numpy.typing import NDArray

from runtime.emotions import CLASS_OF_LABEL, CLASSES, LABELS, class_distribution
from services.perception.circumplex import AROUSAL, VALENCE

_SIZE = {klass: sum(1 for c in CLASS_OF_LABEL.values() if c == klass) for klass in CLASSES}


_MOST_MOMENTS = 240


@dataclass(frozen=True)
class Moment:
    """A judgement of one stretch of time."""

    start_s: float
    end_s: float
    classes: Mapping[str, float]
    """Distribution over the 7 classes."""

    def evidence(self, source: str, top: str) -> affect_pb2.Evidence:
        """This moment as evidence for a class.

        Args:
            source: "audio" or "face".
            top: The class.
        """
        verb = {"audio": "sounds", "face": "looks"}[source]
        span = affect_pb2.TimeSpan(start_s=self.start_s, end_s=self.end_s)
        found = affect_pb2.Evidence(note=f"{verb} most {top} here", weight=self.classes[top])
        getattr(found, source).CopyFrom(span)
        return found


@dataclass(frozen=True)
class Judgement:
    """What a modality says, or why it says nothing."""

    labels: Mapping[str, float] = field(default_factory=dict)
    """Distribution over the 32 labels; empty where nothing could be judged."""
    evidence: tuple[affect_pb2.Evidence, ...] = ()
    reliability: float = 0.0
    """How far the modality's model errs less than a guess, measured on unseen people."""
    feature: NDArray[np.float32] | None = None
    """(1, D), the vector that the judgement was made from."""
    model_id: str = ""
    weight_hash: str = ""
    reason: str = ""
    """Why nothing could be judged."""
    notes: tuple[str, ...] = ()
    word: str = ""
    """The judgement in one word, "neutral" among them: for sentences about conflicts."""
    trust: float = 1.0
    """How sure it is that the input was rightly read: words that were heard may have been misheard."""
    elapsed_ms: float = 0.0
    course: tuple[Moment, ...] = ()
    """How the judgement went over time."""

    @property
    def present(self) -> bool:
        """Whether there is a judgement."""
        return bool(self.labels)

    @property
    def classes(self) -> dict[str, float]:
        """Distribution over the 7 classes."""
        return class_distribution(self.labels)

    @property
    def confidence(self) -> float:
        """0 for a flat distribution over the classes, 1 for certainty; times `trust`."""
        return self.trust * sureness(self.classes)


def sureness(classes: Mapping[str, float]) -> float:
    """0 for a flat distribution over the classes, 1 for certainty."""
    chance = 1 / len(CLASSES)
    return max(0.0, (max(classes.values()) - chance) / (1 - chance))


def absent(reason: str, *notes: str) -> Judgement:
    """A modality that could not be judged."""
    return Judgement(reason=reason, notes=notes)


def spread(classes: Mapping[str, float]) -> dict[str, float]:
    """Shares out the probability of each class evenly among its labels.

    A voice or a face does not tell "proud" from "grateful", so none of them is preferred.
    """
    return {label: classes[klass] / _SIZE[klass] for label, klass in CLASS_OF_LABEL.items()}


def flatten_neutral(observed: Mapping[str, float], neutral: float) -> dict[str, float]:
    """Turns a judgement that knows "neutral" into one over the 7 classes.

    A voice or face at rest says nothing about which of the 7 it hides, so that mass is shared out evenly:
    the more neutral, the flatter, and the lower the confidence.

    Args:
        observed: Probability by class; classes the model doesn't know count as 0.
        neutral: Probability of neutral; with `observed` it sums to 1.
    """
    return {klass: observed.get(klass, 0.0) + neutral / len(CLASSES) for klass in CLASSES}


def pooled(
    parts: Sequence[tuple[float, Mapping[str, float], NDArray[np.float32]]], softer: float
) -> tuple[dict[str, float], NDArray[np.float32]]:
    """Averages what was said of the parts of an utterance.

    Args:
        parts: Weight, probability by class, and vector (D,) of each part; at least one.
        softer: Temperature: above 1, each part is made less sure of itself.

    Returns:
        Probability by class, and the vector of the utterance.
    """
    weight = np.array([part[0] for part in parts])
    weight = weight / weight.sum()
    names = list(parts[0][1])
    shares = np.array([[part[1][name] for name in names] for part in parts]) ** (1 / softer)
    mean = weight @ (shares / shares.sum(axis=1, keepdims=True))
    vector = (weight @ np.stack([part[2] for part in parts])).astype(np.float32)
    return dict(zip(names, mean.tolist(), strict=True)), vector


def affect(
    labels: Mapping[str, float], confidence: float, evidence: tuple[affect_pb2.Evidence, ...]
) -> affect_pb2.Affect:
    """Packs a distribution over the 32 labels with all that follows from it."""
    return affect_pb2.Affect(
        classes=_distribution(class_distribution(labels)),
        labels=_distribution({label: labels.get(label, 0.0) for label in LABELS}),
        valence=sum(p * VALENCE[label] for label, p in labels.items()),
        arousal=sum(p * AROUSAL[label] for label, p in labels.items()),
        confidence=confidence,
        evidence=evidence,
    )


def course(moments: Sequence[Moment]) -> list[perception_pb2.AffectMoment]:
    """Packs a course, at most 240 moments: where there are more, neighbours are averaged."""
    each = -(-len(moments) // _MOST_MOMENTS) or 1
    groups = [moments[first : first + each] for first in range(0, len(moments), each)]
    return [_moment(group) for group in groups]


def _moment(group: Sequence[Moment]) -> perception_pb2.AffectMoment:
    classes = {klass: sum(one.classes[klass] for one in group) / len(group) for klass in CLASSES}
    labels = spread(classes)
    return perception_pb2.AffectMoment(
        span=affect_pb2.TimeSpan(start_s=group[0].start_s, end_s=group[-1].end_s),
        classes=_distribution(classes),
        valence=sum(p * VALENCE[label] for label, p in labels.items()),
        arousal=sum(p * AROUSAL[label] for label, p in labels.items()),
        confidence=sureness(classes),
    )


def _distribution(by_label: Mapping[str, float]) -> affect_pb2.Distribution:
    total = sum(by_label.values())
    ordered = sorted(by_label.items(), key=lambda item: (-item[1], item[0]))
    return affect_pb2.Distribution(
        entries=[affect_pb2.LabelProbability(label=k, probability=p / total) for k, p in ordered]
    )
