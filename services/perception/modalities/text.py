"""What the words say."""

import re
from collections.abc import Sequence

import numpy as np
from empatheia.common.v1 import affect_pb2
from numpy.typing import NDArray

from runtime.models import weight_hash
from services.perception.judgement import Judgement, absent
from services.perception.model import WEIGHTS, Floats, Judge, read_weights
from services.perception.said import Said
from services.perception.sentences import MODEL_ID, Encoder, sentence_vector

PATH = WEIGHTS / "text.safetensors"
Piece = tuple[Said, tuple[int, int]]
"""A part of what was said: from one character to another."""
_CLAUSE = re.compile(
    r"[^.!?;:,\n]+?(?:[.!?;:,\n]+|(?=\s(?:but|because|and|when|so|although|then)\s)|$)", re.I
)
_WORD = re.compile(r"[\w'’-]+")
_MOST_CLAUSES = 12
_MOST_WORDS = 16
_MOST_EVIDENCE = 3
_MIN_WEIGHT = 0.05


def joined(turns: Sequence[str]) -> str:
    """The person's turns as the one text that is judged: training and use must agree on it."""
    return " ".join(turn.strip() for turn in turns)


class TextModality:
    """Judges the person's words, newest last, over the 32 labels."""

    def __init__(self) -> None:
        """Loads judge and encoder.

        Raises:
            WeightsMissing: The weights are not there, damaged, or tuned from another encoder.
        """
        self._judge = Judge.load(PATH)
        self._encoder = Encoder(read_weights(PATH)[0])

    def judge(self, said: Sequence[Said]) -> Judgement:
        """Judges what the person said so far.

        Args:
            said: The person's turns of the dialogue, oldest first.
        """
        last = said[-1].text if said else ""
        if not _WORD.search(last) or not self._encoder.knows_words(last):
            return absent("no words that the model knows")
        clauses = _clauses(said)
        # One pass for the whole text and for what is left without each clause.
        features = self._encoder.encode(
            [joined([s.text for s in said]), *(_without(said, piece) for piece in clauses)]
        )
        probabilities = self._judge.probabilities(features)
        labels = dict(zip(self._judge.labels, probabilities[0].tolist(), strict=True))
        top = int(probabilities[0].argmax())
        return Judgement(
            labels=labels,
            evidence=tuple(self._evidence(said, clauses, probabilities[:, top], self._judge.labels[top])),
            reliability=self._judge.reliability,
            feature=sentence_vector(features[:1]),
            model_id=MODEL_ID,
            weight_hash=weight_hash(PATH),
            word=self._judge.labels[top],
        )

    def _evidence(
        self, said: Sequence[Said], clauses: Sequence[Piece], shares: Floats, label: str
    ) -> list[affect_pb2.Evidence]:
        """The words without which the judgement would be less sure.

        Each clause is left out in turn, then, inside the clause that counts most, each word; the weight is
        the share of the label's probability that goes with it.

        Args:
            said: The person's turns.
            clauses: The newest clauses of the turns, at least one.
            shares: (1 + clauses,), the label's probability with everything and without each clause.
            label: The likeliest.
        """
        drops = _drops(shares[1:], float(shares[0]))
        order = np.argsort(-drops)
        best, (start, end) = clauses[int(order[0])]
        words = [(best, (start + m.start(), start + m.end())) for m in _WORD.finditer(best.text[start:end])]
        words = words[:_MOST_WORDS]
        left = self._judge.probabilities(self._encoder.encode([_without(said, word) for word in words]))
        word_drops = _drops(left[:, self._judge.labels.index(label)], float(shares[0]))
        found = [(clauses[i], float(drops[i])) for i in order[:2] if len(clauses) > 1]
        found += [(words[i], float(word_drops[i])) for i in np.argsort(-word_drops)[:_MOST_EVIDENCE]]
        chosen = [
            _evidence(piece, weight, f"counts towards {label}")
            for piece, weight in found
            if weight >= _MIN_WEIGHT
        ]
        return chosen or [
            _evidence((best, (start, end)), max(0.0, float(drops[order[0]])), "the words as a whole")
        ]


def _clauses(said: Sequence[Said]) -> list[Piece]:
    found = [(s, match.span()) for s in said for match in _CLAUSE.finditer(s.text)]
    kept = [(s, _trimmed(s.text, *span)) for s, span in found if _WORD.search(s.text[slice(*span)])]
    return kept[-_MOST_CLAUSES:]


def _without(said: Sequence[Said], piece: Piece) -> str:
    owner, (start, end) = piece
    return joined([s.text[:start] + s.text[end:] if s is owner else s.text for s in said]) or "."


def _drops(left: Floats, whole: float) -> NDArray[np.float64]:
    drops: NDArray[np.float64] = np.clip(1 - left.astype(np.float64) / whole, 0, 1)
    return drops


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())


def _evidence(piece: Piece, weight: float, note: str) -> affect_pb2.Evidence:
    said, (start, end) = piece
    span = affect_pb2.TextSpan(utterance=said.utterance, start=start, end=end, text=said.text[start:end])
    return affect_pb2.Evidence(text=span, weight=weight, note=note)
