"""What makes an answer nonsense. Each check names the fault, or returns nothing."""

import itertools
import re
from collections.abc import Sequence

from agents.grounding import unsupported
from agents.step import UtteranceData
from agents.words import content, negations, pieces, sentences, words

_FRAME = re.compile(
    r"\b(?:as an ai|language model|chatbot|assistant|smollm|instructions?|system prompt|person:|friend:"
    r"|someone talks with|how do they feel|what would help them|why do they feel|what happened\?)",
    re.I,
)
_MARKUP = re.compile(r"[<>{}\[\]|*#_=\\]|https?:|\d\.\s|^\s*[-•]")
_FIRST = frozenset("i me mine myself we us our ours i'm i've i'd i'll we're we've".split())
_KIND_I = re.compile(
    r"\bi(?:'m| am) (?:so |really |very |truly |just |also )*"
    r"(?:sorry|glad|happy|proud|relieved|here|listening|sure)\b"
    r"|\bi (?:hope|bet|understand|wish you|(?:can|could)(?: only| just| totally| definitely| really)* "
    r"(?:imagine|see|hear|understand|tell|feel))\b",
    re.I,
)
"""What a listener without a life of its own may say of itself."""
_ADVICE = re.compile(
    r"\b(?:you (?:should|need to|have to|must try|could (?:always|try)|can always|might want|ought)"
    r"|try to|make sure|don't worry|why (?:don't|not) you|have you (?:tried|considered|thought (?:of|about))"
    r"|(?:get|find|have|buy) (?:a|an|another|some(?:thing|one)) (?:new|better|other)"
    r"|maybe you|at least|get over|move on|calm down|just (?:keep|be|do|go|get|try|tell|ask|take|think))\b",
    re.I,
)
_HARSH = re.compile(
    r"\b(?:stupid|idiot\w*|dumb|your fault|deserved it|serves you|karma|lol|haha|kidding|sucks?|damn|hell"
    r"|shit\w*|fuck\w*|ass|hate you|lazy|ugly)\b",
    re.I,
)
_DID_YOU = re.compile(r"\b(?:did|do|have|were|are) you (?:guys |ever |really |just )?(\w+)", re.I)
_DEEDS_OF_ANYONE = frozenset(
    "ask be been call do feel find get guess have hear hope know like mean meet miss react say see talk tell"
    " think want wish the that to in on with".split()
)
"""What a question may ask of the person, whoever did what it is about."""
_WAVED_AWAY = re.compile(
    r"\bi(?:'m| am) sure (?:that )?(?:you|it|that|things|everything)"
    r"(?:'re|'ll|'s| are| is| feels?| will| won't| must)* (?:be |feel |get )?(?:so |much |all |very )?"
    r"(?:better|fine|okay|ok|over|happy|alright)\b",
    re.I,
)
_MALE = frozenset(
    "he him his himself he's dad daddy father husband hubby brother son grandpa grandfather uncle nephew"
    " boyfriend fiance boy boys man men guy guys dude sir".split()
)
_FEMALE = frozenset(
    "she her hers herself she's mom mommy mum mother wife sister daughter grandma grandmother nana aunt niece"
    " girlfriend fiancee girl girls woman women lady".split()
)
_DEATH = re.compile(
    r"\b(?:die[ds]?|death|dead|dying|passed|funeral|killed|suicide|miscarr\w*|sleep|mourn\w*)\b", re.I
)
_OTHERS = frozenset("he she they he's she's they're him them his her their".split())
_ANYBODY = frozenset(
    "friend neighbor boss manager coworker colleague teacher doctor nurse cousin partner ex kid child baby"
    " twin roommate crush dog cat pet puppy kitten horse someone somebody person stranger customer".split()
)
_CALLED = re.compile(
    r"\byou(?:'re| are| were| sound| must be| must have been) (?:(?:so|such|very|really|a|an) )*(\w+)", re.I
)
_YOURS = re.compile(r"\byour (?:own |little |older |younger )?(\w+)", re.I)
_UNKNOWABLE = re.compile(r"\bhow much you mean to\b", re.I)
_DIED = re.compile(r"\b(?:died|dead|passed away|funeral|gone (?:now|forever))\b", re.I)
_STILL_HERE = re.compile(
    r"\bfind (?:your|him|her|them|it)\b"
    r"|\b(?:hope|sure)\b[^.!?]*\b(?:he|she|it|they|your \w+)\b[^.!?]*\b(?:fine|okay|ok|better|soon|well)\b",
    re.I,
)
_THEM = re.compile(r"\b(?:you|your|you're|you've|yours|yourself)\b", re.I)


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


def step_fault(
    text: str, dialogue: Sequence[UtteranceData], *, most_words: int, grounded: bool = False
) -> str:
    """Finds what a step of the chain must not hold.

    Args:
        text: What the model wrote.
        dialogue: What was said.
        most_words: Length beyond which it does not name the thing.
        grounded: Whether it must share a word with the dialogue.
    """
    if fault := frame_fault(text):
        return fault
    own = words(text)
    told = content(text)
    if not told:
        return "says nothing"
    if len(own) > most_words or not text.rstrip().endswith((".", "!")):
        return "does not end"
    if _FIRST & set(own):
        return "is not in the third person"
    if len(set(told)) < len(told) / 2:
        return "repeats itself"
    if strange := unsupported(text, dialogue, reply=False):
        return f"adds {strange[0]!r}"
    said = " ".join(utterance.text for utterance in dialogue)
    if grounded and not set(told) & set(content(said)):
        return "says nothing of the dialogue"
    if grounded and negations(text) > negations(said):
        return "negates what was said"
    return ""


def reply_fault(text: str, dialogue: Sequence[UtteranceData], *, comfort: bool) -> str:
    """Finds what a reply must not hold.

    Args:
        text: The whole reply.
        dialogue: What was said.
        comfort: Whether the person is in no state for advice.
    """
    if fault := frame_fault(text):
        return fault
    if not text.rstrip().endswith((".", "!", "?")):
        return "does not end"
    parts = sentences(text)
    own = words(text)
    if not 3 <= len(own) <= 36 or len(parts) > 3 or text.count("?") > 1:
        return "is too little or too much"
    if len({_opening(part) for part in parts}) < len(parts) or _repeats(own, 3) or _says_it_twice(parts):
        return "repeats itself"
    if _FIRST & set(words(_KIND_I.sub("", text.replace("’", "'")))):
        return "tells of the listener"
    if _HARSH.search(text):
        return "is harsh"
    if comfort and _ADVICE.search(text):
        return "gives advice"
    if echo := _echo(own, dialogue):
        return echo
    if _DID_YOU.search(text) and (_another_did(text, dialogue) or _of_another(text, dialogue)):
        return "takes the person for another"
    if _turns_gender(own, dialogue):
        return "takes one for another"
    if any(_told_of_another(match[1], dialogue) for match in _CALLED.finditer(text)):
        return "takes the person for another"
    if any(_said_by_the_listener(match[1], dialogue) for match in _YOURS.finditer(text)):
        return "takes the listener's for the person's"
    if comfort and _UNKNOWABLE.search(text):
        return "says what nobody can know"
    if comfort and _WAVED_AWAY.search(text):
        return "waves it away"
    if strange := unsupported(text, dialogue, reply=True):
        return f"adds {strange[0]!r}"
    if _STILL_HERE.search(text) and any(_DIED.search(said.text) for said in dialogue):
        return "hopes for the dead"
    if "your loss" in text.lower() and not any(_DEATH.search(said.text) for said in dialogue):
        return "mourns where nobody died"
    return ""


def speaks_to_person(text: str) -> bool:
    """Whether a reply turns to the person."""
    return bool(_THEM.search(text))


def _repeats(own: Sequence[str], size: int) -> bool:
    grams = [tuple(own[index : index + size]) for index in range(len(own) - size + 1)]
    return len(set(grams)) < len(grams)


def _says_it_twice(parts: Sequence[str]) -> bool:
    """Whether a sentence holds nothing that the one before did not."""
    told = [set(content(part)) for part in parts]
    return any(later and later <= before for before, later in itertools.pairwise(told))


def _opening(sentence: str) -> str:
    """What a sentence begins with: "I'm so glad ..." and "I am glad ..." begin alike."""
    plain = [
        word for word in words(sentence.replace("'m", " am")) if word not in ("so", "really", "very", "oh")
    ]
    return " ".join(plain[:3])


def _another_did(text: str, dialogue: Sequence[UtteranceData]) -> bool:
    """Whether a question asks the person about a deed that they told of another."""
    deeds = {stem for match in _DID_YOU.finditer(text) for stem in content(match[1])}
    told = [words(said.text) for said in dialogue if said.role == "speaker"]
    for stem in deeds:
        before = [
            {"i", "we"} & set(own[max(0, place - 3) : place])
            for own in told
            for place, word in enumerate(own)
            if stem in content(word)
        ]
        if before and not any(before):
            return True
    return False


def _of_another(text: str, dialogue: Sequence[UtteranceData]) -> bool:
    """Whether a question asks what the person did with a thing that they told of another: "his tools"."""
    asked = [
        sentence
        for sentence in sentences(text)
        for match in _DID_YOU.finditer(sentence)
        if "?" in sentence and match[1].lower() not in _DEEDS_OF_ANYONE
    ]
    about = {stem for sentence in asked for stem in content(_DID_YOU.sub("", sentence))}
    told = [piece for piece in pieces(dialogue) if about & set(content(piece.text))]
    return bool(told) and not any(
        _FIRST & set(words(piece.text)) or not _OTHERS & set(words(piece.text)) for piece in told
    )


def _told_of_another(word: str, dialogue: Sequence[UtteranceData]) -> bool:
    """Whether the person said a word of another and never of themselves: "he is a manchild"."""
    told = [
        set(words(piece.text)) for piece in pieces(dialogue) if set(content(word)) & set(content(piece.text))
    ]
    return bool(told) and all(own & _OTHERS and not own & _FIRST for own in told)


def _said_by_the_listener(word: str, dialogue: Sequence[UtteranceData]) -> bool:
    """Whether only the listener named a thing as their own."""
    heard = {stem for said in dialogue if said.role == "speaker" for stem in content(said.text)}
    theirs = any(
        re.search(rf"\b(?:my|our) (?:\w+ )?{re.escape(word)}\b", said.text, re.I)
        for said in dialogue
        if said.role == "listener"
    )
    return theirs and not set(content(word)) & heard


def _turns_gender(own: Sequence[str], dialogue: Sequence[UtteranceData]) -> bool:
    """Whether a reply speaks of a man where only women were named, or the other way round."""
    heard = {part for said in dialogue for word in words(said.text) for part in (word, word.rstrip("s'"))}
    return not heard & _ANYBODY and any(
        these & set(own) and those & heard and not these & heard
        for these, those in ((_MALE, _FEMALE), (_FEMALE, _MALE))
    )


def _echo(own: Sequence[str], dialogue: Sequence[UtteranceData]) -> str:
    """Whether a reply says again, word for word, what either said."""
    for utterance in dialogue:
        spoken = f" {' '.join(words(utterance.text))} "
        size = 7 if utterance.role == "speaker" else 5
        for index in range(len(own) - size + 1):
            if f" {' '.join(own[index : index + size])} " in spoken:
                return "repeats what was said"
    return ""
