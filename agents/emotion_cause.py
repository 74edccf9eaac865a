"""Step 3: why the person feels so."""

from empatheia.reasoning.v1 import reasoning_pb2

from agents.asking import Asking
from agents.manner import SAID
from agents.shown import CAUSE, EMOTION, EVENT, EXAMPLES, SYSTEM, done
from agents.step import StepContext, StepResult
from agents.validation import retelling_fault
from agents.words import content, pieces, third_person

NAME, INSTRUCTION = CAUSE
_MOST = 16
"""Most pieces to choose from, the newest."""


async def conclude(context: StepContext) -> StepResult:
    """Finds the words that hold the cause, and says it in a sentence.

    The model first chooses among the pieces of what the person said, then retells the chosen one. A retelling
    that adds to it gives way to the person's own words.

    Raises:
        EmpatheiaError: The reasoning service failed.
    """
    asking = Asking(context, NAME, INSTRUCTION, SYSTEM, EXAMPLES)
    emotion = context.step("user_emotion")
    feeling = SAID[next(iter(emotion.distribution))] if emotion and emotion.distribution else "this way"
    steps = [*done(context, EVENT), (*EMOTION, f"They feel {feeling}.")]
    begin = f"They feel {feeling} because"
    found = pieces(context.dialogue)[-_MOST:]
    if not found:
        return asking.result(f"They don't say why they feel {feeling}.", [], 0.1)
    shares = {"0": 1.0}
    if len(found) > 1:
        priors = _priors([piece.text for piece in found])
        shares = await asking.choose(
            {str(index): third_person(piece.text) for index, piece in enumerate(found)},
            priors=dict(zip(map(str, range(len(found))), priors, strict=True)),
            prefill=begin,
            steps=steps,
        )
    best = found[int(next(iter(shares)))]
    evidence = [
        found[int(index)].evidence(f"holds the cause of feeling {feeling}", round(share, 3))
        for index, share in list(shares.items())[:3]
        if share >= 0.1
    ]
    confidence = next(iter(shares.values()))
    told = third_person(best.text)
    told = told if told[:1].islower() or told.split()[0].isupper() else told[:1].lower() + told[1:]
    options = reasoning_pb2.GenerationOptions(max_tokens=28, no_repeat_ngram=4, seed=context.seed)
    answer = await asking.write(options, prefill=begin, steps=steps)
    because = answer.text.removeprefix(begin)
    overlap = set(content(because)) & set(content(best.text))
    if overlap and not retelling_fault(answer.text, best.text + " " + feeling):
        return asking.result(answer.text, evidence, confidence)
    return asking.result(f"{begin} {told}.", evidence, 0.7 * confidence)


def _priors(texts: list[str]) -> list[float]:
    """More content makes a likelier cause."""
    sizes = [1.0 + min(len(set(content(text))), 6) for text in texts]
    return [size / sum(sizes) for size in sizes]
