"""Step 2: what the person feels, implicitly and explicitly."""

from agents.asking import Asking
from agents.manner import SAID
from agents.shown import EMOTION, EVENT, EXAMPLES, SYSTEM, done
from agents.step import StepContext, StepResult
from agents.words import content, spans_of, words
from runtime.emotions import CLASS_OF_LABEL, LABELS

NAME, INSTRUCTION = EMOTION
_WEIGHT_BESIDE_PERCEPTION = 0.1
_WEIGHT_ALONE = 1.0
_UNHEARD = 0.3
"""Most confidence where perception said nothing."""
_ALSO = 0.6
"""Share of the first label's probability from which the second is named, too."""
_GLAD = frozenset({"happy"})
_SEEN = {
    "happy": "happy", "glad": "happy", "cheerful": "happy", "sad": "sad", "angry": "angry", "afraid": "fear",
    "fearful": "fear", "anxious": "fear", "surprised": "surprised", "disgusted": "disgusted",
    "contemptuous": "contempt", "calm": "neutral", "neutral": "neutral",
}  # fmt: skip


async def conclude(context: StepContext) -> StepResult:
    """Names the emotion: a distribution over the 32 labels, and a sentence.

    Perception's distribution is the prior; the model's scores count beside it as far as they were measured to
    help (services/reasoning/README.md). Without perception the model stands alone, at low confidence.

    Raises:
        EmpatheiaError: The reasoning service failed.
    """
    asking = Asking(context, NAME, INSTRUCTION, SYSTEM, EXAMPLES)
    heard = sum(context.labels.values()) > 0
    distribution = await asking.choose(
        {label: SAID[label] for label in LABELS},
        priors=context.labels if heard else None,
        evidence_weight=_WEIGHT_BESIDE_PERCEPTION if heard else _WEIGHT_ALONE,
        prefill="They feel",
        steps=done(context, EVENT),
    )
    (label, share), (second, next_share) = list(distribution.items())[:2]
    text = f"They feel {SAID[label]}"
    if next_share >= _ALSO * share and SAID[second] != SAID[label]:
        text += f", perhaps also {SAID[second]}"
    text += "." if CLASS_OF_LABEL[label] in text else f" ({CLASS_OF_LABEL[label]})."
    text += "".join(f" {line}" for line in _contradictions(context.observations, label))
    evidence = list(context.perceived_evidence)
    if not any(piece.kind == "text" for piece in evidence):
        stems = set(content(" ".join((label, SAID[label]))))
        evidence += [
            piece.evidence(f"sounds {SAID[label]}", 0.5) for piece in spans_of(stems, context.dialogue)[:2]
        ]
    confidence = share if heard else min(share, _UNHEARD)
    return asking.result(text, evidence, confidence, distribution)


def _contradictions(observations: list[str], label: str) -> list[str]:
    """What voice or face say against the words, and what perception found at odds."""
    lines = []
    for observation in observations:
        seen = {_SEEN[word] for word in words(observation) if word in _SEEN}
        if len(seen) > 1:
            lines.append(f"{observation.rstrip('. ')}.")
        elif seen and "neutral" not in seen and (CLASS_OF_LABEL[label] in _GLAD) != (seen <= _GLAD):
            lines.append(f"{observation.rstrip('. ')}, which does not fit.")
    return lines
