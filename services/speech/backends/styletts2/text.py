"""Planned speech sounds to the symbols that the networks know, with the way back to every sound."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from empatheia.common.v1 import content_pb2

from services.speech.phrases import phrases

PAD = "$"
_PAUSES = ';:,.!?¡¿—…"«»“”'
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_IPA = (
    "ɑɐɒæɓʙβɔɕçɗɖðʤəɘɚɛɜɝɞɟʄɡɠɢʛɦɧħɥʜɨɪʝɭɬɫɮʟɱɯɰŋɳɲɴøɵɸθœɶʘɹɺɾɻʀʁɽʂʃʈʧʉʊʋⱱʌɣɤʍχʎʏʑʐʒʔʡʕʢǀǁǂǃ"
    "ˈˌːˑʼʴʰʱʲʷˠˤ˞↓↑→↗↘'̩'ᵻ"
)
_INDEX = {symbol: i for i, symbol in enumerate(PAD + _PAUSES + " " + _LETTERS + _IPA)}
"""The table of the public weights. The apostrophe is in it twice, and the second place counts."""
_STRESS = {1: "ˌ", 2: "ˈ"}
_SPOKEN_PAUSES = ";:,.!?¡¿—…“”«»"
_SPACE = " "


class Symbol(NamedTuple):
    """A symbol of the text that is spoken."""

    id: int
    """Its place in the table."""
    owner: int
    """The plan's phoneme whose time it takes; -1 before the first, one past the last after it."""


def ids(phonemes: str) -> list[int]:
    """Places of characters in the table; those that it lacks are left out."""
    return [_INDEX[character] for character in phonemes if character in _INDEX]


def symbols(segment: content_pb2.ContentSegment) -> list[Symbol]:
    """Writes a plan as the networks were taught to read: stress before its vowel, marks between spaces.

    A space takes its time from the sound before it, a mark from the plan's pause if there is one. A planned
    pause that the text has no mark for is written as a comma.
    """
    found = [Symbol(_INDEX[PAD], -1)]
    for text, owner in _written(segment):
        found += [Symbol(i, owner) for i in ids(text)]
    return found


def _written(segment: content_pb2.ContentSegment) -> Iterator[tuple[str, int]]:
    phonemes = segment.phonemes
    word = previous = pause = -1
    for i, phoneme in enumerate(phonemes):
        if not phoneme.ipa:
            pause = i
            continue
        if previous >= 0:
            changed = phoneme.word != word
            marks = _marks(segment, word, phoneme.word) if changed else ""
            if pause > previous:
                yield f" {marks or ','} ", pause
            elif marks:
                yield f" {marks} ", previous
            elif changed:
                yield _SPACE, previous
        yield _STRESS.get(phoneme.stress, "") + phoneme.ipa, i
        previous, word = i, phoneme.word
    if previous >= 0:
        last = pause if pause > previous else len(phonemes)
        yield f" {_marks(segment, word, len(segment.words)) or '.'}", last


def _marks(segment: content_pb2.ContentSegment, word: int, following: int) -> str:
    """Punctuation of the text between two words."""
    words = segment.words
    if not 0 <= word < len(words):
        return ""
    end = words[following].start_char if word < following < len(words) else None
    if end is None and following < len(words):
        return ""
    between = segment.text[words[word].end_char : end]
    return "".join(character for character in between if character in _SPOKEN_PAUSES)


def phrased(segment: content_pb2.ContentSegment, most: int) -> list[list[Symbol]]:
    """Writes a plan as `parts` of at most `most` symbols, long ones phrase by phrase."""
    pad, *rest = symbols(segment)
    cut: list[list[Symbol]] = []
    for phrase in phrases(segment):
        last = phrase.end == len(segment.phonemes)
        own = [s for s in rest if phrase.first <= s.owner and (last or s.owner < phrase.end)]
        cut += parts([pad if not cut else Symbol(pad.id, phrase.first), *own], most)
    return cut


def parts(found: Sequence[Symbol], most: int) -> list[list[Symbol]]:
    """Cuts symbols into parts of at most `most`, each with a pad in front.

    Cuts are after the last space behind a mark that fits, else after the last space, else anywhere.
    """
    rest, cut = list(found[1:]), []
    while len(rest) > most - 1:
        window = rest[: most - 1]
        spaces = [i + 1 for i, symbol in enumerate(window) if symbol.id == _INDEX[_SPACE]]
        marked = [i for i in spaces if i > 1 and 0 < window[i - 2].id <= len(_PAUSES)]
        end = (marked or spaces or [len(window)])[-1]
        cut.append(rest[:end])
        rest = rest[end:]
    cut.append(rest)
    pad = found[0]
    return [[pad if i == 0 else Symbol(pad.id, part[0].owner), *part] for i, part in enumerate(cut) if part]
