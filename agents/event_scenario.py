"""Step 1: what happened."""

from agents.asking import Asking
from agents.step import StepContext, StepResult
from agents.validation import step_fault
from agents.words import content, retold, sentence_of, spans_of, weightiest

NAME = "event_scenario"
_MOST_TOKENS = 12
_MOST_WORDS = 8
_LONGEST = 30
"""Words of a sentence that is quoted whole."""
_OWN_WORDS = 0.3
"""Confidence where the model's answer was no use and the person's own words stand in for it."""


async def conclude(context: StepContext) -> StepResult:
    """Names what happened in a few words: "Pet loss.".

    If the model's answer is nonsense twice, the person's own weightiest sentence stands in, told in the third
    person.

    Raises:
        EmpatheiaError: The reasoning service failed.
    """
    asking = Asking(context, NAME)
    piece = weightiest(context.dialogue, context.perceived_evidence)
    if piece is None:
        newest = " ".join(context.dialogue[-1].text.split())
        return asking.result(f"They say: “{newest}”.", [], _OWN_WORDS / 2, authored=True)
    answers = await asking.sound(
        _MOST_TOKENS, lambda text: step_fault(text, context.dialogue, most_words=_MOST_WORDS)
    )
    if not answers:
        whole = sentence_of(piece, context.dialogue, _LONGEST)
        evidence = [whole.evidence("the person's own words", 1.0)]
        return asking.result(retold(whole.text), evidence, _OWN_WORDS, authored=True)
    answer, *others = answers
    found = spans_of(set(content(answer.text)), context.dialogue)[:2] or [piece]
    evidence = [
        one.evidence("tells what happened", 1.0 if rank == 0 else 0.6) for rank, one in enumerate(found)
    ]
    alternatives = [other.alternative() for other in others]
    return asking.result(answer.text, evidence, answer.confidence, alternatives=alternatives)
