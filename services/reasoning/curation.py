"""Which turns are worth learning from when only a part can be learned.

People paid by the dialogue wrote the replies of EmpatheticDialogues: many tell of themselves, advise, joke or
say little. And the silver chains are another model's. What is kept here is a warm reply to the person about
what they said, and a chain whose cause stands in the dialogue.
"""

import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from runtime.emotions import CLASS_OF_LABEL
from services.reasoning.corpus import Annotation, Turn

_WORD = re.compile(r"[A-Za-z']+")
_TYPO = re.compile(
    r"\b(?:im|ive|dont|thats|cant|didnt|doesnt|isnt|wasnt|wont|whats|youre|its a|lol|lmao|haha\w*"
    r"|u|ur|must of|aw+|hu|ya|gonna|wanna|kinda|gotta|alot)\b"
)
_ALLOWED_I = re.compile(
    r"\bI(?:'m| am) (?:so |really |very |truly )*(?:sorry|glad|happy|proud|sure)\b"
    r"|\bI (?:hope|bet|understand|wish you|(?:can|could)(?: only| just| totally| definitely)* "
    r"(?:imagine|see|hear|understand|tell))\b"
)
_LISTENER = re.compile(r"\b(?:I|me|my|mine|myself|we|us|our|I'\w+)\b", re.I)
_ADVICE = re.compile(
    r"\b(?:should|need to|have to|has to|must try|try|make sure|why (?:don't|not)|could(?:n't)? you|can't you"
    r"|maybe|just|don't worry|at least|calm down|get over|remember|better to|ought|call the|talk to|learn"
    r"|be careful|keep|next time|move on|prayers?|pray\w*|god|lord|bless\w*)\b",
    re.I,
)
_HARSH = re.compile(
    r"\b(?:stupid|idiot\w*|dumb|naughty|liar|karma|kidding|joke|sucks?|damn|hell|shit\w*|crap|hate|ass|creepy"
    r"|don't believe|your fault|deserved it|silly|weird|funny|serves|lazy|ugly|hilarious)\b",
    re.I,
)
_GLAD_REPLY = re.compile(
    r"^(?:oh[, ]*|wow[,! ]*)*(?:that(?:'s| is| sounds)? (?:so |really |very |pretty )*(?:great|awesome|good"
    r"|cool|nice|amazing|wonderful|fun|exciting|interesting|lovely|sweet)|congrat|awesome|great|nice|good|cool|yay"
    r"|lucky|how (?:nice|fun|wonderful|exciting))",
    re.I,
)
_SORRY_REPLY = re.compile(
    r"\b(?:sorry|awful|terrible|horrible|sad|scary|bad|rough|tough|unfortunate)\b", re.I
)
_OPEN = frozenset({"nostalgic", "sentimental", "surprised", "impressed"})
_GENERAL = 12
"""Good replies that must hold a word for it to count as general."""
_ALIKE = 8
"""Most chains with the same event, and with the same goal: a phrase that fits everything says little."""
_GOAL_OFF = re.compile(
    r"\b(?:advice|solution\w*|guidance|clarif\w*|inform\w*|humou?r\w*|engage\w*|distract\w*|agent\w*|user\w*"
    r"|topic|conversation|dialogue|laugh\w*|funny|joke\w*|alternative\w*|suggest\w*|practical|safety|seek\w*"
    r"|resol\w*|redirect\w*|probe|inquir\w*|curiosity|prevent\w*|caution\w*)\b",
    re.I,
)
_CAUSE_OFF = re.compile(
    r"\b(?:agent|user|speaker|listener|lack of context|unspecified|unknown|unclear)\b", re.I
)
_VERB = {
    "providing": "provide", "offering": "offer", "encouraging": "encourage", "acknowledging": "acknowledge",
    "celebrating": "celebrate", "affirming": "affirm", "reinforcing": "reinforce", "validating": "validate",
    "expressing": "express", "reassuring": "reassure", "empathizing": "empathize", "sharing": "share",
    "comforting": "comfort", "enhancing": "enhance", "soothing": "soothe", "supporting": "support",
    "fostering": "foster", "calming": "calm", "congratulating": "congratulate",
    "sympathizing": "sympathize", "strengthening": "strengthen", "boosting": "boost",
    "alleviating": "alleviate", "reducing": "reduce", "praising": "praise", "easing": "ease",
    "showing": "show", "understanding": "understand", "normalizing": "normalize", "building": "build",
    "appreciating": "appreciate", "highlighting": "highlight", "commending": "commend",
    "promoting": "promote", "maintaining": "maintain", "recognizing": "recognize", "instilling": "instill",
    "relieving": "relieve", "emphasizing": "emphasize", "discussing": "discuss", "applauding": "applaud",
    "minimizing": "minimize", "addressing": "address", "allowing": "allow", "helping": "help",
    "nurturing": "nurture", "motivating": "motivate", "uplifting": "uplift",
}  # fmt: skip
_VERBS = frozenset(_VERB.values()) - {"discuss", "minimize", "address", "allow", "help"}


def curated(turns: Iterable[Turn], *, replies: int, chains: int, seed: int) -> list[Turn]:
    """Picks turns with a sound chain, and others with a good reply, evenly over the emotions.

    Args:
        turns: What there is.
        replies: Most turns without a chain.
        chains: Most turns with one; a reply that is not good is left out of them.
        seed: Of the order and of the choice between equals.
    """
    chance = random.Random(seed)
    shuffled = list(turns)
    chance.shuffle(shuffled)
    mended = [replace(turn, response=mended_reply(turn.response)) for turn in shuffled]
    fair = [turn for turn in mended if fair_reply(turn)]
    documents = Counter(stem for turn in fair for stem in _stems(turn.response))
    general = {stem for stem, count in documents.items() if count >= _GENERAL}
    merits = {id(turn): merit for turn in fair if (merit := _merit(turn, general)) > 0}
    with_chain, plain = [], []
    phrases: Counter[str] = Counter()
    for turn in mended:
        if turn.annotation and turn.response:
            if (sound := sound_chain(turn)) is not None:
                assert sound.annotation is not None
                used = (sound.annotation.event_scenario, sound.annotation.goal)
                if max(phrases[phrase] for phrase in used) >= _ALIKE:
                    continue
                phrases.update(used)
                good = id(turn) in merits
                merit = 1.0 + merits.get(id(turn), 0.0)
                with_chain.append((merit, sound if good else replace(sound, response="")))
        elif merits.get(id(turn), 0.0) >= 1.5:
            plain.append((merits[id(turn)], turn))
    kept = _balanced(with_chain, chains)
    taken = {turn.history for _, turn in kept if turn.response}
    rest = _balanced([(merit, turn) for merit, turn in plain if turn.history not in taken], replies)
    chosen = [turn for _, turn in (*kept, *rest)]
    chance.shuffle(chosen)
    return chosen


def mended_reply(text: str) -> str:
    """Straightens spaces, quotes and the capitals of a reply."""
    text = " ".join(text.replace("’", "'").replace("`", "'").split())
    text = re.sub(r"\bi\b", "I", text)
    text = re.sub(r"\s+([.,!?])", r"\1", text)
    text = re.sub(r"([!?])\1+", r"\1", text)
    text = re.sub(r"(?<=[.!?] )[a-z]", lambda match: match.group().upper(), text)
    return text[:1].upper() + text[1:]


def fair_reply(turn: Turn) -> bool:
    """Whether a reply is of good length, to the person, and neither of the listener nor advice."""
    text = turn.response
    words = _WORD.findall(text)
    if not 5 <= len(words) <= 26 or text[-1:] not in (".", "!", "?") or not text.isascii():
        return False
    if (
        len(re.findall(r"[.!?](?:\s|$)", text)) > 3
        or text.count("?") > 1
        or re.search(r"[\d:;()\"*/_]|\.\.", text)
    ):
        return False
    if _TYPO.search(text.lower()) or _ADVICE.search(text) or _HARSH.search(text):
        return False
    if _LISTENER.search(_ALLOWED_I.sub("", text)):
        return False
    return _side_fits(turn)


def sound_chain(turn: Turn) -> Turn | None:
    """The turn with its chain straightened, or nothing if a step adds to the dialogue or misses its point."""
    said = _stems(" ".join(said.text for said in turn.history))
    if turn.annotation is None:
        return None
    event, cause, goal = turn.annotation.event_scenario, turn.annotation.emotion_cause, turn.annotation.goal
    if not (event and cause and goal) or _CAUSE_OFF.search(f"{event} {cause} {goal}"):
        return None
    found = _stems(cause)
    if not 2 <= len(cause.split()) <= 9 or len(found & said) < 0.6 * len(found) or not found:
        return None
    if len(event.split()) > 5 or not _stems(event) & said:
        return None
    if _GOAL_OFF.search(goal) or not 2 <= len(goal.split()) <= 10:
        return None
    first, _, rest = goal.partition(" ")
    verb = _VERB.get(first.lower(), first.lower())
    if verb not in _VERBS:
        return None
    # "Reassure and encouraging" becomes "Reassure and encourage"; "comfort and understanding" stays.
    goal = f"{verb.capitalize()} {re.sub(r'(?<=and )[a-z]+', _second_verb, rest)}"
    return replace(turn, annotation=Annotation(*(f"{text.rstrip('. ')}." for text in (event, cause, goal))))


def _second_verb(match: re.Match[str]) -> str:
    word = match.group()
    return word if word == "understanding" else _VERB.get(word, word)


def _merit(turn: Turn, general: set[str]) -> float:
    """How good a fair reply is: of what was said, to the person, and nothing that nobody said."""
    said = _stems(" ".join(said.text for said in turn.history))
    newest = _stems(turn.history[-1].text)
    own = _stems(turn.response)
    strange = own - said - general
    if strange or re.search(r"(?<=[a-z,] )[A-Z](?!\b)", re.sub(r"\bI'\w+", "", turn.response)):
        return 0.0
    merit = 0.3 + min(len(own & newest), 3) + 0.5 * min(len(own & said - newest), 2)
    merit += 1.0 * bool(re.search(r"\byou", turn.response, re.I))
    merit += 0.5 * bool(
        re.search(r"\b(?:sounds?|must|feel|sorry|glad|happy for|proud|understand)\b", turn.response)
    )
    merit -= 1.0 * (turn.response.count("?") == len(re.findall(r"[.!?](?:\s|$)", turn.response)))
    merit -= 0.5 * (len(_WORD.findall(turn.response)) < 7)
    return merit if merit >= 1.0 else 0.0


def _side_fits(turn: Turn) -> bool:
    if not turn.emotion or turn.emotion in _OPEN:
        return True
    if CLASS_OF_LABEL[turn.emotion] == "happy":
        return not _SORRY_REPLY.search(turn.response)
    return not _GLAD_REPLY.search(turn.response)


def _balanced(turns: Sequence[tuple[float, Turn]], most: int) -> list[tuple[float, Turn]]:
    """The best of each emotion in turn, until there are enough."""
    queues: dict[str, list[tuple[float, Turn]]] = {}
    for entry in sorted(turns, key=lambda entry: -entry[0]):
        queues.setdefault(entry[1].emotion, []).append(entry)
    kept: list[tuple[float, Turn]] = []
    for rank in range(max(map(len, queues.values()), default=0)):
        kept += [queue[rank] for _, queue in sorted(queues.items()) if rank < len(queue)]
        if len(kept) >= most:
            break
    return kept[:most]


def _stems(text: str) -> set[str]:
    return {word.lower().removesuffix("'s")[:5] for word in _WORD.findall(text) if word.lower() not in _PLAIN}


_PLAIN = frozenset(
    "a about after again all also always am an and another any are as at away back be because been before"
    " being but by came can come could day did do does doing done down even ever every for from get gets"
    " getting go goes going gone got had has have having he her here hers him his how i if in into is it"
    " its just know let like lot made make makes many me more most much my never new no not nothing now of"
    " off oh ok on one only or other our out over own re really said say see she so some something still"
    " such take than that the their them then there these they thing things this those though time to too"
    " up us very was way we well went were what when where which while who whole why will with would yeah"
    " yes yet you your yours yourself i'm it's that's don't you're i've can't didn't he's she's there's"
    " they're won't isn't wasn't what's i'd i'll doesn't you've you'll you'd it'll haven't hasn't couldn't"
    " wouldn't".split()
)
