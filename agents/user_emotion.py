"""Step 2: what the person feels, implicitly and explicitly."""

from agents.asking import Asking
from agents.step import StepContext, StepResult, UtteranceData
from agents.words import Piece, content, spans_of, words
from runtime.chain_of_empathy import FEEL, SAID
from runtime.emotions import CLASS_OF_LABEL, LABELS

NAME = "user_emotion"
_WEIGHT_BESIDE_PERCEPTION = 0.2
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
_NAMED = {
    stem: klass
    for klass, named in {
        "happy": "happy glad excited joyful joy proud grateful thankful hopeful confident content thrilled"
        " delighted relieved love ecstatic cheerful peaceful",
        "sad": "sad lonely alone guilty guilt ashamed shame embarrassed embarrassing humiliated disappointed"
        " heartbroken depressed miserable hurt upset unhappy anxious nervous worried stressed miss",
        "angry": "angry mad furious annoyed annoying pissed livid irritated frustrated frustrating rage hate",
        "fear": "afraid scared scary terrified terrifying fear frightened apprehensive uneasy dread",
        "surprised": "surprised surprise shocked shocking amazed impressed stunned devastated devastating",
        "disgusted": "disgusted disgusting gross nauseous sick revolting nasty",
        "contempt": "jealous envious envy jealousy",
    }.items()
    for stem in content(named)
}
"""Words that name a feeling outright, with the class of it."""


async def conclude(context: StepContext) -> StepResult:
    """Names the emotion: a distribution over the 32 labels, and a sentence.

    Perception's distribution is the prior; the model's scores count beside it as far as they were measured to
    help (services/reasoning/README.md). Without perception the model stands alone, at low confidence. The
    sentence says whether the person named the feeling (explicit) or it shows between the lines (implicit),
    and where voice or face are at odds with the words.

    Raises:
        EmpatheiaError: The reasoning service failed.
    """
    asking = Asking(context, NAME)
    heard = sum(context.labels.values()) > 0
    distribution = await asking.choose(
        {label: SAID[label] for label in LABELS},
        priors=context.labels if heard else None,
        evidence_weight=_WEIGHT_BESIDE_PERCEPTION if heard else _WEIGHT_ALONE,
        prefill=FEEL,
    )
    (label, share), (second, next_share) = list(distribution.items())[:2]
    text = f"{FEEL} {SAID[label]}"
    if next_share >= _ALSO * share and SAID[second] != SAID[label]:
        text += f", perhaps also {SAID[second]}"
    text += "" if CLASS_OF_LABEL[label] in text else f" ({CLASS_OF_LABEL[label]})"
    named = _named(label, context.dialogue)
    text += ", and say so." if named else "; they don't say it in so many words."
    text += "".join(f" {line}" for line in _contradictions(context.observations, label))
    evidence = [piece.evidence(f"names it: {SAID[label]}", 1.0) for piece in named[:1]]
    evidence += context.perceived_evidence
    if not any(piece.kind == "text" for piece in evidence):
        stems = set(content(" ".join((label, SAID[label]))))
        evidence += [
            piece.evidence(f"sounds {SAID[label]}", 0.5) for piece in spans_of(stems, context.dialogue)[:2]
        ]
    confidence = share if heard else min(share, _UNHEARD)
    return asking.result(text, evidence, confidence, distribution)


def _named(label: str, dialogue: list[UtteranceData]) -> list[Piece]:
    """The pieces in which the person names this feeling, or one of its class; the newest first."""
    wanted = set(content(label)) | {stem for stem, klass in _NAMED.items() if klass == CLASS_OF_LABEL[label]}
    return sorted(spans_of(wanted, dialogue), key=lambda piece: -piece.utterance)


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
