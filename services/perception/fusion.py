"""Puts what text, speech and face say together, and finds where they disagree."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from empatheia.common.v1 import affect_pb2
from empatheia.perception.v1 import perception_pb2
from numpy.typing import NDArray

from runtime.emotions import CLASS_OF_LABEL, CLASSES, NEUTRAL
from services.perception.judgement import Judgement, affect

Floats = NDArray[np.float64]

_SUBJECT = {"text": "the words say", "speech": "the voice says", "face": "the face says"}
_MIN_STRENGTH = 0.4
_MIN_CONFIDENCE = 0.25
_DOUBT = 0.25
"""Share of chance in the judgement of a model that is no better than a guess."""
_MOST_EVIDENCE = 2
_MOST_QUOTED = 8
"""Words of a quotation; longer ones are cut."""


def fuse(judgements: Mapping[str, Judgement]) -> affect_pb2.Affect:
    """One affect out of those that are present.

    The 7-class distributions are multiplied (a product of experts, Hinton 2002): two that agree are surer
    than each, and two that disagree cancel out. So that no model can rule out alone what the others see,
    each is first mixed with chance, the more the less reliable it was measured to be; words that may have
    been misheard are flattened. The words decide how the mass of a class is shared out among its labels.

    Args:
        judgements: By modality; absent ones are left out. At least one must be present.
    """
    present = {name: judgement for name, judgement in judgements.items() if judgement.present}
    alone = len(present) == 1
    product = np.prod([_opinion(judgement, alone) for judgement in present.values()], axis=0)
    classes = dict(zip(CLASSES, (product / product.sum()).tolist(), strict=True))
    finest = present.get("text") or next(iter(present.values()))
    within = finest.classes
    labels = {
        label: classes[klass] * finest.labels[label] / max(within[klass], 1e-9)
        for label, klass in CLASS_OF_LABEL.items()
    }
    fused = Judgement(labels=labels)
    evidence = [e for j in present.values() for e in j.evidence[:_MOST_EVIDENCE]]
    return affect(labels, fused.confidence, tuple(evidence))


def _opinion(judgement: Judgement, alone: bool) -> Floats:
    """A judgement as a factor, (7,)."""
    shares = np.array([judgement.classes[klass] for klass in CLASSES]) ** judgement.trust
    chance = 0.0 if alone else (1 - judgement.reliability) * _DOUBT
    opinion: Floats = (1 - chance) * shares / shares.sum() + chance / len(CLASSES)
    return opinion


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
