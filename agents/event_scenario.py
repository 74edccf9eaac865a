"""Step 1: what happened."""

import math

from empatheia.reasoning.v1 import reasoning_pb2

from agents.asking import Asking
from agents.shown import EVENT, EXAMPLES, SYSTEM
from agents.step import StepContext, StepResult
from agents.validation import retelling_error, retelling_fault
from agents.words import Piece, content, pieces, salience, sentence_of, spans_of, third_person, touch

NAME, INSTRUCTION = EVENT
_OPTIONS = reasoning_pb2.GenerationOptions(max_tokens=24, no_repeat_ngram=4)
_BEGIN = 7
"""Words of the retelling that are given.

On 50 dialogues of the validation part 3 words led to a sound retelling in 13, 5 in 25, 7 in 32, 9 in 31. To
ask again, with the temperature up, saved one or two more and took as long again.
"""
_KEPT = 0.75
"""Share of the content that a retelling must keep."""
_LONGEST = 30
"""Words of a sentence that is quoted whole."""
_OWN_WORDS = 0.3
"""Confidence where the model's answer was no use and the person's own words stand in for it."""


async def conclude(context: StepContext) -> StepResult:
    """Says in one sentence what happened, in words that the dialogue holds.

    The model retells, until a word adds to the dialogue. If one does, or too much is left out, the person's
    own weightiest sentence stands in, told in the third person.

    Raises:
        EmpatheiaError: The reasoning service failed.
    """
    asking = Asking(context, NAME, INSTRUCTION, SYSTEM, EXAMPLES)
    said = " ".join(utterance.text for utterance in context.dialogue if utterance.role == "speaker")
    piece = weightiest(context)
    if piece is None:
        newest = context.dialogue[-1].text.strip()
        return asking.result(f"They say: “{newest}”.", [], _OWN_WORDS / 2)
    whole = sentence_of(piece, context.dialogue, _LONGEST)
    told = third_person(whole.text)
    told = f"{told[0].upper()}{told[1:]}."
    # The first words in the third person set the model on its way.
    answer = await asking.write(
        _OPTIONS,
        prefill=" ".join(told.split()[:_BEGIN]),
        hopeless=lambda text: bool(retelling_error(text, said)),
    )
    if answer and not retelling_fault(answer.text, said) and _kept(answer.text, piece.text):
        evidence = [
            found.evidence("tells what happened", 1.0 if rank == 0 else 0.6)
            for rank, found in enumerate(spans_of(set(content(answer.text)), context.dialogue)[:3])
        ]
        return asking.result(answer.text, evidence, math.exp(answer.mean_logprob))
    return asking.result(told, [whole.evidence("the person's own words", 1.0)], _OWN_WORDS)


def _kept(text: str, original: str) -> bool:
    """Whether a retelling keeps most of what it retells."""
    wanted = set(content(original))
    return len(wanted & set(content(text))) >= _KEPT * len(wanted)


def weightiest(context: StepContext) -> Piece | None:
    """The piece that tells most; of two alike, the newer. What perception went by counts up to double."""

    def rank(piece: Piece) -> tuple[float, int, int]:
        told = salience(piece) * (1 + touch(piece, context.perceived_evidence))
        return told, len(content(piece.text)), piece.utterance

    return max(pieces(context.dialogue), key=rank, default=None)
