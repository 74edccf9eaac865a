"""Step 3: why the person feels so."""

from agents.asking import Asking
from agents.step import Alternative, StepContext, StepResult
from agents.validation import step_fault
from agents.words import content, pieces, ranked_by, retold

NAME = "emotion_cause"
_MOST_TOKENS = 20
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
    answers = await asking.sound(
        _MOST_TOKENS, lambda text: step_fault(text, context.dialogue, most_words=_MOST_WORDS, grounded=True)
    )
    stems = set(content(answers[0].text)) if answers else set()
    found = ranked_by(stems, context.dialogue, context.perceived_evidence)
    evidence = [
        one.evidence("holds the cause", 1.0 if rank == 0 else 0.5) for rank, one in enumerate(found[:2])
    ]
    if answers:
        answer, *others = answers
        alternatives = [other.alternative() for other in others]
        return asking.result(answer.text, evidence, answer.confidence, alternatives=alternatives)
    told, *others_told = (retold(piece.text) for piece in found)
    alternatives = [Alternative(text=text, confidence=_OWN_WORDS / 2) for text in others_told]
    return asking.result(told, evidence[:1], _OWN_WORDS, alternatives=alternatives, authored=True)
