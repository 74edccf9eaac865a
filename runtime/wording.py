"""How single written words are said: numbers, dates, times, money, units, links, abbreviations.

A speech engine reads plain numbers well; what stands beside or inside them it spells out. The rules are for
English as written in America. `num2words` says years and ordinals.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from num2words import num2words


class Context(NamedTuple):
    """The neighbours of a word, without punctuation; empty where there are none."""

    before: str
    after: str


_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_ABBREVIATIONS = {
    "approx.": "approximately", "asap": "as soon as possible", "ave.": "avenue", "blvd.": "boulevard",
    "btw": "by the way", "dept.": "department", "dr.": "doctor", "e.g.": "for example", "etc.": "et cetera",
    "fyi": "for your information", "i.e.": "that is", "idk": "I don't know", "jr.": "junior",
    "mr.": "mister", "mrs.": "missis", "ms.": "miz", "omg": "oh my god", "ph.d.": "P H D", "phd": "P H D",
    "prof.": "professor", "sr.": "senior", "vs": "versus", "vs.": "versus", "w/": "with", "w/o": "without",
}  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_CALENDAR = {f"{name[:n].lower()}.": name for name in (*_MONTHS, *_DAYS) for n in (3, 4)}
"""Short forms of dates; "sat." and "may." are words elsewhere, so that a number or month must follow."""
_UNITS = {
    "km/h": "kilometer an hour", "mph": "mile an hour", "km": "kilometer", "m": "meter", "cm": "centimeter",
    "mm": "millimeter", "mi": "mile", "ft": "foot", "kg": "kilogram", "g": "gram", "mg": "milligram",
    "lb": "pound", "lbs": "pound", "oz": "ounce", "l": "liter", "ml": "milliliter", "h": "hour",
    "hr": "hour", "hrs": "hour", "min": "minute", "mins": "minute", "s": "second", "sec": "second",
    "secs": "second", "ms": "millisecond", "gb": "gigabyte", "mb": "megabyte", "kwh": "kilowatt hour",
}  # fmt: skip
_DEGREES = {"c": "Celsius", "f": "Fahrenheit"}
_CURRENCIES = {"$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "penny")}
_MAGNITUDES = {"k": "thousand", "m": "million", "bn": "billion", "b": "billion"}
_LARGE = ("hundred", "thousand", "million", "billion", "trillion")
_RULERS = frozenset(
    "henry edward george james charles richard william louis philip elizabeth mary catherine napoleon "
    "benedict pius paul john gregory alexander nicholas peter frederick".split()
)
_BEFORE_A_YEAR = frozenset(
    "in since from until till by before after around circa during year of spring summer autumn fall winter "
    "early late mid christmas".split()
) | {month.lower() for month in _MONTHS}
_BEFORE_A_LINE = frozenset(("call", "dial", "text", "ring", "phone"))
_PLURALS = {"foot": "feet", "penny": "pence"}
_SYMBOLS = {"&": " and ", "@": " at ", "%": " percent", "+": " plus ", "=": " equals ", "/": " slash "}

_URL = re.compile(
    r"(?:https?://|www\.)\S+|\w[\w-]*(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|io|de|uk)(?:/\S*)?$", re.I
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+$")
_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
_QUANTITY = re.compile(rf"[-−]?{_NUMBER}$")
_LETTERS = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]$")
_ROMAN = re.compile(r"(?=[IVX]{2,}$)X{0,3}(IX|IV|V?I{0,3})$")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10}


def is_abbreviation(word: str, context: Context) -> bool:
    """Whether the full stop behind a word belongs to it."""
    key, after = f"{word}.".lower(), context.after
    if key == "no.":
        return after[:1].isdigit()
    if key in _CALENDAR:
        return word[:1].isupper() and (
            after[:1].isdigit() or after in _MONTHS or f"{after}.".lower() in _CALENDAR
        )
    if word.lower() in _UNITS:
        return _is_number(context.before) and after[:1].islower()
    return key == "st." or key in _ABBREVIATIONS or _LETTERS.match(word) is not None


def said(word: str, dotted: bool, context: Context) -> str:
    """The word as it is said.

    Args:
        word: Without punctuation around it; currency signs, minus and degree signs are part of it.
        dotted: A full stop of its own stands behind it, as behind "Dr".
        context: Its neighbours.
    """
    for pattern, rule in _RULES:
        match = pattern.match(word)
        if match and (found := rule(match, context)) is not None:
            return _tidied(found)
    if dotted:
        return _abbreviated(f"{word}.", context)
    if word.lower() in _ABBREVIATIONS:
        return _abbreviated(word, context)
    return _tidied(_with_symbols(word))


def _abbreviated(word: str, context: Context) -> str:
    key = word.lower()
    if key == "st.":
        is_name = context.before[:1].isupper() and not context.after[:1].isupper()
        return "street" if is_name else "saint"
    if key == "no.":
        return "number"
    return _ABBREVIATIONS.get(key) or _CALENDAR.get(key) or word.replace(".", " ").strip()


def _with_symbols(word: str) -> str:
    for sign, name in _SYMBOLS.items():
        word = word.replace(sign, name)
    return word


def _tidied(text: str) -> str:
    kept = (c if unicodedata.category(c)[0] in "LNM" or c in " .,:'’-" else " " for c in text)
    return unicodedata.normalize("NFC", " ".join("".join(kept).replace("’", "'").split()))


def _is_number(word: str) -> bool:
    return _QUANTITY.match(word) is not None


def _amount(number: str, unit: str, before: str = "") -> str:
    """A number before its unit: "1 mile", "3.5 miles", but "a 10 mile run"."""
    head, _, tail = unit.partition(" an ")
    if number.lstrip("-−") != "1" and before.lower() not in ("a", "an"):
        first, _, last = head.rpartition(" ")
        head = f"{first} {_PLURALS.get(last, last + 's')}"
    return f"{_signed(number)} {head}{' an ' + tail if tail else ''}"


def _signed(number: str) -> str:
    return f"minus {number[1:]}" if number[:1] in "-−" else number


def _digits(text: str) -> str:
    return " ".join(c for c in text if c.isdigit())


def _link(match: re.Match[str], _: Context) -> str:
    bare = re.sub(r"^(https?://)?(www\.)?", "", match[0], flags=re.IGNORECASE).rstrip("/")
    bare = bare.partition("?")[0].replace(".", " dot ").replace("-", " dash ").replace("_", " ")
    return _with_symbols(bare)


def _mail(match: re.Match[str], _: Context) -> str:
    named = match[0].replace(".", " dot ").replace("-", " dash ").replace("_", " underscore ")
    return _with_symbols(named)


def _money(match: re.Match[str], context: Context) -> str:
    sign, number, magnitude = match[1], match[2], (match[3] or "").lower()
    whole, part = _CURRENCIES[sign]
    if magnitude:
        return f"{number} {_MAGNITUDES[magnitude]} {whole}s"
    if context.after.lower() in _LARGE:
        return number
    units, _, cents = number.partition(".")
    if len(cents) != 2:
        return _amount(number, whole)
    small = _amount(str(int(cents)), part) if int(cents) else ""
    big = _amount(units, whole) if int(units.replace(",", "")) or not small else ""
    return " and ".join(filter(None, (big, small)))


def _large(match: re.Match[str], context: Context) -> str | None:
    """The currency of "$2 million" is said last."""
    if context.before[:1] in _CURRENCIES and _is_number(context.before[1:]):
        return f"{match[0]} {_CURRENCIES[context.before[0]][0]}s"
    return None


def _phone(match: re.Match[str], _: Context) -> str:
    groups = [_digits(group) for group in re.findall(r"\d+", match[0])]
    return ("plus " if match[0].startswith("+") else "") + ", ".join(groups)


def _line(match: re.Match[str], context: Context) -> str | None:
    """Short numbers that one calls, and the groups of a long one."""
    near, after = context.before.lower(), context.after
    group = any(re.match(r"\+?\d{1,4}$|\d{3}-\d{4}$", w) and (len(w) > 2 or "+" in w) for w in (near, after))
    grouped = group and len(match[0]) in (3, 4)
    alone = near in _BEFORE_A_LINE or (near == "to" and len(match[0]) > 4)
    return _digits(match[0]) if alone or grouped else None


def _iso_date(match: re.Match[str], _: Context) -> str | None:
    return _dated(int(match[1]), int(match[2]), int(match[3]))


def _us_date(match: re.Match[str], _: Context) -> str | None:
    month, day = int(match[1]), int(match[2])
    if month > 12 >= day:
        month, day = day, month
    year = int(match[3]) if match[3] else 0
    if not year and day <= 12:
        return None
    return _dated(year + 2000 if 0 < year < 100 else year, month, day)


def _dated(year: int, month: int, day: int) -> str | None:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    date = f"{_MONTHS[month - 1]} {_ordinal(day)}"
    return f"{date}, {_spoken_year(year)}" if year else date


def _day(match: re.Match[str], context: Context) -> str | None:
    """The 5 of "May 5"."""
    month = context.before.rstrip(".").lower()
    if any(month in (m.lower(), m[:3].lower()) for m in _MONTHS) and 1 <= int(match[0]) <= 31:
        return _ordinal(int(match[0]))
    return None


def _year(match: re.Match[str], context: Context) -> str | None:
    near = context.before.lower()
    after_a_day = near.isdigit() and int(near) <= 31
    return _spoken_year(int(match[0])) if near in _BEFORE_A_YEAR or after_a_day else None


def _decade(match: re.Match[str], _: Context) -> str:
    words = _spoken_year(int(match[1]))
    return words[:-1] + "ies" if words.endswith("y") else f"{words}s"


def _spoken_year(year: int) -> str:
    return str(num2words(year, to="year")).replace(" and ", " ")


def _ordinal(number: int) -> str:
    return str(num2words(number, to="ordinal"))


def _time(match: re.Match[str], context: Context) -> str | None:
    hour, minute, half = int(match[1]), int(match[2]), (match[3] or "").lower()
    if hour > 24 or minute > 59:
        return None
    known = half or context.after.lower().replace(".", "") in ("am", "pm", "a", "p")
    minutes = f"oh {minute}" if 0 < minute < 10 else str(minute) if minute else "" if known else "o'clock"
    return f"{hour} {minutes} {' '.join(half.upper())}"


def _half_day(match: re.Match[str], context: Context) -> str | None:
    if match[1] or context.before[:1].isdigit():
        return f"{match[1] or ''} {match[2][0].upper()} M"
    return None


def _fraction(match: re.Match[str], _: Context) -> str | None:
    above, below = int(match[1]), int(match[2])
    if below in (10, 100):
        return f"{above} out of {below}"
    if not 0 < above < below or below > 10:
        return f"{above} over {below}"
    if below == 2:
        return "one half"
    name = "quarter" if below == 4 else _ordinal(below)
    return f"{num2words(above)} {name}{'s' if above > 1 else ''}"


def _mixed(match: re.Match[str], _: Context) -> str:
    """½, and the ½ of 1½."""
    above, below = unicodedata.normalize("NFKC", match[2]).split("⁄")
    name = "half" if below == "2" else "quarter" if below == "4" else _ordinal(int(below))
    if match[1]:
        share = f"a {name}" if above == "1" else f"{above} {name}s"
        return f"{match[1]} and {share}"
    return f"one {name}" if above == "1" else f"{num2words(int(above))} {name}s"


def _range(match: re.Match[str], _: Context) -> str:
    return f"{match[1]} to {match[2]}{' percent' if match[3] else ''}"


def _measured(match: re.Match[str], context: Context) -> str | None:
    # "the 90s" are years, and 4G is no weight.
    short = len(match[2]) == 1
    unit = None if match[2] == "s" else _UNITS.get(match[2] if short else match[2].lower())
    return _amount(match[1], unit, context.before) if unit else None


def _unit(match: re.Match[str], context: Context) -> str | None:
    """A unit on its own, behind its number."""
    unit = _UNITS.get(match[0].lower())
    if unit is None or not _is_number(context.before):
        return None
    return _amount(context.before, unit).removeprefix(_signed(context.before)).strip()


def _degrees(match: re.Match[str], _: Context) -> str:
    scale = _DEGREES.get((match[2] or "").lower(), "")
    return f"{_amount(match[1], 'degree')} {scale}" if match[1] else f"degrees {scale}"


def _scale(match: re.Match[str], context: Context) -> str | None:
    if context.before.endswith("°"):
        return _DEGREES[match[0].lower()]
    return f"degrees {_DEGREES[match[0].lower()]}" if _is_number(context.before) else None


def _roman(match: re.Match[str], context: Context) -> str | None:
    if not context.before[:1].isupper() or len(context.before) < 2:
        return None
    values = [_ROMAN_VALUES[c] for c in match[0]]
    number = sum(-v if v < max(values[i:]) else v for i, v in enumerate(values))
    return f"the {_ordinal(number)}" if context.before.lower() in _RULERS else str(number)


def _either(match: re.Match[str], _: Context) -> str:
    both = match[1], match[2]
    return " ".join(both) if "and" in (both[0].lower(), both[1].lower()) else " or ".join(both)


_Rule = Callable[[re.Match[str], Context], str | None]
_RULES: tuple[tuple[re.Pattern[str], _Rule], ...] = tuple(
    (re.compile(pattern, flags), rule)
    for pattern, flags, rule in (
        (_EMAIL.pattern, 0, _mail),
        (_URL.pattern, re.I, _link),
        (rf"([$€£])({_NUMBER})(k|m|bn|b)?$", re.I, _money),
        (rf"(?:{'|'.join(_LARGE)})$", re.I, _large),
        (r"(24)/(7)$|(9)/(11)$", 0, lambda m, _: " ".join(filter(None, m.groups()))),
        (r"(\d{4})-(\d\d)-(\d\d)$", 0, _iso_date),
        (r"(\d{1,2})/(\d{1,2})(?:/(\d{4}|\d\d))?$", 0, _us_date),
        (r"\+\d{6,15}$|\+?(?:\d{1,3}-)?(?:\(?\d{3}\)?-)?\d{3}-\d{4}$", 0, _phone),
        (r"\d{3,6}$", 0, _line),
        (r"\d{1,2}$", 0, _day),
        (r"(?:1[1-9]|20)\d\d$", 0, _year),
        (r"((?:1[1-9]|20)\d0)['’]?s$", 0, _decade),
        (r"(\d{1,2}):(\d\d)(am|pm)?$", re.I, _time),
        (r"(\d{1,2})?([ap]\.?m)$", re.I, _half_day),
        (r"(\d{1,3})[/⁄](\d{1,3})$", 0, _fraction),
        (r"(\d*)([¼-¾⅐-⅞])$", 0, _mixed),
        (rf"({_NUMBER})[-–]({_NUMBER})(%)?$", 0, _range),
        (rf"([-−]?{_NUMBER})?°([cf])?$", re.I, _degrees),
        (r"[cf]$", re.I, _scale),
        (rf"([-−]?{_NUMBER})([a-z]+(?:/h)?)$", re.I, _measured),
        (r"[a-z]+(?:/h)?$", re.I, _unit),
        (r"(\d)['’](\d{1,2})[\"”]?$", 0, lambda m, _: f"{m[1]} foot {m[2]}"),
        (rf"[-−]({_NUMBER})$", 0, lambda m, _: f"minus {m[1]}"),
        (rf"#({_NUMBER})$", 0, lambda m, _: f"number {m[1]}"),
        (r"#(\w+)$", 0, lambda m, _: f"hashtag {m[1]}"),
        (rf"~({_NUMBER})$", 0, lambda m, _: f"about {m[1]}"),
        (_ROMAN.pattern, 0, _roman),
        (r"([a-z]{2,})/([a-z]{2,})$", re.I, _either),
    )
)
"""In order; the first that has something to say says it."""
