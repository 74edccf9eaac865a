"""The figures of `empatheia evaluate consistency`, from what was measured of each reply."""

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.agreement import correlation, similarity, words
from runtime.emotions import CLASSES, NEUTRAL

Json = dict[str, Any]

EARLY_MS, LATE_MS = 45.0, -125.0
"""ITU-R BT.1359: sound this early or this late is noticed; positive is sound before its picture."""
_SAME_SOUND = 0.95
_HEARD = 0.5
_FEWEST = 4
"""Replies that a correlation over replies needs."""
_CONCERN = frozenset({"sad", NEUTRAL})
SUITS: Mapping[str, frozenset[str]] = {
    "happy": frozenset({"happy"}),
    "surprised": frozenset({"surprised", "happy"}),
    **dict.fromkeys(("angry", "fear", "sad", "disgusted", "contempt"), _CONCERN),
}
"""What a listener may show, by what the person feels: hostile and frightened feelings meet concern."""


@dataclass(frozen=True)
class Measure:
    """A figure and what it means."""

    name: str
    stands_for: str
    """Scale of the paper."""
    value: float | None
    unit: str
    n: int
    unmeasured: Mapping[str, int]
    """How many replies are left out, by reason."""
    meaning: str
    beside: Mapping[str, float | None]
    """Figures that it is made of, or that it is to be compared with."""


def summary(replies: Sequence[Json]) -> list[Measure]:
    """Sums up what was measured of each reply."""
    return [*_content(replies), *_style(replies), *_consistency(replies), *_empathy(replies)]


def _content(replies: Sequence[Json]) -> list[Measure]:
    spoken = [one for one in replies if "edits" in one]
    filmed = [one for one in replies if "same_sound" in one]
    offsets = [one["offset_ms"] for one in replies if "offset_ms" in one]
    said = sum(len(words(one["text"])) for one in spoken)
    return [
        Measure(
            name="word_error_rate",
            stands_for="SCA",
            value=sum(one["edits"] for one in spoken) / said if said else None,
            unit="",
            n=len(spoken),
            unmeasured=_without(replies, "edits", "speech"),
            meaning="own recognizer on the voice against the reply's text; it errs on people, too",
            beside={"words_heard": sum(one["hits"] for one in spoken) / said if said else None},
        ),
        Measure(
            name="offset_p50",
            stands_for="VCA",
            value=_percentile(offsets, 50),
            unit="ms",
            n=len(offsets),
            unmeasured=_without(replies, "offset_ms", "offset"),
            meaning="lips to voice in the mp4, positive: sound early; -125 to +45 is unnoticed (BT.1359)",
            beside={"p1": _percentile(offsets, 1), "p99": _percentile(offsets, 99)},
        ),
        Measure(
            name="same_sound",
            stands_for="VCA",
            value=min((one["same_sound"] for one in filmed), default=None),
            unit="",
            n=len(filmed),
            unmeasured=_without(replies, "same_sound", "video"),
            meaning="lowest correlation of the sound of mp4 and wav; a closing mouth adds 0.3 s",
            beside={"longer_s": max((one["longer_s"] for one in filmed), key=abs, default=None)},
        ),
    ]


def _style(replies: Sequence[Json]) -> list[Measure]:
    return [
        _judged(replies, "speech", "SEA", "share whose voice is judged as was meant; weak judge, of people"),
        _followed(replies, "voice_followed", "SEA", "mean correlation, over replies, of controls and sound"),
        _judged(
            replies, "face", "VEA", "share whose face is judged as was meant; weak judge, of photographs"
        ),
        _followed(replies, "face_followed", "VEA", "mean correlation of controls and what the judge sees"),
    ]


def _judged(replies: Sequence[Json], modality: str, scale: str, meaning: str) -> Measure:
    judged = [one for one in replies if modality in one]
    clear = [one for one in judged if one["intended"] != NEUTRAL]
    left = Counter(_without(replies, modality, modality))
    left += Counter({_NO_CLASS: len(judged) - len(clear)})
    meant = Counter(one["intended"] for one in clear)
    return Measure(
        name=f"{modality}_class",
        stands_for=scale,
        value=_mean([_top(one[modality]) == one["intended"] for one in clear]),
        unit="",
        n=len(clear),
        unmeasured=left,
        meaning=meaning,
        beside={
            "always_the_commonest": max(meant.values()) / len(clear) if clear else None,
            "probability": _mean([one[modality].get(one["intended"], 0.0) for one in clear]),
        },
    )


_NO_CLASS = "meant to be neutral, which is no class"
_FOLLOWED = {
    "voice_followed": {
        "pitch_shift_st": "pitch_st",
        "pitch_range": "pitch_range_st",
        "rate": "letters_per_s",
        "energy_db": "loudness_lufs",
    },
    "face_followed": {"smile": "happy", "brow_inner_up": "sad"},
}
"""Controls, and the trait of the voice or the judged class of the face that should move with each."""


def _followed(replies: Sequence[Json], name: str, scale: str, meaning: str) -> Measure:
    beside: dict[str, float | None] = {}
    unmeasured: dict[str, int] = {}
    counted = 0
    for control, trait in _FOLLOWED[name].items():
        pairs = [pair for one in replies if (pair := _pair(one, control, trait))]
        beside[control] = None
        if len(pairs) >= _FEWEST:
            beside[control] = correlation([a for a, _ in pairs], [b for _, b in pairs])
        if beside[control] is None:
            unmeasured[f"{control}: too few, or all alike"] = len(replies)
        else:
            counted = max(counted, len(pairs))
    value = _mean([fit for fit in beside.values() if fit is not None])
    return Measure(name, scale, value, "", counted, unmeasured, meaning, beside)


def _pair(one: Json, control: str, trait: str) -> tuple[float, float] | None:
    found = one.get("face") if trait in CLASSES else one.get("traits")
    if not found or not math.isfinite(found.get(trait, math.nan)):
        return None
    return one["controls"].get(control, 0.0), found[trait]


def _consistency(replies: Sequence[Json]) -> list[Measure]:
    whole = [one for one in replies if "edits" in one and "offset_ms" in one]
    both = [one for one in replies if "speech" in one and "face" in one]
    clear = [one for one in both if one["intended"] != NEUTRAL]
    unjudged = {"voice or face not judged": len(replies) - len(both)}
    others = [_alike(one, other) for one in both for other in both if one is not other]
    return [
        Measure(
            name="content_agrees",
            stands_for="MCC",
            value=_mean([_agrees(one) for one in whole]),
            unit="",
            n=len(whole),
            unmeasured={"speech, or lips, not measured": len(replies) - len(whole)},
            meaning="share with half the words heard, lips in time, and one sound in wav and mp4",
            beside={},
        ),
        Measure(
            name="style_agrees",
            stands_for="MSC",
            value=_mean([_top(one["speech"]) == _top(one["face"]) == one["intended"] for one in clear]),
            unit="",
            n=len(clear),
            unmeasured=unjudged | {_NO_CLASS: len(both) - len(clear)},
            meaning="share whose voice and face are both judged as was meant",
            beside={},
        ),
        Measure(
            name="similarity",
            stands_for="MSC",
            value=_mean([_alike(one, one) for one in both]),
            unit="",
            n=len(both),
            unmeasured=unjudged,
            meaning="Jensen-Shannon, of intention, voice and face; of_strangers: of different replies",
            beside={"of_strangers": _mean(others)},
        ),
    ]


def _agrees(one: Json) -> bool:
    in_time = LATE_MS <= one["offset_ms"] <= EARLY_MS
    understood = one["hits"] >= _HEARD * len(words(one["text"]))
    return bool(in_time and understood and one["same_sound"] >= _SAME_SOUND)


def _alike(one: Json, other: Json) -> float:
    """Mean similarity of intention, voice and face, the latter two of another reply if so wished."""
    meant = dict.fromkeys(CLASSES, (1 - one["intensity"]) / len(CLASSES))
    if one["intended"] == NEUTRAL:
        meant = dict.fromkeys(CLASSES, 1 / len(CLASSES))
    else:
        meant[one["intended"]] += one["intensity"]
    pairs = ((meant, other["speech"]), (meant, other["face"]), (one["speech"], other["face"]))
    return statistics.fmean(similarity(a, b) for a, b in pairs)


def _empathy(replies: Sequence[Json]) -> list[Measure]:
    return [
        Measure(
            name="suits_the_person",
            stands_for="empathy",
            value=_mean([one["intended"] in SUITS[one["felt"]] for one in replies]),
            unit="",
            n=len(replies),
            unmeasured={},
            meaning="share whose style suits what was felt: joy shared, anger and fear met with concern",
            beside={"as_found": _mean([one["intended"] in SUITS[one["found"]] for one in replies])},
        )
    ]


def _without(replies: Sequence[Json], key: str, cause: str) -> dict[str, int]:
    reasons = (
        one["unmeasured"].get(cause) or "speech or video was not made" for one in replies if key not in one
    )
    return dict(Counter(reasons))


def _top(classes: Mapping[str, float]) -> str:
    return max(classes, key=classes.__getitem__)


def _mean(values: Sequence[float]) -> float | None:
    return float(statistics.fmean(values)) if values else None


def _percentile(values: Sequence[float], share: float) -> float | None:
    return float(np.percentile(values, share)) if values else None
