"""How a step asks the reasoning service."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from empatheia.common.v1 import dialogue_pb2
from empatheia.reasoning.v1 import reasoning_pb2

from agents.step import Alternative, Evidence, ModelRef, StepContext, StepResult, UtteranceData
from agents.words import content, words
from runtime.chain_of_empathy import QUESTIONS, SYSTEM, felt
from runtime.clients.transport import CallKey
from runtime.errors import Internal
from runtime.rpc import CHOOSE, GENERATE

_MOST_ALTERNATIVES = 2
_ROLES = {"speaker": dialogue_pb2.ROLE_SPEAKER, "listener": dialogue_pb2.ROLE_LISTENER}


@dataclass(frozen=True)
class Written:
    """An answer of the model."""

    text: str
    mean_logprob: float
    whole: bool
    """Whether it ended by itself."""

    @property
    def confidence(self) -> float:
        """How sure the model was of a word, on average: 0 to 1."""
        return math.exp(self.mean_logprob)

    def alternative(self) -> Alternative:
        """The answer as one that was not taken."""
        return Alternative(text=self.text, confidence=self.confidence)


_RULE = ModelRef(backend="rule", model_id="the person's own words", weight_hash="")
"""What concluded a step that asked no model."""


@dataclass
class Asking:
    """The questions of one step: sends them, and sums up what they took.

    All steps ask in the frame of `runtime.chain_of_empathy`, each with the conclusions of those before it.
    """

    context: StepContext
    name: str
    model: ModelRef = _RULE
    attempts: int = 0
    dropped: int = 0
    """Oldest utterances for which the model had no room."""
    usage: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    async def sound(self, most_tokens: int, fault: Callable[[str], str]) -> list[Written]:
        """Returns the model's sound answers in a few words, the one to take first.

        The model writes its most probable answer and, side by side with it, a second one drawn by chance: the
        second attempt where the first is nonsense, else the alternative.

        Args:
            most_tokens: Of each answer.
            fault: What is wrong with an answer; empty if it is sound.
        """
        likeliest = reasoning_pb2.GenerationOptions(max_tokens=most_tokens)
        drawn = reasoning_pb2.GenerationOptions(max_tokens=most_tokens, temperature=0.7, top_p=0.9)
        both = await self.candidates([likeliest, *seeded(drawn, [self.context.seed + 1])])
        answers = [answer for answer in both if not fault(answer.text)]
        self.attempts += both[0] not in answers
        return answers

    async def _write(self, options: reasoning_pb2.GenerationOptions) -> Written:
        request = reasoning_pb2.GenerateRequest(context=self._context(), options=options)
        async with aclosing(self._stream(request)) as responses:  # type: ignore[type-var]
            async for response in responses:
                if response.WhichOneof("part") == "result":
                    result = response.result
                    self._note(result)
                    whole = result.finish_reason == reasoning_pb2.FINISH_REASON_STOP
                    return Written(result.text, result.mean_logprob, whole)
        raise Internal(
            "reasoning ended an answer without its result", reason="INCOMPLETE_ANSWER", service="reasoning"
        )

    async def candidates(self, options: Sequence[reasoning_pb2.GenerationOptions]) -> list[Written]:
        """Returns an answer for each set of options; the model writes them side by side."""
        self.attempts += 1
        tasks = [asyncio.create_task(self._write(one)) for one in options]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def choose(
        self,
        choices: dict[str, str],
        *,
        priors: dict[str, float] | None = None,
        evidence_weight: float = 1.0,
        prefill: str = "",
    ) -> dict[str, float]:
        """Returns the probability of each choice, most probable first.

        Args:
            choices: The words to score by label.
            priors: Probability before reading, by label.
            evidence_weight: Sharpness of the model's scores beside the prior.
            prefill: First words of the answer, before the choice.
        """
        request = reasoning_pb2.ChooseRequest(
            context=self._context(),
            choices=[
                reasoning_pb2.Choice(label=label, text=text, prior=(priors or {}).get(label, 0.0))
                for label, text in choices.items()
            ],
            prefill=prefill,
            evidence_weight=evidence_weight,
        )
        self.attempts += 1
        response = await self.context.transport.unary(CHOOSE, request, self._key())
        self._note(response)
        return {entry.label: entry.probability for entry in response.distribution.entries}

    async def likelihoods(self, texts: Sequence[str]) -> list[tuple[float, int]]:
        """Returns how probable given answers are: sum of log probabilities, and tokens, of each.

        Args:
            texts: At least two answers, all different.

        Returns:
            Nothing where the model's host can't tell.
        """
        request = reasoning_pb2.ChooseRequest(
            context=self._context(),
            choices=[reasoning_pb2.Choice(label=text) for text in texts],
            want_scores=True,
        )
        response = await self.context.transport.unary(CHOOSE, request, self._key())
        return [(score.logprob, score.tokens) for score in response.scores]

    def result(
        self,
        text: str,
        evidence: list[Evidence],
        confidence: float,
        distribution: dict[str, float] | None = None,
        *,
        alternatives: Sequence[Alternative] = (),
        authored: bool = False,
    ) -> StepResult:
        """The conclusion, with what it took.

        Args:
            text: The conclusion.
            evidence: What it rests on.
            confidence: 0 to 1.
            distribution: Probability by label, where the step chose one.
            alternatives: What else it might have said, best first; what says the same is left out.
            authored: Whether a sentence written beforehand stands in for the model's.
        """
        return StepResult(
            name=self.name,
            text=text,
            evidence=evidence,
            confidence=round(min(max(confidence, 0.0), 1.0), 4),
            distribution=distribution or {},
            alternatives=_distinct(text, alternatives),
            model=self.model,
            ms=(time.monotonic() - self._began) * 1000,
            attempts=self.attempts,
            instruction=QUESTIONS[self.name],
            usage=self.usage,
            authored=authored,
            dropped_utterances=self.dropped,
        )

    def _context(self) -> reasoning_pb2.ReasoningContext:
        return reasoning_pb2.ReasoningContext(
            system=SYSTEM,
            dialogue=_utterances(self.context.dialogue),
            steps=[
                reasoning_pb2.CompletedStep(
                    name=step.name, instruction=QUESTIONS[step.name], text=_read(step)
                )
                for step in self.context.steps
                if step.name in QUESTIONS
            ],
            step=self.name,
            instruction=QUESTIONS[self.name],
        )

    def _stream(
        self, request: reasoning_pb2.GenerateRequest
    ) -> AsyncIterator[reasoning_pb2.GenerateResponse]:
        return self.context.transport.stream(GENERATE, request, self._key())

    def _key(self) -> CallKey:
        return CallKey(self.context.turn_id, self.name)

    def _note(self, answer: "reasoning_pb2.GenerateResult | reasoning_pb2.ChooseResponse") -> None:
        self.model = ModelRef.from_proto(answer.model)
        self.dropped = max(self.dropped, answer.dropped_utterances)
        for descriptor, value in answer.usage.ListFields():
            self.usage[descriptor.name] = self.usage.get(descriptor.name, 0.0) + value


def seeded(
    options: reasoning_pb2.GenerationOptions, seeds: Sequence[int]
) -> list[reasoning_pb2.GenerationOptions]:
    """The same options once for each seed."""
    each = []
    for seed in seeds:
        one = reasoning_pb2.GenerationOptions()
        one.CopyFrom(options)
        one.seed = seed
        each.append(one)
    return each


def _distinct(text: str, alternatives: Sequence[Alternative]) -> list[Alternative]:
    """The first alternatives that differ from the conclusion, and from each other, in words that tell."""
    told = [_telling(text)]
    kept: list[Alternative] = []
    for alternative in alternatives:
        if _telling(alternative.text) not in told and len(kept) < _MOST_ALTERNATIVES:
            told.append(_telling(alternative.text))
            confidence = round(alternative.confidence, 4)
            kept.append(Alternative(text=alternative.text, confidence=confidence))
    return kept


def _telling(text: str) -> set[str]:
    return set(content(text)) or set(words(text))


def _read(step: StepResult) -> str:
    """What a later step reads of an earlier one: of the emotion, its label, as in training."""
    if step.name == "user_emotion" and step.distribution:
        return felt(max(step.distribution, key=step.distribution.__getitem__))
    return step.text


def _utterances(dialogue: Sequence[UtteranceData]) -> list[dialogue_pb2.Utterance]:
    return [
        dialogue_pb2.Utterance(role=_ROLES[said.role], text=said.text, emotion=said.emotion)
        for said in dialogue
    ]
