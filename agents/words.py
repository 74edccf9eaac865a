"""Words of a dialogue: where they are, which carry content, and how they read in another person's mouth."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agents.step import Evidence, UtteranceData

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SENTENCE = re.compile(r"\S.*?(?:[.!?…]+(?=\s|$)|$)", re.DOTALL)
_CLAUSE = re.compile(
    r"[,;:]\s+|\s+[-–—]\s+|\s+(?=(?:but|because|since|and|so|although)\s+(?:i|we|he|she|they|my|it)\b)", re.I
)
_LEAD = re.compile(r"^(?:(?:and|but|so|because|since|well|oh|yes|yeah|no|although|also|then|,)[\s,]+)+", re.I)
_CONTROL = re.compile(r"<\|?/?\w+\|?>|\[/?INST\]|</?s>")
"""What a language model takes for the frame around words, should a person type it."""
_TRAILING = " \t\n,;:.!?…-–—\"'”“)("

_PLAIN = frozenset(
    "a about after again all almost also always am an and another any anybody anyone anything are "
    "around as at away back be because been before being both but by came can could day did do does "
    "doing done don down each else ended enough even ever every everyone everything feel feeling "
    "feels felt few for from get gets getting go goes going gone good got had has have having he her "
    "here hers herself him himself his how however i if in into is it its itself just keep kind know "
    "knew last later let like little long look lot made make makes many may me might mine more most "
    "much must my myself never new next no nobody none nor not nothing now of off oh ok okay old on "
    "once one only or other our ours out over own people person quite rather re really right said "
    "same say see seem she should since so some somebody someone something soon still such sure take "
    "than that the their theirs them then there these they thing things think this those though time "
    "to today told too took two up us use used very was way we well went were what when where which "
    "while who whole why will wish with without would yeah year yes yet you your yours yourself "
    "actually able already lately yesterday tomorrow tonight week month".split()
)
_NEGATIONS = frozenset(
    "not no never none nobody nothing cannot without hardly neither dont doesnt didnt cant couldnt wont"
    " wouldnt isnt arent wasnt werent hasnt havent shouldnt aint".split()
)

_SELF = frozenset("i my me we our us i'm i've i'd im ive".split())

_THIRD = {
    "i": "they", "me": "them", "my": "their", "mine": "theirs", "myself": "themselves", "we": "they",
    "us": "them",
    "our": "their", "ours": "theirs", "ourselves": "themselves", "i'm": "they are", "im": "they are",
    "i've": "they have", "ive": "they have", "i'd": "they would", "i'll": "they will", "we're": "they are",
    "we've": "they have", "we'd": "they would", "we'll": "they will",
}  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """Part of an utterance, with its place."""

    utterance: int
    start: int
    end: int
    text: str

    def evidence(self, note: str, weight: float) -> Evidence:
        """The piece as what a conclusion rests on."""
        return Evidence(
            kind="text",
            note=note,
            weight=weight,
            utterance=self.utterance,
            start=self.start,
            end=self.end,
            text=self.text,
        )


def words(text: str) -> list[str]:
    """Lower-case words, apostrophes straight."""
    return [word.lower().replace("’", "'") for word in _WORD.findall(text)]


def stem(word: str) -> str:
    """Cuts common endings, so that "worried" meets "worry"."""
    word = word.removesuffix("'s")
    for ending, instead in (
        ("ies", "y"),
        ("ied", "y"),
        ("ing", ""),
        ("ed", ""),
        ("es", ""),
        ("ly", ""),
        ("s", ""),
    ):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending) + instead
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl":
        word = word[:-1]
    return word.removesuffix("e")


def content(text: str) -> list[str]:
    """Stems of the words that carry content, in order."""
    bare = (word.removesuffix("'s") for word in words(text))
    return [stem(word) for word in bare if word not in _PLAIN and "'" not in word]


def negations(text: str) -> int:
    """How many words negate."""
    return sum(word in _NEGATIONS or word.endswith("n't") for word in words(text))


def sentences(text: str) -> list[str]:
    """Sentences with their end marks."""
    return [match.group().strip() for match in _SENTENCE.finditer(text)]


def pieces(dialogue: Sequence[UtteranceData]) -> list[Piece]:
    """Sentences and clauses of what the person said, with some content, oldest first."""
    found: list[Piece] = []
    for index, utterance in enumerate(dialogue):
        if utterance.role != "speaker":
            continue
        for sentence in _SENTENCE.finditer(utterance.text):
            begin = sentence.start()
            cuts = [
                0,
                *(cut for m in _CLAUSE.finditer(sentence.group()) for cut in m.span()),
                len(sentence.group()),
            ]
            for start, end in zip(cuts[::2], cuts[1::2], strict=True):
                piece = _trimmed(utterance.text, index, begin + start, begin + end)
                if piece and content(piece.text):
                    found.append(piece)
    return found


def salience(piece: Piece) -> float:
    """How likely a piece tells what matters: content counts to a point, fragments and general talk little."""
    spoken = words(piece.text)
    own = set(spoken)
    weight = float(min(len(set(content(piece.text))), 5) ** 2)
    if len(spoken) < 4 or spoken[0] in ("if", "unless"):
        weight *= 0.2
    if own & _SELF:
        weight *= 2.0
    elif own & {"you", "your", "you're"}:
        weight *= 0.3
    return weight


def touch(piece: Piece, perceived: Sequence[Evidence]) -> float:
    """How much perception went by words of a piece, 0 to 1."""
    return max(
        (
            mark.weight
            for mark in perceived
            if mark.kind == "text"
            and mark.utterance == piece.utterance
            and mark.start < piece.end
            and piece.start < mark.end
        ),
        default=0.0,
    )


def weightiest(dialogue: Sequence[UtteranceData], perceived: Sequence[Evidence]) -> Piece | None:
    """The piece that tells most; of two alike, the newer. What perception went by counts up to double."""
    found = ranked_by(set(), dialogue, perceived)
    return found[0] if found else None


def ranked_by(
    stems: set[str], dialogue: Sequence[UtteranceData], perceived: Sequence[Evidence]
) -> list[Piece]:
    """The pieces that share most words with a conclusion first; of these, those that tell most.

    Args:
        stems: Of the conclusion; may be empty.
        dialogue: What was said.
        perceived: What perception's judgement rests on: it counts up to double.
    """

    def rank(piece: Piece) -> tuple[int, float, int, int]:
        own = content(piece.text)
        told = salience(piece) * (1 + touch(piece, perceived))
        return len(stems & set(own)), told, len(own), piece.utterance

    return sorted(pieces(dialogue), key=rank, reverse=True)


def foreign(text: str) -> bool:
    """Whether a text is clearly in another language than English: by its letters, or its small words."""
    letters = [char for char in text if char.isalpha()]
    if letters and sum(not char.isascii() for char in letters) > len(letters) / 2:
        return True
    own = words(text)
    english = sum(word in _PLAIN or word in _SELF or "'" in word for word in own)
    other = sum(word in _OTHER for word in own)
    return len(own) >= 3 and other > english and other >= 2


_OTHER = frozenset(
    "el la los las un una de que y en es por con para mi tu su se lo al del estoy muy pero como está les le"
    " et je il nous vous est pas dans pour sur qui ne au avec suis mon ma mes très der das ein eine und ich"
    " sie wir ist nicht mit auf für von zu den dem bin sehr mein meine habe gli uno di che non sono mio mia"
    " molto ho per os um uma não meu minha estou muito com é eu".split()
)
"""Small words of Spanish, French, German, Italian and Portuguese."""


def sentence_of(piece: Piece, dialogue: Sequence[UtteranceData], most_words: int) -> Piece:
    """The whole sentence around a piece, unless it is too long."""
    text = dialogue[piece.utterance].text
    for match in _SENTENCE.finditer(text):
        if match.start() <= piece.start < match.end():
            whole = _trimmed(text, piece.utterance, match.start(), match.end())
            if whole and len(words(whole.text)) <= most_words:
                return whole
    return piece


def spans_of(stems: set[str], dialogue: Sequence[UtteranceData]) -> list[Piece]:
    """The pieces that share words with a conclusion, those that share most first."""
    shared = [(len(stems & set(content(piece.text))), piece) for piece in pieces(dialogue)]
    return [piece for count, piece in sorted(shared, key=lambda pair: -pair[0]) if count]


def third_person(text: str) -> str:
    """What the person says of themselves, told of them: "my dog left me" → "their dog left them"."""

    def turn(match: re.Match[str]) -> str:
        return _THIRD.get(match.group().lower(), match.group())

    turned = _WORD.sub(turn, " ".join(_CONTROL.sub(" ", text).replace("’", "'").split()))
    turned = re.sub(r"\bthey (?:am|is)\b", "they are", turned)
    turned = re.sub(r"\bthey was(n't)?\b", r"they were\1", turned)
    return re.sub(r"\b(am|was) they\b", lambda m: f"{'are' if m[1] == 'am' else 'were'} they", turned)


def retold(text: str) -> str:
    """What the person says of themselves, as a sentence of its own told of them."""
    told = third_person(text)
    return f"{told[0].upper()}{told[1:]}."


def uncapitalised(text: str) -> str:
    """The text as it reads within a sentence; a first word that may be a name keeps its capital."""
    first = words(text)[:1]
    return text[:1].lower() + text[1:] if first and first[0] in _PLAIN else text


def _trimmed(text: str, utterance: int, start: int, end: int) -> Piece | None:
    lead = _LEAD.match(text[start:end])
    start += lead.end() if lead else 0
    while start < end and text[start] in _TRAILING:
        start += 1
    while end > start and text[end - 1] in _TRAILING:
        end -= 1
    return Piece(utterance, start, end, text[start:end]) if start < end else None
