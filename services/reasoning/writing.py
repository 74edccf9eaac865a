"""An answer as it grows, whichever model writes it."""

from collections.abc import Sequence

from services.reasoning.prompt import END


class Writing:
    """What of an answer can be given out: whole characters, nothing of a stop text, no white space around."""

    def __init__(self, prefill: str, stops: Sequence[str]) -> None:
        """Begins an answer.

        Args:
            prefill: Its first words, already given.
            stops: Texts before which it ends; the end of the line if there are none.
        """
        self._prefill = prefill.strip()
        self._stops = list(stops) or [END]
        self._given = 0
        self._whole = self._prefill
        self.ended = False
        """Whether the model, or a stop text, ended it."""

    @property
    def all(self) -> str:
        """The answer so far."""
        return self._whole.strip()

    def grow(self, written: str) -> bool:
        """Takes all that the model has written so far, and says whether a stop text came."""
        written = written if self._prefill else written.lstrip()
        cuts = [written.find(stop) for stop in self._stops if stop in written]
        self._whole = self._prefill + (written[: min(cuts)] if cuts else written)
        return bool(cuts)

    def next(self) -> str:
        """What can be given out by now."""
        safe = self._whole.rstrip("\ufffd").rstrip()
        held = max(
            (k for stop in self._stops for k in range(1, len(stop)) if safe.endswith(stop[:k])), default=0
        )
        return self._give(safe[: len(safe) - held].rstrip())

    def rest(self) -> str:
        """What is left at the end."""
        return self._give(self.all)

    def _give(self, text: str) -> str:
        piece, self._given = text[self._given :], max(self._given, len(text))
        return piece
