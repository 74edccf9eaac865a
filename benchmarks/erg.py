"""`empatheia evaluate erg`: how right the chain is on dialogues whose emotion is known.

Perplexity of the human reply and the share of unsupported claims need more than the contracts give today and
are not measured yet.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from agents.step import StepResult
from benchmarks.chains import Chain, Sample, chain
from runtime.artifacts import new_turn_id
from runtime.clients.transport import Transport
from runtime.emotions import CLASS_OF_LABEL, LABELS, class_distribution

_BINS = 10


async def evaluate(
    transport: Transport, drawn: Sequence[Sample], progress: Callable[[int], None]
) -> dict[str, Any]:
    """Runs the chain on each dialogue and sums up.

    Args:
        transport: Leads to perception and reasoning.
        drawn: Dialogues that end with an utterance of the person.
        progress: Told how many are done.

    Returns:
        `accuracy_32`, `accuracy_7`, `macro_f1_32` and `ece` (10 bins) of the emotion; `dist_1` and `dist_2`
        of the replies (distinct n-grams by all n-grams of the corpus, x 100); `evidence_valid`, the share of
        quoted evidence that stands in the dialogue where it says; `tokens_per_s` written or scored;
        `first_sentence_s`, the median from the start of the chain to the first sentence of the reply.
    """
    chains = []
    started = time.monotonic()
    for done, sample in enumerate(drawn, 1):
        chains.append(await chain(transport, sample, new_turn_id(), done))
        progress(done)
    gold = [sample.emotion for sample in drawn]
    emotions = [_step(one, "user_emotion").distribution for one in chains]
    found = [max(shares, key=shares.__getitem__) for shares in emotions]
    classes = [class_distribution(shares) for shares in emotions]
    replies = [_step(one, "response").text.lower().split() for one in chains]
    usage = [step.usage for one in chains for step in one.steps]
    written = sum(one.get("completion_tokens", 0.0) for one in usage if one.get("decode_ms"))
    decode_s = sum(one.get("decode_ms", 0.0) for one in usage) / 1000
    firsts = sorted(one.first_sentence_s for one in chains)
    return {
        "n": len(drawn),
        "accuracy_32": _mean([a == b for a, b in zip(found, gold, strict=True)]),
        "accuracy_7": _mean(
            [
                max(shares, key=shares.__getitem__) == CLASS_OF_LABEL[label]
                for shares, label in zip(classes, gold, strict=True)
            ]
        ),
        "macro_f1_32": macro_f1(found, gold),
        "ece": calibration_error(
            [max(shares.values()) for shares in emotions],
            [a == b for a, b in zip(found, gold, strict=True)],
        ),
        "dist_1": distinct(replies, 1),
        "dist_2": distinct(replies, 2),
        "evidence_valid": _evidence_valid(chains, drawn),
        "tokens_per_s": written / decode_s if decode_s else None,
        "first_sentence_s": firsts[len(firsts) // 2],
        "elapsed_s": time.monotonic() - started,
    }


def macro_f1(found: list[str], gold: list[str]) -> float:
    """Mean F1 over the labels that occur in `gold`."""
    scores = []
    for label in LABELS:
        if label not in gold:
            continue
        right = sum(a == b == label for a, b in zip(found, gold, strict=True))
        scores.append(2 * right / (found.count(label) + gold.count(label)))
    return _mean(scores)


def calibration_error(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """Expected calibration error in 10 bins of equal width (Guo et al. 2017)."""
    error = 0.0
    for index in range(_BINS):
        inside = [i for i, c in enumerate(confidences) if min(int(c * _BINS), _BINS - 1) == index]
        if inside:
            gap = _mean([confidences[i] for i in inside]) - _mean([right[i] for i in inside])
            error += abs(gap) * len(inside) / len(confidences)
    return error


def distinct(replies: Sequence[Sequence[str]], size: int) -> float:
    """Distinct n-grams by all n-grams of the corpus, x 100 (Li et al. 2016)."""
    grams = [tuple(reply[i : i + size]) for reply in replies for i in range(len(reply) - size + 1)]
    return 100 * len(set(grams)) / len(grams) if grams else 0.0


def _evidence_valid(chains: Sequence[Chain], drawn: Sequence[Sample]) -> float:
    return _mean(
        [
            sample.dialogue[piece.utterance or 0].text[int(piece.start) : int(piece.end)] == piece.text
            for one, sample in zip(chains, drawn, strict=True)
            for step in one.steps
            for piece in step.evidence
            if piece.kind == "text"
        ]
    )


def _step(one: Chain, name: str) -> StepResult:
    return next(step for step in one.steps if step.name == name)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
