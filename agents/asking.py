"""How a step asks the reasoning service."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from empatheia.common.v1 import dialogue_pb2
from empatheia.reasoning.v1 import reasoning_pb2

from agents.step import Evidence, ModelRef, StepContext, StepResult, UtteranceData
from runtime.clients.transport import CallKey
from runtime.errors import Internal
from runtime.rpc import CHOOSE, GENERATE

_ROLES = {"speaker": dialogue_pb2.ROLE_SPEAKER, "listener": dialogue_pb2.ROLE_LISTENER}


@dataclass(frozen=True)
class Shown:
    """A worked example: a dialogue and what was concluded of it."""

    dialogue: Sequence[UtteranceData]
    steps: Sequence[tuple[str, str, str]]
    """Name, instruction and text of each step."""

    def to_proto(self) -> reasoning_pb2.Example:
        """Packs it for the wire."""
        return reasoning_pb2.Example(
            dialogue=_utterances(self.dialogue),
            steps=[
                reasoning_pb2.CompletedStep(name=name, instruction=instruction, text=text)
                for name, instruction, text in self.steps
            ],
        )


@dataclass(frozen=True)
class Written:
    """An answer of the model."""

    text: str
    mean_logprob: float
    whole: bool
    """Whether it ended by itself."""


_RULE = ModelRef(backend="rule", model_id="the person's own words", weight_hash="")
"""What concluded a step that got no whole answer of the model."""


@dataclass
class Asking:
    """The questions of one step: sends them, and sums up what they took."""

    context: StepContext
    name: str
    instruction: str
    system: str
    examples: Sequence[Shown]
    model: ModelRef = _RULE
    attempts: int = 0
    usage: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    async def stream(
        self,
        options: reasoning_pb2.GenerationOptions,
        *,
        prefill: str = "",
        steps: Sequence[tuple[str, str, str]] = (),
    ) -> AsyncIterator[str | Written]:
        """Yields the answer piece by piece, then the whole."""
        request = reasoning_pb2.GenerateRequest(
            context=self._context(steps), options=options, prefill=prefill
        )
        self.attempts += 1
        responses = self.context.transport.stream(GENERATE, request, self._key())
        async with aclosing(responses) as parts:  # type: ignore[type-var]
            async for response in parts:
                if response.WhichOneof("part") == "delta":
                    yield response.delta.text
                    continue
                result = response.result
                self._note(result.usage, result.model)
                whole = result.finish_reason == reasoning_pb2.FINISH_REASON_STOP
                yield Written(result.text, result.mean_logprob, whole)

    async def write(
        self,
        options: reasoning_pb2.GenerationOptions,
        *,
        prefill: str = "",
        steps: Sequence[tuple[str, str, str]] = (),
        hopeless: Callable[[str], bool] = lambda text: False,
    ) -> Written | None:
        """Returns the whole answer, or nothing if it was given up.

        Args:
            options: How to write.
            prefill: First words of the answer.
            steps: Steps done so far.
            hopeless: Looks at the whole words so far and says whether going on is of no use.
        """
        text, whole = "", None
        async with aclosing(self.stream(options, prefill=prefill, steps=steps)) as parts:  # type: ignore[type-var]
            async for part in parts:
                if isinstance(part, Written):
                    whole = part
                    continue
                text += part
                if hopeless(text.rpartition(" ")[0]):
                    return None
        if whole is not None:
            return whole
        raise Internal(
            "reasoning ended an answer without its result", reason="INCOMPLETE_ANSWER", service="reasoning"
        )

    async def choose(
        self,
        choices: dict[str, str],
        *,
        priors: dict[str, float] | None = None,
        evidence_weight: float = 1.0,
        prefill: str = "",
        steps: Sequence[tuple[str, str, str]] = (),
    ) -> dict[str, float]:
        """Returns the probability of each choice, most probable first.

        Args:
            choices: The words to score by label.
            priors: Probability before reading, by label.
            evidence_weight: Sharpness of the model's scores beside the prior.
            prefill: First words of the answer, before the choice.
            steps: Steps done so far.
        """
        request = reasoning_pb2.ChooseRequest(
            context=self._context(steps),
            choices=[
                reasoning_pb2.Choice(label=label, text=text, prior=(priors or {}).get(label, 0.0))
                for label, text in choices.items()
            ],
            prefill=prefill,
            evidence_weight=evidence_weight,
        )
        self.attempts += 1
        response = await self.context.transport.unary(CHOOSE, request, self._key())
        self._note(response.usage, response.model)
        return {entry.label: entry.probability for entry in response.distribution.entries}

    async def likelihoods(
        self, texts: Sequence[str], *, steps: Sequence[tuple[str, str, str]] = ()
    ) -> list[tuple[float, int]]:
        """Returns how probable given answers are: sum of log probabilities, and tokens, of each.

        Args:
            texts: At least two answers, all different.
            steps: Steps done so far.

        Returns:
            Nothing where the model's host can't tell.
        """
        request = reasoning_pb2.ChooseRequest(
            context=self._context(steps),
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
    ) -> StepResult:
        """The conclusion, with what it took."""
        return StepResult(
            name=self.name,
            text=text,
            evidence=evidence,
            confidence=round(min(max(confidence, 0.0), 1.0), 4),
            distribution=distribution or {},
            model=self.model,
            ms=(time.monotonic() - self._began) * 1000,
            attempts=self.attempts,
            instruction=self.instruction,
            usage=self.usage,
        )

    def _context(self, steps: Sequence[tuple[str, str, str]]) -> reasoning_pb2.ReasoningContext:
        return reasoning_pb2.ReasoningContext(
            system=self.system,
            examples=[example.to_proto() for example in self.examples],
            dialogue=_utterances(self.context.dialogue),
            steps=[
                reasoning_pb2.CompletedStep(name=name, instruction=instruction, text=text)
                for name, instruction, text in steps
            ],
            step=self.name,
            instruction=self.instruction,
        )

    def _key(self) -> CallKey:
        return CallKey(self.context.turn_id, self.name)

    def _note(self, usage: reasoning_pb2.Usage, model: "object") -> None:
        self.model = ModelRef.from_proto(model)  # type: ignore[arg-type]
        for descriptor, value in usage.ListFields():
            self.usage[descriptor.name] = self.usage.get(descriptor.name, 0.0) + value


def _utterances(dialogue: Sequence[UtteranceData]) -> list[dialogue_pb2.Utterance]:
    return [
        dialogue_pb2.Utterance(role=_ROLES[said.role], text=said.text, emotion=said.emotion)
        for said in dialogue
    ]
