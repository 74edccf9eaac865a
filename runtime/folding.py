"""Folds what people type to one plain form, so that no look-alike letter hides a word."""

import re
import unicodedata

_APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼʹʻ`´＇′‛"), "'")
_LETTERS = str.maketrans(
    {"ł": "l", "ı": "i", "ø": "o", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th"}
    | {"ـ": "", "أ": "ا", "إ": "ا", "آ": "ا", "ى": "ي", "ة": "ه"}
)
_LOOK_ALIKES = str.maketrans("авеіјкмнорсѕтухԁɡαβεικνορτυχ", "abeijkmhopcstyxdgabeiknoptux")
"""Cyrillic and Greek letters that look like Latin ones, for words that hold both."""
_LEET = str.maketrans("0134578@$!|", "oieastbasii")
_WORD = re.compile(r"[^\s.,;:?\"()\[\]…]+")
_LETTER = r"[^\W\d_\u0900-\u0dff]"
"""A letter, but of no Indian script: vowel signs there are no `\\w`, so syllables would look like one."""
_SPELT = re.compile(rf"(?<![\w\u0900-\u0dff])(?:{_LETTER}[\s.\-_*]+){{2,}}{_LETTER}(?!\w)")
_RUN = re.compile(r"([^\W\d_])\1{2,}")
_SPACES = re.compile(r"\s+")
_DISGUISED = re.compile(r"[a-z][0134578@$!|]+(?=[a-z])|^[0134578@$]+[a-z]{2,}")
_COUNT = re.compile(
    r"\d{2,}(?=[a-z])"
    r"|\d(?=(?:[a-z]{1,3}|pills?|tabs|tablets?|caps|capsules?|times|mins|minutes?|hours?|days?|weeks?|months?|years?"
    r"|kids|people)\b)"
)
"""A number in front of what it counts: "30pills", "20mg", "5pm", an age ("15f"). Two digits are one."""
_STRIPPED = ("LATIN", "GREEK", "CYRILLIC", "ARABIC")
"""Scripts whose marks are ornament here; elsewhere (Devanagari) they are vowels."""


def fold(text: str) -> str:
    """Folds a text: lower case, plain letters, straight apostrophes, single spaces.

    Full-width and mathematical letters become plain ones, accents and invisible signs go, so do look-alikes
    from other alphabets inside a Latin word, digits that stand for letters ("k1ll"), and letters that are
    drawn out ("killll") or set apart ("k i l l"). Folding twice changes nothing more.
    """
    text = _plain(_seen(text).lower()).translate(_LETTERS)
    text = _WORD.sub(lambda match: _latin(match.group()), text)
    text = _RUN.sub(r"\1\1", text)
    text = _SPELT.sub(lambda match: _joined(match.group()), text)
    return _SPACES.sub(" ", text).strip()


def tidy(text: str) -> str:
    """Only what nobody sees: full-width and mathematical letters, apostrophes, invisible signs, spaces."""
    return _SPACES.sub(" ", _seen(text)).strip()


def _seen(text: str) -> str:
    """The letters that are seen, by their plain signs."""
    text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES))
    return "".join(sign for sign in text if unicodedata.category(sign) != "Cf")


def _plain(text: str) -> str:
    """Without accents, in the scripts where they are ornament."""
    kept = []
    base = ""
    for sign in unicodedata.normalize("NFD", text):
        if unicodedata.category(sign) != "Mn":
            base = unicodedata.name(sign, "")
        elif base.startswith(_STRIPPED):
            continue
        kept.append(sign)
    return unicodedata.normalize("NFC", "".join(kept))


def _latin(word: str) -> str:
    """A word of mixed letters and digits as the Latin word that it looks like."""
    if not any("a" <= sign <= "z" for sign in word):
        return word
    word = word.translate(_LOOK_ALIKES)
    count = found.group() if (found := _COUNT.match(word)) else ""
    inside = word[len(count) :].rstrip("!|")
    if _DISGUISED.search(inside):
        return count + inside.translate(_LEET) + word[len(count + inside) :]
    return word


def _joined(spelt: str) -> str:
    """Letters set apart, together; a gap of two signs or more ends a word."""
    return " ".join(re.sub(r"[\W_]+", "", part) for part in re.split(r"[\s.\-_*]{2,}", spelt))
