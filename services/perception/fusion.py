"""Puts what text, speech and face say together, and finds where they disagree."""

from collections.abc import Mapping
from itertools import combinations

from empatheia.common.v1 import affect_pb2
from empatheia.perception.v1 import perception_pb2

from runtime.emotions import CLASS_OF_LABEL, CLASSES, NEUTRAL
from services.perception.judgement import Judgement, affect

_SUBJECT = {"text": "the words say", "speech": "the voice says", "face": "the face says"}
_MIN_STRENGTH = 0.4
_MIN_CONFIDENCE = 0.25
_MOST_EVIDENCE = 2
_MOST_QUOTED = 8
"""Words of a quotation; longer ones are cut."""


def fuse(judgements: Mapping[str, Judgement]) -> affect_pb2.Affect:
    """One affect out of those that are present.

    The 7-class distributions are averaged (a linear opinion pool, Stone 1961), each weighted by its
    confidence times its model's measured reliability, so that an unsure or weak modality moves little. The
    words decide how the mass of a class is shared out among its labels. The confidence is that of the
    pooled distribution: disagreement flattens it, and so lowers it.

    Args:
        judgements: By modality; absent ones are left out. At least one must be present.
    """
    present = {name: judgement for name, judgement in judgements.items() if judgement.present}
    weight = {name: 0.01 + j.confidence * j.reliability for name, j in present.items()}
    total = sum(weight.values())
    classes = {
        klass: sum(weight[name] * j.classes[klass] for name, j in present.items()) / total
        for klass in CLASSES
    }
    finest = present.get("text") or next(iter(present.values()))
    within = finest.classes
    labels = {
        label: classes[klass] * finest.labels[label] / max(within[klass], 1e-9)
        for label, klass in CLASS_OF_LABEL.items()
    }
    fused = Judgement(labels=labels)
    evidence = [e for j in present.values() for e in j.evidence[:_MOST_EVIDENCE]]
    return affect(labels, fused.confidence, tuple(evidence))


def conflicts(judgements: Mapping[str, Judgement]) -> list[perception_pb2.Conflict]:
    """Pairs of modalities that say different things, strongest first.

    A conflict needs two judgements with some confidence, neither of them neutral, whose likeliest classes
    differ and whose distributions are at least 0.4 apart.
    """
    found = []
    sure = [
        (name, j)
        for name, j in judgements.items()
        if j.present and j.confidence >= _MIN_CONFIDENCE and j.word != NEUTRAL
    ]
    for (first, one), (second, other) in combinations(sure, 2):
        strength = _total_variation(one.classes, other.classes)
        if strength < _MIN_STRENGTH or _top(one) == _top(other):
            continue
        found.append(
            perception_pb2.Conflict(
                first=first,
                second=second,
                description=f"{_sentence(first, one)}, {_sentence(second, other)}",
                strength=strength,
                evidence=[*one.evidence[:_MOST_EVIDENCE], *other.evidence[:_MOST_EVIDENCE]],
            )
        )
    return sorted(found, key=lambda conflict: -conflict.strength)


def _sentence(name: str, judgement: Judgement) -> str:
    """What a modality says, with the words or the seconds that it rests on most."""
    said = f"{_SUBJECT[name]} {judgement.word}"
    quoted = next((e.text.text.split() for e in judgement.evidence if e.text.text), None)
    if quoted:
        cut = "…" if len(quoted) > _MOST_QUOTED else ""
        return f'{said} ("{" ".join(quoted[:_MOST_QUOTED])}{cut}")'
    spans = [getattr(e, kind) for e in judgement.evidence for kind in ("audio", "face") if e.HasField(kind)]
    if not spans:
        return said
    # Beside the stretch that speaks most for it there may be the utterance as a whole.
    shortest = min(spans, key=lambda span: span.end_s - span.start_s)
    return f"{said} ({shortest.start_s:.1f}-{shortest.end_s:.1f} s)"


def _top(judgement: Judgement) -> str:
    return max(CLASSES, key=lambda klass: judgement.classes[klass])


def _total_variation(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    return sum(abs(one[klass] - other[klass]) for klass in CLASSES) / 2
