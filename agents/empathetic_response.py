"""Step 5: the reply."""

import math
import random
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from empatheia.reasoning.v1 import reasoning_pb2

from agents.asking import Asking, Shown
from agents.manner import Manner, fitting, manner
from agents.step import StepContext, StepResult, UtteranceData
from agents.validation import completion_error, completion_fault, reply_fault
from agents.words import content, spans_of, words

NAME = "response"
INSTRUCTION = "Friend:"
SYSTEM = (
    "Someone talks with a kind friend. The friend answers in one short, warm sentence that shows how the"
    " person must feel about what they said."
)
_OPTIONS = reasoning_pb2.GenerationOptions(max_tokens=16, stop=[".", "!", "?", ",", "\n"], no_repeat_ngram=3)
_VAGUE = frozenset("it that this them things something there him her".split())
_GOOD = 0.3
"""Score from which a completion is taken without looking for a better one."""
_PLAIN_CONFIDENCE = 0.3


@dataclass(frozen=True)
class _Candidate:
    text: str
    score: float
    logprob: float


async def write(
    context: StepContext,
    on_text: Callable[[str], Awaitable[None]],
    on_sentence: Callable[[int, str], Awaitable[None]],
) -> StepResult:
    """Writes the reply, and hands out each sentence as soon as it is sound.

    The model completes several openings that suit the feeling; the completion that is most probable and rests
    most on what the person said is taken. Then the model chooses how to go on. What adds to the dialogue,
    gives advice or tells of the listener is refused; if nothing sound is left, a plain sentence for the
    feeling stands in, at low confidence.

    Raises:
        EmpatheiaError: The reasoning service failed.
    """
    way = manner(fitting(context))
    asking = Asking(context, NAME, INSTRUCTION, SYSTEM, _examples(way))
    chance = random.Random(f"{context.seed} {context.dialogue[-1].text}")
    said = " ".join(utterance.text for utterance in context.dialogue if utterance.role == "speaker")
    heard = " ".join(utterance.text for utterance in context.dialogue)

    first = await _first(asking, way, chance, said, heard)
    confidence = math.exp(first.logprob) if first else _PLAIN_CONFIDENCE
    opening = first.text if first else await _chosen(asking, way.plain, "", chance, heard)
    await on_text(opening)
    await on_sentence(0, opening)
    unused = tuple(line for line in way.closings if line.lower() not in heard.lower())
    closing = await _chosen(asking, unused or way.closings, opening, chance, heard)
    await on_text(" " + closing)
    await on_sentence(1, closing)

    stems = set(content(opening))
    evidence = [piece.evidence("answered to", 0.8) for piece in spans_of(stems, context.dialogue)[:2]]
    cause = context.step("emotion_cause")
    if not evidence and cause:
        evidence = list(cause.evidence[:1])
    return asking.result(f"{opening} {closing}", evidence, confidence)


async def likelihoods(context: StepContext, replies: Sequence[str]) -> list[tuple[float, int]]:
    """How probable given replies are where `write` would ask for one; see `Asking.likelihoods`."""
    asking = Asking(context, NAME, INSTRUCTION, SYSTEM, _examples(manner(fitting(context))))
    return await asking.likelihoods(replies)


def _examples(way: Manner) -> list[Shown]:
    return [
        Shown([UtteranceData(role="speaker", text=said)], [(NAME, INSTRUCTION, answer)])
        for said, answer in way.examples
    ]


async def _first(
    asking: Asking, way: Manner, chance: random.Random, said: str, heard: str
) -> _Candidate | None:
    """The best completion of an opening, if any is sound."""
    context = asking.context
    cause = context.step("emotion_cause")
    aim = set(content(cause.evidence[0].text)) if cause and cause.evidence else set()
    newest = set(content(context.dialogue[-1].text))
    sound = []
    for opening in chance.sample(way.openings, len(way.openings)):

        def hopeless(text: str, opening: str = opening) -> bool:
            return bool(completion_error(text.removeprefix(opening), heard))

        answer = await asking.write(_OPTIONS, prefill=opening, hopeless=hopeless)
        if answer is None:
            continue
        rest = re.sub(r" (?='(?:re|ve|ll|s|d)\b)", "", answer.text.removeprefix(opening)).strip(" ,;:-–—")
        space = "" if rest.startswith("'") else " "
        text = f"{opening}{space}{rest}{way.mark}"
        if not answer.whole or completion_fault(rest, heard) or reply_fault(text, said, heard):
            continue
        stems = set(content(rest))
        own = words(rest)
        score = answer.mean_logprob + 0.5 * bool(stems & aim) + 0.3 * bool(stems & newest) + 0.4 * bool(stems)
        score -= 0.6 * (own[-1] in _VAGUE) + 0.3 * (len(own) < 2)
        sound.append(_Candidate(text, score, answer.mean_logprob))
        if score >= _GOOD:
            break
    return max(sound, key=lambda candidate: candidate.score, default=None)


async def _chosen(
    asking: Asking, lines: tuple[str, ...], before: str, chance: random.Random, heard: str
) -> str:
    """Draws one of several sentences by how well the model finds that they go on."""
    if len(lines) == 1:
        return lines[0]
    shares = await asking.choose({line: line for line in lines}, prefill=before, evidence_weight=1.5)
    return chance.choices(list(shares), weights=list(shares.values()))[0]
