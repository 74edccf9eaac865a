"""What the words say."""

import re
from collections.abc import Sequence

import numpy as np
from empatheia.common.v1 import affect_pb2

from runtime.models import weight_hash
from services.perception.judgement import Judgement, absent
from services.perception.modalities.sentences import MODEL_ID, Encoder, sentence_vector
from services.perception.model import WEIGHTS, Judge
from services.perception.said import Said

_PATH = WEIGHTS / "text.safetensors"
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
        """Loads encoder and judge."""
        self._encoder = Encoder()
        self._judge = Judge.load(_PATH)

    def judge(self, said: Sequence[Said]) -> Judgement:
        """Judges what the person said so far.

        Args:
            said: The person's turns of the dialogue, oldest first.
        """
        last = said[-1].text if said else ""
        if not _WORD.search(last) or not self._encoder.knows_words(last):
            return absent("no words that the model knows")
        features = self._encoder.encode([joined([s.text for s in said])])
        probabilities = self._judge.probabilities(features)[0]
        labels = dict(zip(self._judge.labels, probabilities.tolist(), strict=True))
        top = int(probabilities.argmax())
        return Judgement(
            labels=labels,
            evidence=tuple(self._evidence(said, top, float(probabilities[top]))),
            reliability=self._judge.reliability,
            feature=sentence_vector(features),
            model_id=MODEL_ID,
            weight_hash=weight_hash(_PATH),
            word=self._judge.labels[top],
        )

    def _evidence(self, said: Sequence[Said], top: int, whole: float) -> list[affect_pb2.Evidence]:
        """The words without which the judgement would be less sure.

        Each clause is left out in turn, then, inside the clause that counts most, each word; the weight is
        the share of the label's probability that goes with it.
        """
        clauses = [(s, match.span()) for s in said for match in _CLAUSE.finditer(s.text)]
        clauses = [(s, _trimmed(s.text, *span)) for s, span in clauses if _WORD.search(s.text[slice(*span)])]
        clauses = clauses[-_MOST_CLAUSES:]
        drops = self._drops(said, clauses, top, whole)
        order = np.argsort(-drops)
        best, (start, end) = clauses[int(order[0])]
        words = [(best, (start + m.start(), start + m.end())) for m in _WORD.finditer(best.text[start:end])]
        words = words[:_MOST_WORDS]
        word_drops = self._drops(said, words, top, whole)
        found = [(clauses[i], float(drops[i])) for i in order[:2] if len(clauses) > 1]
        found += [(words[i], float(word_drops[i])) for i in np.argsort(-word_drops)[:_MOST_EVIDENCE]]
        label = self._judge.labels[top]
        chosen = [
            _evidence(piece, weight, f"counts towards {label}")
            for piece, weight in found
            if weight >= _MIN_WEIGHT
        ]
        return chosen or [
            _evidence((best, (start, end)), max(0.0, float(drops[order[0]])), "the words as a whole")
        ]

    def _drops(
        self, said: Sequence[Said], pieces: Sequence[tuple[Said, tuple[int, int]]], top: int, whole: float
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        without = [
            joined([s.text[: span[0]] + s.text[span[1] :] if s is owner else s.text for s in said]) or "."
            for owner, span in pieces
        ]
        left = self._judge.probabilities(self._encoder.encode(without))[:, top]
        drops: np.ndarray[tuple[int], np.dtype[np.float64]] = np.clip(
            1 - left.astype(np.float64) / whole, 0, 1
        )
        return drops


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())


def _evidence(piece: tuple[Said, tuple[int, int]], weight: float, note: str) -> affect_pb2.Evidence:
    said, (start, end) = piece
    span = affect_pb2.TextSpan(utterance=said.utterance, start=start, end=end, text=said.text[start:end])
    return affect_pb2.Evidence(text=span, weight=weight, note=note)
