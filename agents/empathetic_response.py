"""Step 5: the reply."""

import random
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from empatheia.reasoning.v1 import reasoning_pb2

from agents.asking import Asking, Written, seeded
from agents.manner import FOREIGN, UNHEARD, UNSURE, fitting, manner, open_feeling, pleasant
from agents.step import Alternative, StepContext, StepResult, UtteranceData
from agents.validation import reply_fault, speaks_to_person
from agents.words import content, sentences, spans_of, words

NAME = "response"
_CANDIDATES = 6
_OPTIONS = reasoning_pb2.GenerationOptions(max_tokens=40, temperature=0.4, top_p=0.9, no_repeat_ngram=4)
_PROBABLE = 2.0
"""Weight of a reply's mean log probability beside its merits: what the model finds odd, is."""
_HEARD = "{heard}"
"""Where a written sentence repeats the person's words."""
_MOST_QUOTED = 12
_WRITTEN = 0.3
"""Most confidence where a sentence that was written beforehand stands in."""


@dataclass(frozen=True)
class _Candidate:
    text: str
    merit: float
    confidence: float


async def write(
    context: StepContext,
    on_text: Callable[[str], Awaitable[None]],
    on_sentence: Callable[[int, str], Awaitable[None]],
) -> StepResult:
    """Writes the reply, and hands out its sentences.

    The model writes several replies side by side, each from a seed of its own; what adds to the dialogue,
    gives advice, tells of the listener or sounds glad for the sad is refused, and the best of the rest is
    taken. If none is left, the model tries once more; then plain sentences for the feeling stand in, at low
    confidence. So they do, always, where the person speaks another language, or was hardly understood: then
    the reply asks again.

    Raises:
        EmpatheiaError: The reasoning service failed.
    """
    asking = Asking(context, NAME)
    way = fitting(context)
    ranked: list[_Candidate] = []
    if way not in (FOREIGN, UNHEARD):
        for attempt in range(2):
            seeds = [context.seed * 1000 + attempt * _CANDIDATES + rank for rank in range(_CANDIDATES)]
            ranked = _ranked(await asking.candidates(seeded(_OPTIONS, seeds)), context, way)
            if ranked:
                break
    best = ranked[0] if ranked else None
    text = best.text if best else _plain(context, way)
    for index, sentence in enumerate(sentences(text)):
        await on_text(f" {sentence}" if index else sentence)
        await on_sentence(index, sentence)
    evidence = [
        piece.evidence("answered to", 0.8) for piece in spans_of(set(content(text)), context.dialogue)[:2]
    ]
    cause = context.step("emotion_cause")
    if way == UNHEARD and context.unheard:
        evidence = [context.unheard]
    elif not evidence and cause:
        evidence = list(cause.evidence[:1])
    return asking.result(
        " ".join(sentences(text)),
        evidence,
        best.confidence if best else _WRITTEN,
        alternatives=[Alternative(text=one.text, confidence=one.confidence) for one in ranked[1:]],
        authored=best is None,
    )


async def likelihoods(context: StepContext, replies: Sequence[str]) -> list[tuple[float, int]]:
    """How probable given replies are where `write` would ask for one; see `Asking.likelihoods`."""
    return await Asking(context, NAME).likelihoods(replies)


def _ranked(written: Sequence[Written], context: StepContext, way: str) -> list[_Candidate]:
    """The sound replies, the best first."""
    sound = []
    for answer in written:
        text = " ".join(sentences(answer.text))
        comfort = way == UNSURE or not pleasant(way)
        if not answer.whole or reply_fault(text, context.dialogue, comfort=comfort) or _wrong_side(text, way):
            continue
        merit = _PROBABLE * answer.mean_logprob + _merit(text, context)
        sound.append(_Candidate(text, merit, answer.confidence))
    return sorted(sound, key=lambda candidate: -candidate.merit)


def _merit(text: str, context: StepContext) -> float:
    """What makes one sound reply better than another, beside its probability."""
    cause = context.step("emotion_cause")
    stems = set(content(text))
    newest = stems & set(content(context.dialogue[-1].text))
    merit = 0.25 * bool(newest) + 0.4 * speaks_to_person(text)
    merit += 0.25 * bool(cause and stems & set(content(cause.text)))
    spoken = len(words(text))
    merit -= 0.5 * (spoken < 6) + 0.3 * (spoken > 26)
    merit += 0.3 * (len(sentences(text)) == 2) - 0.15 * ("?" in text)
    before = [said for said in context.dialogue if said.role == "listener"]
    if before:
        merit -= 0.6 * ("?" in text and "?" in before[-1].text)
        merit -= 0.8 * _alike(text, before)
    merit -= 0.4 * bool(_ASKS_FEELING.search(text))
    merit -= 0.5 * any(_says_back(sentence, context.dialogue) for sentence in sentences(text))
    # A question alone leaves the person without an answer.
    return merit - 0.5 * (text.count("?") == len(sentences(text)))


def _says_back(sentence: str, dialogue: Sequence[UtteranceData]) -> bool:
    """Whether a sentence tells the person of another what they have just told: "He is a manchild."."""
    told = set(content(sentence))
    said = {stem for one in dialogue if one.role == "speaker" for stem in content(one.text)}
    return bool(_OF_ANOTHER.match(sentence)) and not speaks_to_person(sentence) and told <= said


def _alike(text: str, before: Sequence[UtteranceData]) -> float:
    """Share of a reply's three-word runs that the listener has said before."""
    own = words(text)
    runs = {tuple(own[index : index + 3]) for index in range(len(own) - 2)}
    old = {
        tuple(spoken[index : index + 3])
        for said in before
        for spoken in [words(said.text)]
        for index in range(len(spoken) - 2)
    }
    return len(runs & old) / len(runs) if runs else 0.0


_GLAD = re.compile(
    r"\b(?:great|awesome|wonderful|congrat\w*|exciting|fun|lovely|amazing|yay|fantastic|enjoy\w*|cool|sweet|joy"
    r"|(?<!feel )(?<!not )good(?! (?:luck|person))|nice|lucky|(?:glad|happy|proud)(?! (?:that )?"
    r"(?:you(?:'re| are)? (?:told|safe|ok|okay|alright|here|made it|got (?:home|out|away|the))"
    r"|nobody|no one|s?he's ok)))\b",
    re.I,
)
_ASKS_FEELING = re.compile(r"\bhow (?:do|did|does) (?:you|it|that) (?:make you )?feel\b", re.I)
"""A question that the chain has answered already."""
_OH_NO = re.compile(r"\b(?:oh|aw|ugh)[, ]+no\b", re.I)
_TORN = re.compile(
    r"\b(?:oh[, ]+no|(?:i'm|i am) (?:so )?sorry)\b.*"
    r"\b(?:must be (?:so |very )?(?:happy|glad|proud|excited)|congrat\w*"
    r"|what a (?:great|lovely|wonderful|relief)|(?:so|very) (?:fun|exciting|funny))\b",
    re.I,
)
"""Sorry and glad in one breath."""
_GLAD_OF_HARM = re.compile(
    r"\b(?:glad|happy|great|awesome|good)\b(?:(?! but )[^.!?])* you (?:got |were |have been |had been )?"
    r"(?:punched|hit|hurt|sick|fired|robbed|attacked|cheated|lost|failed|fell|crashed|burned)\b",
    re.I,
)
_RUBBED_IN = re.compile(r"\byou (?:didn't|did not|couldn't|could not|failed)\b", re.I)
"""To the ashamed: what they reproach themselves with."""
_OF_ANOTHER = re.compile(r"(?:(?:oh|no|wow|yes|well)[,!. ]+)*(?:s?he|they)\b", re.I)
_BLAME = re.compile(
    r"^(?:oh[, ]+|well[, ]+)?(?:that|it)(?:'s| is| was| sounds?) (?:so |very |really )*"
    r"(?:bad|terrible|awful|horrible)",
    re.I,
)
"""What a person who is ashamed hears as a verdict."""
_SORRY = re.compile(
    r"\b(?:sorry|awful|terrible|horrible|sad|rough|tough|unfortunate|scary|upset\w*|hurts?|painful|comfort)\b",
    re.I,
)


def _wrong_side(text: str, way: str) -> bool:
    """Whether a reply is glad for somebody who is not, or sorry for somebody glad."""
    if _TORN.search(text) or _GLAD_OF_HARM.search(text):
        return True
    if open_feeling(way):
        return False
    glad, sorry = bool(_GLAD.search(text)), bool(_SORRY.search(text))
    if way == UNSURE:
        return glad or sorry
    if way in ("guilty", "ashamed", "embarrassed") and (_BLAME.search(text) or _RUBBED_IN.search(text)):
        return True
    return sorry or bool(_OH_NO.search(text)) if pleasant(way) else glad


def _plain(context: StepContext, way: str) -> str:
    """Sentences written for the feeling, other than those said before."""
    lines = manner(way)
    chance = random.Random(f"{context.seed} {context.dialogue[-1].text}")
    heard = " ".join(said.text.lower() for said in context.dialogue)
    closings = [line for line in lines.closings if line.lower() not in heard] or list(lines.closings)
    said = context.dialogue[-1].text.split()
    quoted = " ".join(said[:_MOST_QUOTED]) + ("…" if len(said) > _MOST_QUOTED else "")
    return f"{chance.choice(lines.plain)} {chance.choice(closings)}".replace(_HEARD, quoted)
