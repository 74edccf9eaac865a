"""Step 1: what happened."""

from empatheia.reasoning.v1 import reasoning_pb2

from agents.asking import Asking
from agents.shown import EVENT, EXAMPLES, SYSTEM
from agents.step import StepContext, StepResult
from agents.validation import retelling_fault
from agents.words import Piece, content, pieces, spans_of, third_person

NAME, INSTRUCTION = EVENT
_ATTEMPTS = (
    reasoning_pb2.GenerationOptions(max_tokens=32, no_repeat_ngram=4),
    reasoning_pb2.GenerationOptions(max_tokens=32, no_repeat_ngram=4, temperature=0.6, top_p=0.9),
)
_OWN_WORDS = 0.3
"""Confidence where the model's answer was no use and the person's own words stand in for it."""


async def conclude(context: StepContext) -> StepResult:
    """Says in one sentence what happened, in words that the dialogue holds.

    The model retells; what adds to the dialogue is refused. After two refusals the person's own weightiest
    words are quoted instead.

    Raises:
        EmpatheiaError: The reasoning service failed.
    """
    asking = Asking(context, NAME, INSTRUCTION, SYSTEM, EXAMPLES)
    said = " ".join(utterance.text for utterance in context.dialogue if utterance.role == "speaker")
    for attempt, options in enumerate(_ATTEMPTS):
        options.seed = context.seed + attempt
        answer = await asking.write(options, prefill="")
        if not retelling_fault(answer.text, said):
            evidence = [
                piece.evidence("tells what happened", 1.0 if rank == 0 else 0.6)
                for rank, piece in enumerate(spans_of(set(content(answer.text)), context.dialogue)[:3])
            ]
            return asking.result(answer.text, evidence, 2.718281828**answer.mean_logprob)
    piece = weightiest(context)
    if piece is None:
        newest = context.dialogue[-1].text.strip()
        return asking.result(f"They said: “{newest}”.", [], _OWN_WORDS / 2)
    told = third_person(piece.text)
    text = (
        f"They tell that {told}."
        if told.lower().startswith(("they ", "their "))
        else f"They tell of this: “{piece.text}”."
    )
    return asking.result(text, [piece.evidence("the person's own words", 1.0)], _OWN_WORDS)


def weightiest(context: StepContext) -> Piece | None:
    """The piece with the most content; of two alike, the newer."""
    return max(
        pieces(context.dialogue),
        key=lambda piece: (len(set(content(piece.text))), piece.utterance),
        default=None,
    )
