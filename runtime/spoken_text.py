"""Written text to the text that a speech engine reads, with the way back to every written word.

Who plans speech and who speaks must read a sentence alike; both do it here. Engines read numbers well, but
spell out links, name emoji and stumble over mark-up. The rules are for English.
"""

import re
import unicodedata
from dataclasses import dataclass

_TOKENS = re.compile(r"</?[A-Za-z][^<>]*>|[—–…]+|[^\s—–…<]+|<")
_DASHES = "—–…"
_URL = re.compile(r"(?:https?://|www\.)\S+|\w[\w.-]*\.(?:com|org|net|edu|gov|io)(?:/\S*)?$", re.IGNORECASE)
_MONEY = re.compile(r"([$€£])([\d.,]*\d)$")
_LETTERS = re.compile(r"(?:[A-Za-z]\.){2,}$")
_CURRENCIES = {"$": "dollars", "€": "euros", "£": "pounds"}
_ABBREVIATIONS = {
    "dr.": "doctor",
    "e.g.": "for example",
    "etc.": "et cetera",
    "i.e.": "that is",
    "mr.": "mister",
    "mrs.": "missis",
    "ms.": "miz",
    "prof.": "professor",
    "st.": "saint",
    "vs.": "versus",
}
_SYMBOLS = {"&": " and ", "@": " at ", "%": " percent", "+": " plus ", "=": " equals ", "/": " slash "}
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

    for match in _TOKENS.finditer(text):
        token = match.group()
        span = _core(token)
        if span is None or token.startswith("<"):
            pause = _pause(token)
            if pause and pieces:
                append(pause)
            continue
        core = token[span[0] : span[1]]
        if any(unicodedata.category(c)[0] == "L" and "LATIN" not in unicodedata.name(c, "") for c in core):
            unreadable.append(core)
            continue
        trailing = token[span[1] :]
        words.append(WrittenWord(match.start() + span[0], match.start() + span[1]))
        if pieces:
            pieces.append(" ")
            origin.append(max(0, len(words) - 2))
        append(_spoken_word(core, trailing))
        append(_pause(trailing if not _is_abbreviation(core, trailing) else trailing[1:]))
    return SpokenText("".join(pieces), tuple(words), tuple(origin), tuple(unreadable))


def _core(token: str) -> tuple[int, int] | None:
    """Where the token's word lies, without the punctuation around it."""
    sounding = [i for i, c in enumerate(token) if unicodedata.category(c)[0] in "LN" or c in _SYMBOLS]
    if not any(unicodedata.category(token[i])[0] in "LN" for i in sounding) and token not in _SYMBOLS:
        return None
    start, end = sounding[0], sounding[-1] + 1
    while end < len(token) and unicodedata.category(token[end])[0] == "M":
        end += 1
    if start and token[start - 1] in _CURRENCIES:
        start -= 1
    return start, end


def _is_abbreviation(core: str, trailing: str) -> bool:
    return trailing.startswith(".") and (
        f"{core}.".lower() in _ABBREVIATIONS or _LETTERS.match(f"{core}.") is not None
    )


def _spoken_word(core: str, trailing: str) -> str:
    if _is_abbreviation(core, trailing):
        return _ABBREVIATIONS.get(f"{core}.".lower()) or core.replace(".", " ").strip()
    if money := _MONEY.match(core):
        return f"{money[2]} {_CURRENCIES[money[1]]}"
    if _URL.match(core):
        core = re.sub(r"^(https?://)?(www\.)?", "", core, flags=re.IGNORECASE).rstrip("/")
        core = core.replace(".", " dot ").replace("-", " dash ")
    elif "@" in core:
        core = core.replace(".", " dot ")
    for sign, name in _SYMBOLS.items():
        core = core.replace(sign, name)
    kept = (c if unicodedata.category(c)[0] in "LNM" or c in " .,:'’-" else " " for c in core)
    return unicodedata.normalize("NFC", " ".join("".join(kept).replace("’", "'").split()))


def _pause(signs: str) -> str:
    """The punctuation mark that tells how the voice pauses after a word."""
    marks = [c for c in signs if c in _PAUSES]
    if marks:
        return next((c for c in "?!" if c in marks), marks[0])
    return "," if any(c in _DASHES for c in signs) else ""
