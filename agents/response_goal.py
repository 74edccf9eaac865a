"""Step 4: what the reply is for."""

from agents.asking import Asking
from agents.manner import fitting, manner
from agents.shown import CAUSE, EMOTION, EVENT, EXAMPLES, GOAL, SYSTEM, done
from agents.step import StepContext, StepResult

NAME, INSTRUCTION = GOAL


async def conclude(context: StepContext) -> StepResult:
    """Chooses among the goals that suit the feeling.

    Raises:
        EmpatheiaError: The reasoning service failed.
    """
    asking = Asking(context, NAME, INSTRUCTION, SYSTEM, EXAMPLES)
    goals = manner(fitting(context)).goals
    shares = await asking.choose({goal: goal for goal in goals}, steps=done(context, EVENT, EMOTION, CAUSE))
    goal, share = next(iter(shares.items()))
    emotion, cause = context.step("user_emotion"), context.step("emotion_cause")
    evidence = cause.evidence[:1] if cause else []
    certainty = emotion.confidence if emotion else share
    return asking.result(goal, list(evidence), certainty, shares)
