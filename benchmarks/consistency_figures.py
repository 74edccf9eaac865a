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
_NEVER = frozenset({"angry", "fear", "disgusted", "contempt"})


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


def summary(replies: Sequence[Json]) -> list[Measure]:
    """Sums up what `measured` found."""
    return [*_content(replies), *_style(replies), *_consistency(replies), *_empathy(replies)]


def _content(replies: Sequence[Json]) -> list[Measure]:
    spoken = [one for one in replies if "edits" in one]
    total = sum(len(words(one["text"])) for one in spoken)
    no_speech, filmed = _without(replies, "edits", "speech"), [one for one in replies if "same_sound" in one]
    shown = sorted(one["offset_ms"] for one in replies if "offset_ms" in one)
    no_offset, no_film = _without(replies, "offset_ms", "offset"), _without(replies, "same_sound", "video")
    late, middle, early = np.percentile(shown, (1, 50, 99)) if shown else (None, None, None)

    def speech(name: str, value: float | None, meaning: str) -> Measure:
        return Measure(name, "SCA", value, "", len(spoken), no_speech, meaning)

    def lips(name: str, value: float | None, unit: str, meaning: str) -> Measure:
        return Measure(name, "VCA", value, unit, len(shown), no_offset, meaning)

    def film(name: str, value: float | None, unit: str, meaning: str) -> Measure:
        return Measure(name, "VCA", value, unit, len(filmed), no_film, meaning)

    return [
        speech(
            "word_error_rate",
            sum(one["edits"] for one in spoken) / total if total else None,
            "own recognizer on the voice against the reply's text; it errs on people, too",
        ),
        speech(
            "words_heard",
            sum(one["hits"] for one in spoken) / total if total else None,
            "share of the text's words that it heard",
        ),
        lips("offset_p50", _number(middle), "ms", "lips against voice in the mp4; positive: sound early"),
        lips("offset_p1", _number(late), "ms", "the latest sound"),
        lips("offset_p99", _number(early), "ms", "the earliest sound"),
        lips(
            "offset_unnoticed",
            _mean([LATE_MS <= ms <= EARLY_MS for ms in shown]),
            "",
            "share within -125 to +45 ms, where it is not noticed (ITU-R BT.1359)",
        ),
        film(
            "same_sound",
            min((one["same_sound"] for one in filmed), default=None),
            "",
            "lowest correlation of the mp4's sound with the wav",
        ),
        film(
            "longer",
            max((one["longer_s"] for one in filmed), key=abs, default=None),
            "s",
            "largest difference of length, mp4 less wav; a closing mouth takes 0.3 s",
        ),
    ]


def _style(replies: Sequence[Json]) -> list[Measure]:
    measures = []
    for modality, scale, judge in (("speech", "SEA", "voice"), ("face", "VEA", "face")):
        judged = [one for one in replies if modality in one]
        clear = [one for one in judged if one["intended"] != NEUTRAL]
        left = Counter(_without(replies, modality, modality))
        left += Counter({"shows neutral, which is no class": len(judged) - len(clear)})
        measures += [
            Measure(
                f"{judge}_class",
                scale,
                _mean([_top(one[modality]) == one["intended"] for one in clear]),
                "",
                len(clear),
                left,
                f"share whose {judge} is judged to be the emotion that was meant; the judge is weak",
            ),
            Measure(
                f"{judge}_probability",
                scale,
                _mean([one[modality].get(one["intended"], 0.0) for one in clear]),
                "",
                len(clear),
                left,
                f"mean probability it gives to the emotion that was meant; a guess is {1 / len(CLASSES):.2f}",
            ),
        ]
    for control, trait, scale, meaning in _FOLLOWED:
        pairs = [pair for one in replies if (pair := _pair(one, control, trait))]
        value = correlation([a for a, _ in pairs], [b for _, b in pairs]) if len(pairs) >= _FEWEST else None
        reasons = {"not judged": len(replies) - len(pairs)}
        if value is None:
            reasons = {f"too few, or all with the same {control}": len(replies)}
        measures.append(
            Measure(
                f"{control}_followed",
                scale,
                value,
                "",
                len(pairs) if value is not None else 0,
                reasons,
                meaning,
            )
        )
    return measures


_FOLLOWED = (
    ("pitch_shift_st", "pitch_st", "SEA", "correlation over replies: pitch asked for, pitch measured"),
    ("pitch_range", "pitch_range_st", "SEA", "the same of the width of its movement"),
    ("rate", "letters_per_s", "SEA", "the same of speed, measured in letters a second"),
    ("energy_db", "loudness_lufs", "SEA", "the same of loudness"),
    ("smile", "happy", "VEA", "correlation over replies: smile asked for, how happy the face is judged"),
    ("brow_inner_up", "sad", "VEA", "the same of raised inner brows, how sad the face is judged"),
)


def _pair(one: Json, control: str, trait: str) -> tuple[float, float] | None:
    found = one.get("face") if trait in CLASSES else one.get("traits")
    if not found or not math.isfinite(found.get(trait, math.nan)):
        return None
    return one["controls"].get(control, 0.0), found[trait]


def _consistency(replies: Sequence[Json]) -> list[Measure]:
    whole = [one for one in replies if "edits" in one and "offset_ms" in one]
    both = [one for one in replies if "speech" in one and "face" in one]
    missing = {"lacks a part that could be measured": len(replies) - len(whole)}
    unjudged = {"voice or face not judged": len(replies) - len(both)}
    own = [_alike(one, one) for one in both]
    others = [_alike(one, other) for one in both for other in both if one is not other]

    def style(name: str, value: float | None, meaning: str) -> Measure:
        return Measure(name, "MSC", value, "", len(both), unjudged, meaning)

    return [
        Measure(
            "content_agrees",
            "MCC",
            _mean([_agrees(one) for one in whole]),
            "",
            len(whole),
            missing,
            "share with half the words heard, lips in time and the same sound in wav and mp4",
        ),
        style(
            "classes_agree",
            _mean([_top(one["speech"]) == _top(one["face"]) == one["intended"] for one in both]),
            "share whose voice and face are both judged to be what was meant",
        ),
        style(
            "similarity",
            _mean(own),
            "mean Jensen-Shannon similarity of voice, face and intention, 0 to 1",
        ),
        style(
            "similarity_of_strangers",
            _mean(others),
            "the same with voice, face and intention of different replies: what chance gives",
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
    def share(name: str, right: list[bool], meaning: str) -> Measure:
        return Measure(name, "empathy", _mean(right), "", len(right), {}, meaning)

    return [
        share(
            "suits_found",
            [one["intended"] in SUITS[one["found"]] for one in replies],
            "share whose style suits the feeling that was found: concern, not anger or fear, shown back",
        ),
        share(
            "suits_felt",
            [one["intended"] in SUITS[one["felt"]] for one in replies],
            "share whose style suits the feeling that the person named afterwards",
        ),
        share(
            "hostile_or_afraid",
            [one["intended"] in _NEVER for one in replies],
            "share that shows anger, fear, disgust or contempt; should be 0",
        ),
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


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
