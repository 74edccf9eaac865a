"""Step 4: what the reply is for."""

import math
import random
import re

from empatheia.reasoning.v1 import reasoning_pb2

from agents.asking import Asking
from agents.manner import CRISIS, UNHEARD, fitting, manner
from agents.step import StepContext, StepResult
from agents.validation import step_fault

NAME = "response_goal"
_OPTIONS = reasoning_pb2.GenerationOptions(max_tokens=16)
_AGAIN = reasoning_pb2.GenerationOptions(max_tokens=16, temperature=0.7, top_p=0.9)
_MOST_WORDS = 12
_WRITTEN = 0.3
"""Confidence where a goal written for the feeling stands in for the model's."""


async def conclude(context: StepContext) -> StepResult:
    """Says in a few words what the reply is to do for the person.

    If the model's answer is nonsense twice, and always where the person is in danger or was hardly heard, a
    goal that was written for it stands in.

    Raises:
        EmpatheiaError: The reasoning service failed.
    """
    asking = Asking(context, NAME)
    cause = context.step("emotion_cause")
    evidence = list(cause.evidence[:1]) if cause else []
    way = fitting(context)
    if way == UNHEARD and context.unheard:
        evidence = [context.unheard]
    elif way != CRISIS:
        answer = await asking.write(_OPTIONS)
        if step_fault(answer.text, context.dialogue, most_words=_MOST_WORDS):
            answer = (await asking.candidates(_AGAIN, [context.seed + 1]))[0]
        if not step_fault(answer.text, context.dialogue, most_words=_MOST_WORDS):
            # The shipped adapter learned from a few thousand goals in which this noun had lost its ending.
            text = re.sub(r"\b(and) understand\.", r"\1 understanding.", answer.text)
            return asking.result(text, evidence, math.exp(answer.mean_logprob))
    goal = random.Random(context.seed).choice(manner(way).goals)
    return asking.result(goal, evidence, _WRITTEN, authored=True)
