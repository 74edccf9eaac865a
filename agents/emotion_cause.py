"""Step 3: why the person feels so."""

import math

from empatheia.reasoning.v1 import reasoning_pb2

from agents.asking import Asking
from agents.step import StepContext, StepResult
from agents.validation import step_fault
from agents.words import content, pieces, ranked_by, third_person

NAME = "emotion_cause"
_OPTIONS = reasoning_pb2.GenerationOptions(max_tokens=20)
_AGAIN = reasoning_pb2.GenerationOptions(max_tokens=20, temperature=0.7, top_p=0.9)
_MOST_WORDS = 14
_OWN_WORDS = 0.3


async def conclude(context: StepContext) -> StepResult:
    """Says the cause in a few words, and finds the words of the dialogue that hold it.

    If the model's answer adds to the dialogue or is nonsense twice, the piece of what was said that most
    likely holds the cause stands in, told in the third person.

    Raises:
        EmpatheiaError: The reasoning service failed.
    """
    asking = Asking(context, NAME)
    if not pieces(context.dialogue):
        return asking.result("They don't say why.", [], 0.1, authored=True)
    answer = await asking.write(_OPTIONS)
    if _fault(answer.text, context):
        answer = (await asking.candidates(_AGAIN, [context.seed + 1]))[0]
    fault = _fault(answer.text, context)
    found = ranked_by(
        set() if fault else set(content(answer.text)), context.dialogue, context.perceived_evidence
    )
    evidence = [
        one.evidence("holds the cause", 1.0 if rank == 0 else 0.5) for rank, one in enumerate(found[:2])
    ]
    if fault:
        told = third_person(found[0].text)
        return asking.result(f"{told[0].upper()}{told[1:]}.", evidence[:1], _OWN_WORDS, authored=True)
    return asking.result(answer.text, evidence, math.exp(answer.mean_logprob))


def _fault(text: str, context: StepContext) -> str:
    return step_fault(text, context.dialogue, most_words=_MOST_WORDS, grounded=True)
