"""Mouth shapes of speech, blended as a mouth blends them.

Coarticulation follows the dominance model of Cohen and Massaro (1993): each viseme pulls towards its shape
with a strength that falls off before and after it, and the mouth is the weighted mean. Lips that must
close (p, b, m) or meet the teeth (f, v) are then closed in any case.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from empatheia.common.v1 import content_pb2
from numpy.typing import NDArray

from services.avatar.rig import SHAPES

_ANTICIPATION_S = 0.035
"""Lips lead the sound; with the fall-off below, movement begins about 80 ms before it."""


@dataclass(frozen=True)
class Target:
    """What a viseme asks of the face."""

    shapes: Mapping[str, float]
    pull: float = 1.0
    """How strongly it holds against its neighbours."""
    reach_s: float = 0.07
    """How fast its pull falls off outside of it."""


def _both(**weights: float) -> dict[str, float]:
    return {name + side: weight for name, weight in weights.items() for side in ("Left", "Right")}


TARGETS: Mapping[str, Target] = {
    "sil": Target({}, 0.5, 0.09),
    "PP": Target({"mouthRollLower": 0.25, "mouthRollUpper": 0.2} | _both(mouthPress=0.4), 3.0, 0.045),
    "FF": Target({"jawOpen": 0.07, "mouthRollLower": 0.75} | _both(mouthUpperUp=0.35), 2.4, 0.05),
    "TH": Target({"jawOpen": 0.20, "tongueOut": 0.8} | _both(mouthLowerDown=0.15, mouthUpperUp=0.1), 1.2),
    "DD": Target({"jawOpen": 0.17, "tongueOut": 0.45} | _both(mouthLowerDown=0.2, mouthUpperUp=0.1), 0.9),
    "kk": Target({"jawOpen": 0.22} | _both(mouthLowerDown=0.1, mouthStretch=0.1), 0.7),
    "CH": Target({"jawOpen": 0.14, "mouthFunnel": 0.65} | _both(mouthUpperUp=0.2, mouthLowerDown=0.2), 1.5),
    "SS": Target({"jawOpen": 0.08} | _both(mouthStretch=0.35, mouthLowerDown=0.35, mouthUpperUp=0.2), 1.3),
    "nn": Target({"jawOpen": 0.16, "tongueOut": 0.5} | _both(mouthLowerDown=0.12), 0.8),
    "RR": Target({"jawOpen": 0.16, "mouthFunnel": 0.4, "mouthPucker": 0.25}, 1.1),
    "aa": Target({"jawOpen": 0.66} | _both(mouthLowerDown=0.25, mouthUpperUp=0.15), 1.2, 0.09),
    "E": Target(
        {"jawOpen": 0.38} | _both(mouthStretch=0.35, mouthLowerDown=0.2, mouthUpperUp=0.12), 1.1, 0.08
    ),
    "I": Target(
        {"jawOpen": 0.22} | _both(mouthStretch=0.5, mouthLowerDown=0.2, mouthUpperUp=0.12), 1.1, 0.08
    ),
    "O": Target({"jawOpen": 0.45, "mouthPucker": 0.5, "mouthFunnel": 0.35}, 1.3, 0.09),
    "U": Target({"jawOpen": 0.22, "mouthPucker": 0.85, "mouthFunnel": 0.2}, 1.4, 0.09),
}
"""The 15 visemes of the MPEG-4 / Oculus set as ARKit blendshapes."""

_INDEX = {name: index for index, name in enumerate(SHAPES)}
_ARRAYS = {
    name: np.array([target.shapes.get(shape, 0.0) for shape in SHAPES]) for name, target in TARGETS.items()
}
_OPENING = [
    _INDEX[name]
    for name in (
        "jawOpen", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight",
        "mouthFunnel", "tongueOut",
    )
]  # fmt: skip


@dataclass(frozen=True)
class MouthMoment:
    """The mouth at one moment, before loudness."""

    shapes: NDArray[np.float64]
    """Weights in the order of `rig.SHAPES`."""
    closure: float
    """1 where the lips must touch."""
    lip_to_teeth: float
    """1 where the lower lip must meet the upper teeth."""


class VisemeTrack:
    """The visemes of a reply so far, on the speech clock."""

    def __init__(self, frame_s: float) -> None:
        """Starts empty.

        Args:
            frame_s: Time between pictures; a closure is held at least so long, so that one shows it.
        """
        self._frame_s = frame_s
        self._items: list[content_pb2.Viseme] = []
        self._ends: list[float] = []

    def add(self, visemes: Iterable[content_pb2.Viseme]) -> None:
        """Takes further visemes, in order of time."""
        for item in visemes:
            self._items.append(item)
            self._ends.append(item.end_s)

    @property
    def begun(self) -> bool:
        """Whether any viseme has come."""
        return bool(self._items)

    def at(self, time_s: float) -> MouthMoment:
        """The mouth at a moment of the speech clock."""
        first = bisect_left(self._ends, time_s - 0.4)
        total = np.zeros(len(SHAPES))
        weight, closure, teeth = 0.05, 0.0, 0.0
        for item in self._items[first:]:
            if item.start_s > time_s + 0.4:
                break
            target = TARGETS[item.name]
            start, end = item.start_s - _ANTICIPATION_S, item.end_s - 0.6 * _ANTICIPATION_S
            outside = max(start - time_s, time_s - end, 0.0)
            # A short sound weakens at its edges too, so that a chain of them does not flutter.
            middle, half = (start + end) / 2, max((end - start) / 2, 0.02)
            within = 1.0 - 0.35 * min(1.0, abs(time_s - middle) / half)
            pull = target.pull * within * float(np.exp(-((outside / target.reach_s) ** 1.5) * 2.2))
            strength = item.weight if item.weight > 0 else 1.0
            total += pull * strength * _ARRAYS[item.name]
            weight += pull
            if item.name == "PP":
                closure = max(closure, self._hold(time_s, item))
            elif item.name == "FF":
                teeth = max(teeth, self._hold(time_s, item))
        return MouthMoment(total / weight, closure, teeth)

    def _hold(self, time_s: float, item: content_pb2.Viseme) -> float:
        """1 during a closure, with soft sides."""
        middle = (item.start_s + item.end_s) / 2
        half = max((item.end_s - item.start_s) / 2, 0.51 * self._frame_s)
        outside = max(abs(time_s - middle) - half, 0.0)
        t = min(outside / 0.06, 1.0)
        return 1.0 - t * t * (3 - 2 * t)


def close_lips(shapes: NDArray[np.float64], closure: float, lip_to_teeth: float) -> None:
    """Brings the lips together, or the lower lip to the teeth, in place."""
    shapes[_OPENING] *= 1.0 - closure
    shapes[_INDEX["mouthPucker"]] *= 1.0 - 0.5 * closure
    for side in ("Left", "Right"):
        name = "mouthPress" + side
        shapes[_INDEX[name]] = max(shapes[_INDEX[name]], 0.45 * closure)
    hold = lip_to_teeth * (1 - closure)
    jaw = _INDEX["jawOpen"]
    shapes[jaw] += hold * (min(shapes[jaw], 0.08) - shapes[jaw])
    shapes[_INDEX["mouthRollLower"]] = max(shapes[_INDEX["mouthRollLower"]], 0.75 * hold)
    for side in ("Left", "Right"):
        lower = _INDEX["mouthLowerDown" + side]
        shapes[lower] *= 1 - hold
