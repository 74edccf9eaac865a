"""Written text to the text that a speech engine reads, with the way back to every written word.

Who plans speech and who speaks must read a sentence alike; both do it here. Engines read numbers well, but
spell out links, name emoji and stumble over mark-up. The rules are for
English; `wording` holds those for single words.
"""

import re
import unicodedata
from dataclasses import dataclass

from runtime.wording import Context, is_abbreviation, said

_TOKENS = re.compile(r"</?[A-Za-z][^<>]*>|<3|\d[\d.,]*–\d[\d.,]*%?|[—–…]+|[^\s—–…<]+|<")
_DASHES = "—–…"
_SYMBOLS = "&@%+=/"
"""Signs that are said."""
_BEFORE_A_NUMBER = "$€£-−+#~"
_PAUSES = ",;:.!?"


@dataclass(frozen=True)
class WrittenWord:
    """A word of the written text that is spoken."""

    start: int
    """First character."""
    end: int
    """One past the last character."""


@dataclass(frozen=True)
class SpokenText:
    """A text as it is read aloud."""

    text: str
    """What the engine reads; empty if nothing can be read."""
    words: tuple[WrittenWord, ...]
    """The words that are spoken, in order."""
    origin: tuple[int, ...]
    """For each character of `text`, the index of its word."""
    unreadable: tuple[str, ...]
    """Words in scripts other than Latin; they are left out."""

    def word_at(self, position: int) -> int:
        """Index of the word that a character of the spoken text belongs to; -1 if there are no words."""
        return self.origin[min(position, len(self.origin) - 1)] if self.origin else -1


def spoken_text(text: str) -> SpokenText:
    """Prepares a text for reading aloud.

    Emoji, control characters, tags and other signs without a sound are left out, as are words in scripts
    other than Latin. Positions count Unicode code points of the text as given.
    """
    pieces: list[str] = []
    origin: list[int] = []
    words: list[WrittenWord] = []
    unreadable: list[str] = []

    def append(piece: str) -> None:
        pieces.append(piece)
        origin.extend([max(0, len(words) - 1)] * len(piece))

    tokens = [_Token.of(match) for match in _TOKENS.finditer(text)]
    cores = [token.core for token in tokens]
    for i, token in enumerate(tokens):
        if not token.core:
            pause = _pause(token.trailing)
            if pause and pieces:
                append(pause)
            continue
        if any(
            unicodedata.category(c)[0] == "L" and "LATIN" not in unicodedata.name(c, "") for c in token.core
        ):
            unreadable.append(token.core)
            continue
        words.append(WrittenWord(token.start, token.start + len(token.core)))
        if pieces:
            pieces.append(" ")
            origin.append(max(0, len(words) - 2))
        context = Context(cores[i - 1] if i else "", cores[i + 1] if i + 1 < len(cores) else "")
        dotted = token.trailing.startswith(".") and is_abbreviation(token.core, context)
        append(said(token.core, dotted, context))
        append(_pause(token.trailing[1:] if dotted else token.trailing))
    return SpokenText("".join(pieces), tuple(words), tuple(origin), tuple(unreadable))


@dataclass(frozen=True)
class _Token:
    """What stands between two spaces."""

    start: int
    """First character of the core in the text."""
    core: str
    """The word in it; empty if there is none."""
    trailing: str
    """What stands behind the core."""

    @classmethod
    def of(cls, match: re.Match[str]) -> "_Token":
        token = match.group()
        span = None if token.startswith("<") else _core(token)
        if span is None:
            return cls(match.start(), "", "" if token.startswith("<") else token)
        return cls(match.start() + span[0], token[span[0] : span[1]], token[span[1] :])


def _is_latin(word: str) -> bool:
    return not any(unicodedata.category(c)[0] == "L" and "LATIN" not in unicodedata.name(c, "") for c in word)


def _core(token: str) -> tuple[int, int] | None:
    """Where the token's word lies, without the punctuation around it."""
    sounding = [i for i, c in enumerate(token) if unicodedata.category(c)[0] in "LN" or c in _SYMBOLS]
    if not any(unicodedata.category(token[i])[0] in "LN" for i in sounding) and token not in tuple(_SYMBOLS):
        return None
    start, end = sounding[0], sounding[-1] + 1
    while end < len(token) and (unicodedata.category(token[end])[0] == "M" or token[end] == "°"):
        end += 1
    signed = token[start - 1] in _BEFORE_A_NUMBER and token[start].isdigit() if start else False
    if signed or (start and token[start - 1] == "#"):
        start -= 1
    return start, end


def _pause(signs: str) -> str:
    """The punctuation mark that tells how the voice pauses after a word."""
    marks = [c for c in signs if c in _PAUSES]
    if marks:
        return next((c for c in "?!" if c in marks), marks[0])
    return "," if any(c in _DASHES for c in signs) else ""
