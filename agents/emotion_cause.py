"""Step 3: why the person feels so."""

from agents.asking import Asking
from agents.manner import SAID
from agents.shown import CAUSE, EMOTION, EVENT, EXAMPLES, SYSTEM, done
from agents.step import Evidence, StepContext, StepResult
from agents.words import Piece, pieces, salience, third_person, touch, uncapitalised

NAME, INSTRUCTION = CAUSE
_MOST = 16
"""Most pieces to choose from, the newest."""
_WEIGHT = 0.25
"""On 96 turns of EmpathyEar's training set the model's scores alone find 33 % of the words of the annotated
cause, salience alone 54 %, this mixture 52 %: the untuned model adds nothing yet that can be measured."""
_PERCEIVED = 8.0
"""How much more a piece counts in which perception found all its evidence."""


async def conclude(context: StepContext) -> StepResult:
    """Finds the words that hold the cause, and says it in a sentence.

    The model chooses among the pieces of what the person said; the chosen one is told in the third person, so
    that the cause adds nothing.

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
        priors = _priors(found, context.perceived_evidence)
        shares = await asking.choose(
            {str(index): third_person(piece.text) for index, piece in enumerate(found)},
            priors=dict(zip(map(str, range(len(found))), priors, strict=True)),
            evidence_weight=_WEIGHT,
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
    told = uncapitalised(third_person(best.text))
    return asking.result(f"{begin} {told}.", evidence, confidence)


def _priors(found: list[Piece], perceived: list[Evidence]) -> list[float]:
    """How likely each piece holds the cause beforehand; what perception went by counts more."""
    weights = [salience(piece) * (1 + _PERCEIVED * touch(piece, perceived)) for piece in found]
    return [weight / sum(weights) for weight in weights]
