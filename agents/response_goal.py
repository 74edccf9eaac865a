"""Step 4: what the reply is for."""

import random
import re

from agents.asking import Asking
from agents.manner import UNHEARD, fitting, manner
from agents.step import Alternative, StepContext, StepResult
from agents.validation import step_fault

NAME = "response_goal"
_MOST_TOKENS = 16
_MOST_WORDS = 12
_WRITTEN = 0.3
"""Confidence where a goal written for the feeling stands in for the model's."""


async def conclude(context: StepContext) -> StepResult:
    """Says in a few words what the reply is to do for the person.

    If the model's answer is nonsense twice, and always where the person was hardly heard, a goal that was
    written for it stands in.

    Raises:
        EmpatheiaError: The reasoning service failed.
    """
    asking = Asking(context, NAME)
    cause = context.step("emotion_cause")
    evidence = list(cause.evidence[:1]) if cause else []
    way = fitting(context)
    if way == UNHEARD and context.unheard:
        evidence = [context.unheard]
    else:
        answers = await asking.sound(
            _MOST_TOKENS, lambda text: step_fault(text, context.dialogue, most_words=_MOST_WORDS)
        )
        if answers:
            first, *rest = [Alternative(text=_mended(one.text), confidence=one.confidence) for one in answers]
            return asking.result(first.text, evidence, first.confidence, alternatives=rest)
    written = manner(way).goals
    # They suit the feeling alike, so chance decides.
    alternatives = [Alternative(text=text, confidence=_WRITTEN) for text in written]
    goal = random.Random(context.seed).choice(written)
    return asking.result(goal, evidence, _WRITTEN, alternatives=alternatives, authored=True)


def _mended(text: str) -> str:
    # The shipped adapter learned from a few thousand goals in which this noun had lost its ending.
    return re.sub(r"\b(and) understand\.", r"\1 understanding.", text)
