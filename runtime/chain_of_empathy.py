"""The frame of the Chain of Empathy: what a language model is told and asked, step by step.

The agents ask in these words, and training teaches the answers to them. All steps of a turn, the reply
included, share one frame, so that a model reads each word of a turn once.
"""

from collections.abc import Mapping

SYSTEM = "Someone talks with a kind friend, who first thinks about what they feel and then answers warmly."

QUESTIONS: Mapping[str, str] = {
    "event_scenario": "What happened?",
    "user_emotion": "How do they feel?",
    "emotion_cause": "Why do they feel so?",
    "response_goal": "What would help them?",
    "response": "Friend:",
}
"""What is asked at each step, in order; the reply is asked for as the next line of the dialogue."""

FEEL = "They feel"
"""How the answer to `user_emotion` begins; a feeling follows."""

SAID: Mapping[str, str] = {
    label: label
    for label in (
        "afraid angry annoyed anxious apprehensive ashamed caring confident content devastated disappointed"
        " disgusted embarrassed excited faithful furious grateful guilty hopeful impressed jealous joyful"
        " lonely nostalgic prepared proud sad sentimental surprised terrified trusting"
    ).split()
} | {"anticipating": "full of anticipation"}
"""How each of the 32 labels reads after "they feel"."""


def felt(label: str) -> str:
    """The answer to `user_emotion` that a later step reads: "They feel guilty."."""
    return f"{FEEL} {SAID.get(label, label)}."
