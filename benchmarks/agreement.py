"""How far two sequences of words, two distributions, two rows of numbers agree."""

import re
from collections.abc import Mapping, Sequence

import numpy as np

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)*")


def words(text: str) -> list[str]:
    """The words of an English text, without case and punctuation."""
    return _WORD.findall(text.lower().replace("’", "'"))


def heard(said: Sequence[str], transcript: Sequence[str]) -> tuple[int, int]:
    """Aligns what was heard with what was said, with the fewest edits.

    Returns:
        Substitutions, deletions and insertions together (the numerator of the word error rate), and how many
        of the words said were heard (the most that an alignment with so few edits allows).
    """
    row = [(edits, 0) for edits in range(len(transcript) + 1)]
    for done, word in enumerate(said, 1):
        above, row = row, [(done, 0)]
        for column, other in enumerate(transcript, 1):
            right = word == other
            diagonal = (above[column - 1][0] + (not right), above[column - 1][1] - right)
            row.append(
                min(
                    diagonal,
                    (above[column][0] + 1, above[column][1]),
                    (row[-1][0] + 1, row[-1][1]),
                )
            )
    edits, hits = row[-1]
    return edits, -hits


def similarity(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    """1 less the Jensen-Shannon divergence in bits (Lin 1991): 1 for the same, 0 for nothing in common."""
    names = sorted({*first, *second})
    p = np.array([first.get(name, 0.0) for name in names])
    q = np.array([second.get(name, 0.0) for name in names])
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2

    def divergence(side: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
        inside = side > 0
        return float((side[inside] * np.log2(side[inside] / middle[inside])).sum())

    return 1 - (divergence(p) + divergence(q)) / 2


def correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Pearson's; None where one of them stays the same."""
    a, b = np.asarray(first, float), np.asarray(second, float)
    if np.ptp(a) < 1e-9 or np.ptp(b) < 1e-9:
        return None
    return float(np.corrcoef(a, b)[0, 1])
