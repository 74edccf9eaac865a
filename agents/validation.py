"""What makes an answer nonsense. Each check names the fault, or returns nothing."""

import re

from agents.words import content, negations, sentences, words

_FRAME = re.compile(
    r"\b(?:as an ai|language model|chatbot|assistant|smollm|instruction|system prompt|person:|friend:)", re.I
)
_MARKUP = re.compile(r"[<>{}\[\]|*#_=\\]|https?:|\d\.\s|^\s*[-•]")
_FEELINGS = frozenset(
    content(
        "feel felt sad happy proud angry afraid scared anxious worried disappointed lonely hurt upset glad"
        " excited guilty ashamed embarrassed surprised grateful jealous nervous frustrated annoyed relieved"
    )
)
_FIRST = frozenset("i my me mine myself you your we us our ours i'm i've i'd i'll we're we've".split())
_GLUE = frozenset(
    "they them their theirs themselves they're they've a an the and but that who which is are was were be"
    " been has have had do does did will would to of in on at for with from by about because as it its feel"
    " feels her his she he hers him".split()
)
"""Words that a retelling may add without adding anything."""


def frame_fault(text: str) -> str:
    """Finds what belongs to the frame around the dialogue, not into an answer."""
    if not text.strip():
        return "empty"
    if _FRAME.search(text):
        return "speaks of the frame"
    if _MARKUP.search(text):
        return "has markup or a list"
    if not text.isascii() and sum(not char.isascii() for char in text) > len(text) / 4:
        return "is not English"
    return ""


def retelling_fault(text: str, said: str) -> str:
    """Finds what a retelling in the third person must not hold.

    Args:
        text: The retelling.
        said: Everything that the person said.
    """
    if fault := frame_fault(text):
        return fault
    told = content(text)
    if len(words(text)) < 3 or not told:
        return "says nothing"
    if len(words(text)) > 40 or not text.rstrip().endswith((".", "!", "?")):
        return "does not end"
    if error := retelling_error(text, said):
        return error
    if negations(text) > negations(said):
        return "negates what was said"
    if len(set(told)) < 2 and len(set(content(said))) > 2:
        return "says too little"
    if len(set(told)) < len(told) / 2:
        return "repeats itself"
    return ""


def retelling_error(text: str, said: str) -> str:
    """Finds what no further word can make good in a retelling that has begun."""
    if _FIRST & set(words(text)):
        return "is not in the third person"
    if added := _stranger(text, said):
        return f"adds {added!r}"
    return ""


def _stranger(text: str, said: str) -> str:
    """A word of a retelling that is neither the person's nor harmless, if there is one."""
    known, plain = set(content(said)) | _FEELINGS, set(words(said)) | _GLUE
    for word in words(text):
        stems = content(word)
        if not (set(stems) <= known if stems else word in plain):
            return word
    return ""


def reply_fault(text: str, said: str, heard: str) -> str:
    """Finds what a reply must not hold.

    Args:
        text: The reply so far: whole sentences.
        said: Everything that the person said.
        heard: Everything that was said by either.
    """
    if fault := frame_fault(text):
        return fault
    if not text.rstrip().endswith((".", "!", "?")):
        return "does not end"
    parts = sentences(text)
    if len(parts) > 3 or text.count("?") > 1:
        return "is too much"
    if len({part.lower() for part in parts}) < len(parts):
        return "repeats itself"
    if any(char.isdigit() and char not in heard for char in text):
        return "adds a number"
    lowered = f" {' '.join(words(text))} "
    plain_said = f" {' '.join(words(said))} "
    own = words(text)
    for size in (8,):
        for index in range(len(own) - size + 1):
            if f" {' '.join(own[index : index + size])} " in plain_said:
                return "repeats the person's words"
    if any(f" {phrase} " in lowered for phrase in _STORY):
        return "tells of the listener"
    if any(f" {phrase} " in lowered for phrase in _ADVICE):
        return "gives advice"
    return ""


def completion_fault(rest: str, heard: str) -> str:
    """Finds what the completion of a reply's opening must not hold.

    Args:
        rest: The words after the opening.
        heard: Everything that was said by either.
    """
    own = words(rest)
    if not own:
        return "says nothing"
    if error := completion_error(rest, heard):
        return error
    if own[-1] in _OPEN_ENDS:
        return "does not end"
    if not content(rest) and rest.lower() not in _ENOUGH_ALONE:
        return "says nothing of the dialogue"
    if own[-1] in ("you", "too"):
        return "turns to the person"
    return ""


def completion_error(rest: str, heard: str) -> str:
    """Finds what no further word can make good in a completion that has begun."""
    own = words(rest)
    if len(own) > 14:
        return "is too much"
    if {"i", "my", "me", "we", "our", "us", "i'm", "mine"} & set(own):
        return "tells of the listener"
    known_words = set(words(heard))
    if strangers := [word for word in own if word in _PEOPLE and word not in known_words]:
        return f"adds {strangers[0]!r}"
    known = set(content(heard)) | _FEELINGS
    if unheard := [stem for stem in content(rest) if stem not in known]:
        return f"adds {unheard[0]!r}"
    if negations(rest):
        return "negates"
    return ""


_OPEN_ENDS = frozenset(
    "a an the of to in on at for with and or but that your their his her so very be is are".split()
)
_PEOPLE = frozenset("he she him her his hers they them their".split())
_ENOUGH_ALONE = frozenset({"yourself", "it", "this", "all of this"})
_STORY = frozenset(
    {"my", "mine", "me", "we", "our", "us", "i was", "i had", "i did", "i went", "i have been", "i've been"}
    | {"i used", "i will", "i'll", "i don't", "i can't", "i want", "i love", "i need", "i am not", "i'm not"}
    | {"i'm going", "i'm still", "i think", "i know", "i feel", "i couldn't", "i didn't", "i never", "i too"}
    | {"i just", "i'd"}
)
_ADVICE = (
    "you should",
    "you need to",
    "you have to",
    "you must try",
    "try to",
    "make sure",
    "don't worry",
    "you can always",
)
