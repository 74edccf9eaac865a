"""The frame that the reasoning steps share: who the model is, the questions, and worked examples.

All steps before the reply ask in the same frame, so that the model reads it once for all turns.
"""

from agents.asking import Shown
from agents.step import StepContext, UtteranceData

SYSTEM = (
    "Someone talks with a kind friend. The friend thinks step by step about what happened, how the person"
    " feels, why, and what would help. Only what the person said counts; nothing is made up."
)

EVENT = ("event_scenario", "What happened?")
EMOTION = ("user_emotion", "How do they feel?")
CAUSE = ("emotion_cause", "Why do they feel so?")
GOAL = ("response_goal", "What would help them?")


def _shown(said: str, event: str, emotion: str, cause: str, goal: str) -> Shown:
    steps = [(*EVENT, event), (*EMOTION, emotion), (*CAUSE, cause), (*GOAL, goal)]
    return Shown([UtteranceData(role="speaker", text=said)], steps)


EXAMPLES = (
    _shown(
        "I called my sister after two years, and she hung up on me. I just sat there with the phone.",
        "They called their sister after two years, and she hung up on them.",
        "They feel disappointed.",
        "They feel disappointed because their sister hung up on them.",
        "To comfort them.",
    ),
    _shown(
        "guess what, my daughter read a whole book tonight!! she struggled with letters for so long",
        "Their daughter read a whole book tonight.",
        "They feel proud.",
        "They feel proud because their daughter struggled for so long and read a whole book.",
        "To share their joy.",
    ),
    _shown(
        "The doctors want more tests and nobody tells us why. I can't think of anything else at work.",
        "The doctors want more tests and nobody tells them why.",
        "They feel anxious.",
        "They feel anxious because nobody tells them why there are more tests.",
        "To reassure them.",
    ),
)
"""Three, for a sad, a glad and a worried person."""


def done(context: StepContext, *wanted: tuple[str, str]) -> list[tuple[str, str, str]]:
    """Earlier steps as the frame has them: name, question, conclusion."""
    results = {step.name: step.text for step in context.steps}
    return [(name, question, results[name]) for name, question in wanted if name in results]
