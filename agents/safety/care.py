"""The Chain of Empathy where somebody is in danger: no model writes any of it.

Every step keeps its place in the chain and says what it rests on, but concludes what was written for the
kind of danger and for where the talk about it stands.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from agents.safety.assessment import SafetyData
from agents.safety.net import catch
from agents.safety.replies import choose, replies, topics_of
from agents.step import Evidence, ModelRef, StepContext, StepResult
from agents.words import sentences
from runtime.chain_of_empathy import FEEL, QUESTIONS, SAID
from runtime.emotions import CLASS_OF_LABEL, LABELS
from runtime.help_lines import countries
from runtime.language import language_of
from runtime.safety import AFTERWARDS, DOUBT, FIRST, HARM_TO_OTHERS, SELF_HARM

_WRITTEN = ModelRef(backend="written", model_id="agents/safety", weight_hash="")
_HEAVY = frozenset("afraid anxious apprehensive ashamed guilty lonely sad terrified disappointed".split())
"""What a person in danger may be said to feel."""
_ANGRY = frozenset("angry furious annoyed".split())
"""Besides, where they may hurt others."""
_RELIEVED = frozenset("grateful hopeful trusting".split())
"""Besides, where help has come."""
_MOST_QUOTED = 24
"""Words of the person in the cause."""


def warm_up() -> None:
    """Loads phrases, replies, numbers and what tells languages apart: no danger then waits for them."""
    catch("")
    language_of("")
    topics_of("")
    replies("en", SELF_HARM)
    countries()
    _chain()


def conclude(name: str, context: StepContext, danger: SafetyData) -> StepResult:
    """One of the first four steps of the chain, as it was written for a danger."""
    began = time.monotonic()
    said = _chain()
    distribution: dict[str, float] = {}
    if name == "event_scenario":
        text = said["event_scenario"][danger.kind][_wording(danger.stage)]
    elif name == "user_emotion":
        distribution = feelings(context.labels, danger)
        label = next(iter(distribution))
        text = f"{FEEL} {SAID[label]} ({CLASS_OF_LABEL[label]}); the danger counts for more than the feeling."
    elif name == "emotion_cause":
        words = context.dialogue[-1].text.split()
        quoted = " ".join(words[:_MOST_QUOTED]) + ("…" if len(words) > _MOST_QUOTED else "")
        text = f"“{quoted}”"
    else:
        text = said["response_goal"][danger.stage]
    return _result(name, text, context, danger, began, distribution)


async def write(
    context: StepContext,
    danger: SafetyData,
    on_text: Callable[[str], Awaitable[None]],
    on_sentence: Callable[[int, str], Awaitable[None]],
) -> StepResult:
    """The reply to a danger; hands out its sentences as `agents.empathetic_response.write` does."""
    began = time.monotonic()
    text = choose(danger, context.dialogue, context.seed)
    for index, sentence in enumerate(sentences(text)):
        await on_text(f" {sentence}" if index else sentence)
        await on_sentence(index, sentence)
    return _result("response", " ".join(sentences(text)), context, danger, began, {})


def feelings(labels: Mapping[str, float], danger: SafetyData) -> dict[str, float]:
    """The distribution over the 32 labels with only what a person in this danger may be said to feel."""
    allowed = _HEAVY
    if danger.kind == HARM_TO_OTHERS:
        allowed = allowed | _ANGRY
    if danger.stage == AFTERWARDS:
        allowed = allowed | _RELIEVED
    shares = {label: labels.get(label, 0.0) if label in allowed else 0.0 for label in LABELS}
    # "devastated" is surprise among the classes; here it is grief.
    shares["sad"] += labels.get("devastated", 0.0)
    total = sum(shares.values())
    if total <= 0:
        shares, total = {label: float(label == "afraid") for label in LABELS}, 1.0
    return dict(
        sorted(((label, share / total) for label, share in shares.items()), key=lambda pair: -pair[1])
    )


def _result(
    name: str,
    text: str,
    context: StepContext,
    danger: SafetyData,
    began: float,
    distribution: dict[str, float],
) -> StepResult:
    return StepResult(
        name=name,
        text=text,
        evidence=[_evidence(context, danger)],
        confidence=danger.confidence if not distribution else round(max(distribution.values()), 4),
        distribution=distribution,
        model=_WRITTEN,
        ms=(time.monotonic() - began) * 1000,
        attempts=1,
        instruction=QUESTIONS[name],
        authored=True,
    )


def _evidence(context: StepContext, danger: SafetyData) -> Evidence:
    """The utterance that told the danger."""
    told = danger.utterance if danger.utterance >= 0 else len(context.dialogue) - 1
    text = context.dialogue[told].text
    note = f"speaks of danger: {danger.kind.replace('_', ' ')}"
    return Evidence(
        kind="text", note=note, weight=danger.confidence, utterance=told, start=0, end=len(text), text=text
    )


def _wording(stage: str) -> str:
    return "told" if stage == FIRST else DOUBT if stage == DOUBT else "later"


@cache
def _chain() -> Mapping[str, Any]:
    content: Mapping[str, Any] = yaml.safe_load(
        Path(__file__).with_name("chain.yaml").read_text(encoding="utf-8")
    )
    return content
