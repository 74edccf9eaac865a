"""Mouth shapes of speech sounds: the 15 visemes of the MPEG-4 / Oculus set.

The classes follow the reference table of Meta's Oculus Lipsync ("Viseme Reference"); sounds that the table
lacks are put with the one that looks nearest.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

NAMES = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U")

_SHAPES: dict[str, str] = {
    "PP": "pbmɓʙ",
    "FF": "fvɱʋɸβ",
    "TH": "θð",
    "DD": "tdʈɖɾ",
    "kk": "kɡgŋqɢxɣχʁʔħʕ",
    "CH": "ʃʒɕʑçc",
    "SS": "szʂʐ",
    "nn": "nlɲɳɫɬʎ",
    "RR": "rɹɻɚɝɜʀ",
    "aa": "aɑɐæʌɒ",
    "E": "eɛəɘøœ",
    "I": "iɪɨjyʏ",
    "O": "oɔɵ",
    "U": "uʊwʉɯɥ",
}
_SHAPE_OF_SYMBOL = {symbol: name for name, symbols in _SHAPES.items() for symbol in symbols}
_AFFRICATES = ("tʃ", "dʒ")
_VOWELS = frozenset({"aa", "E", "I", "O", "U"})
_VOWEL_WEIGHTS = {0: 0.65, 1: 0.8, 2: 1.0}
_CONSONANT_WEIGHTS = {"PP": 1.0, "FF": 0.9, "CH": 0.85, "SS": 0.7, "TH": 0.8, "RR": 0.7}
_OTHER_CONSONANT = 0.55
_BREATHED = "h"
_BREATHED_WEIGHT = 0.4
_FIRST_OF_TWO = 0.6
"""Share of a diphthong's time that its first shape takes."""


@dataclass(frozen=True)
class Shape:
    """A mouth shape over time."""

    name: str
    start_s: float
    end_s: float
    weight: float


def shapes(sounds: Iterable[tuple[str, int, float, float]]) -> list[Shape]:
    """Gives the mouth shapes of a row of sounds.

    Args:
        sounds: IPA symbol (empty for a pause), stress (0 to 2), start and end in seconds; without gaps.

    Returns:
        Shapes without gaps over the same time; neighbours differ in name.
    """
    found = [shape for sound in sounds for shape in _of_sound(*sound)]
    # An "h" has no shape of its own: the mouth is already where the next sound needs it.
    for i in range(len(found) - 1, -1, -1):
        if found[i].name == _BREATHED:
            ahead = found[i + 1].name if i + 1 < len(found) else "sil"
            found[i] = Shape(ahead, found[i].start_s, found[i].end_s, _BREATHED_WEIGHT)
    merged: list[Shape] = []
    for shape in found:
        if merged and merged[-1].name == shape.name:
            last = merged[-1]
            merged[-1] = Shape(last.name, last.start_s, shape.end_s, max(last.weight, shape.weight))
        else:
            merged.append(shape)
    return merged


def _of_sound(ipa: str, stress: int, start_s: float, end_s: float) -> Iterator[Shape]:
    names = _names(ipa)
    if len(names) == 1:
        cuts = [start_s, end_s]
    else:
        rest = (1 - _FIRST_OF_TWO) / (len(names) - 1)
        shares = [0.0, *(_FIRST_OF_TWO + rest * i for i in range(len(names)))]
        cuts = [start_s + share * (end_s - start_s) for share in shares]
        cuts[-1] = end_s
    for name, (start, end) in zip(names, pairwise(cuts), strict=True):
        yield Shape(name, start, end, _weight(name, stress))


def _names(ipa: str) -> list[str]:
    if not ipa:
        return ["sil"]
    if ipa.startswith(_AFFRICATES):
        return ["CH"]
    names: list[str] = []
    for symbol in ipa:
        name = _BREATHED if symbol in "hɦ" else _SHAPE_OF_SYMBOL.get(symbol)
        if name and name not in names[-1:]:
            names.append(name)
    return names or ["E"]


def _weight(name: str, stress: int) -> float:
    if name in _VOWELS:
        return _VOWEL_WEIGHTS[stress]
    return 1.0 if name == "sil" else _CONSONANT_WEIGHTS.get(name, _OTHER_CONSONANT)
