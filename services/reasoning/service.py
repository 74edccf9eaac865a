"""The reasoning servicer: checks requests, streams answers."""

import math
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from importlib.metadata import version

from empatheia.common.v1 import affect_pb2, dialogue_pb2, service_pb2
from empatheia.reasoning.v1 import reasoning_pb2

from runtime import tensors
from runtime.errors import InvalidInput
from runtime.hosting.service import Call, Service
from runtime.registry import pick
from runtime.settings import Settings
from runtime.telemetry.schema import Attributes, Spans
from runtime.telemetry.tracing import annotate, span
from services.reasoning.backends import BACKENDS, Answer, Backend, Scores, Usage

_MAX_CHOICES = 256
_MAX_TOKENS = 512


class ReasoningService(Service):
    """Writes the steps of the Chain of Empathy, and chooses among given answers."""

    name = "reasoning"

    def __init__(self, settings: Settings) -> None:
        """Picks the backend and checks its options."""
        super().__init__(settings)
        backend = pick(BACKENDS, self.own.backend, what="reasoning backend")
        self._backend: Backend = backend(self.own.options, settings.home)

    async def start(self) -> None:
        """Loads the model and answers one warm-up call."""
        await self._backend.start()

    async def stop(self) -> None:
        """Lets the model go."""
        await self._backend.stop()

    def describe(self) -> service_pb2.ServiceDescription:
        """Says which model it is and what it can do."""
        description = self._backend.describe()
        description.name = self.name
        description.version = version("empatheia")
        description.model.backend = self.own.backend
        description.limits["max_tokens"] = _MAX_TOKENS
        description.limits["max_choices"] = _MAX_CHOICES
        return description

    async def generate(
        self, request: reasoning_pb2.GenerateRequest, call: Call
    ) -> AsyncIterator[reasoning_pb2.GenerateResponse]:
        """Writes an answer token by token, then says what it took."""
        _check_context(request.context)
        _check_options(request.options)
        model = self.describe().model
        with span(Spans.MODEL.format(name="llm"), self._attributes(model, "text_completion")) as current:
            async with aclosing(self._backend.generate(request, call.turn_id)) as parts:  # type: ignore[type-var]
                async for part in parts:
                    if isinstance(part, str):
                        yield reasoning_pb2.GenerateResponse(delta=reasoning_pb2.TextDelta(text=part))
                        continue
                    annotate(current, _counts(part.usage))
                    yield reasoning_pb2.GenerateResponse(result=_result(part, model))

    async def choose(self, request: reasoning_pb2.ChooseRequest, call: Call) -> reasoning_pb2.ChooseResponse:
        """Gives a distribution: log p = log prior + evidence_weight * score, normalised."""
        _check_context(request.context)
        priors = _check_choices(request)
        model = self.describe().model
        with span(Spans.MODEL.format(name="llm"), self._attributes(model, "text_completion")) as current:
            scores = await self._backend.score(request, call.turn_id)
            annotate(current, _counts(scores.usage))
        weighed = [
            math.log(prior) + request.evidence_weight * score if prior > 0 else -math.inf
            for prior, score in zip(priors, scores.values, strict=True)
        ]
        top = max(weighed)
        shares = [math.exp(value - top) for value in weighed]
        entries = [
            affect_pb2.LabelProbability(label=choice.label, probability=share / sum(shares))
            for choice, share in zip(request.choices, shares, strict=True)
        ]
        entries.sort(key=lambda entry: (-entry.probability, entry.label))
        return reasoning_pb2.ChooseResponse(
            distribution=affect_pb2.Distribution(entries=entries),
            usage=_usage(scores.usage),
            model=model,
            dropped_utterances=scores.dropped_utterances,
            scores=_choice_scores(request, scores) if request.want_scores else [],
        )

    def _attributes(self, model: service_pb2.ModelInfo, operation: str) -> dict[str, str]:
        return {
            Attributes.OPERATION: operation,
            Attributes.PROVIDER: self.own.backend,
            Attributes.MODEL_ID: model.model_id,
            Attributes.WEIGHT_HASH: model.weight_hash,
            Attributes.KIND: "LLM",
        }


def _check_context(context: reasoning_pb2.ReasoningContext) -> None:
    if not context.instruction.strip():
        raise InvalidInput.of(
            "context.instruction", "is empty; say what is asked", reason="EMPTY_INSTRUCTION"
        )
    dialogues = [("context.dialogue", context.dialogue)]
    dialogues += [(f"context.examples[{i}].dialogue", e.dialogue) for i, e in enumerate(context.examples)]
    for field, dialogue in dialogues:
        if not dialogue:
            raise InvalidInput.of(field, "is empty; give at least one utterance", reason="EMPTY_DIALOGUE")
        for index, utterance in enumerate(dialogue):
            if utterance.role not in (dialogue_pb2.ROLE_SPEAKER, dialogue_pb2.ROLE_LISTENER):
                raise InvalidInput.of(
                    f"{field}[{index}].role", "must be SPEAKER or LISTENER", reason="BAD_ROLE"
                )
    if not any(utterance.text.strip() for utterance in context.dialogue):
        raise InvalidInput.of("context.dialogue", "has no words", reason="EMPTY_DIALOGUE")
    if context.dialogue[-1].role != dialogue_pb2.ROLE_SPEAKER:
        raise InvalidInput.of("context.dialogue", "must end with the person's utterance", reason="BAD_ROLE")


def _check_options(options: reasoning_pb2.GenerationOptions) -> None:
    bounds: dict[str, tuple[float, float]] = {
        "max_tokens": (0, _MAX_TOKENS),
        "temperature": (0, 5),
        "top_p": (0, 1),
        "repetition_penalty": (0, 10),
        "no_repeat_ngram": (0, 64),
    }
    for name, (low, high) in bounds.items():
        value = getattr(options, name)
        if not low <= value <= high:
            raise InvalidInput.of(
                f"options.{name}", f"is {value}; {low} to {high} is right", reason="BAD_OPTION"
            )
    if 0 < options.repetition_penalty < 1:
        raise InvalidInput.of("options.repetition_penalty", "must be 0 or at least 1", reason="BAD_OPTION")
    if any(not stop for stop in options.stop):
        raise InvalidInput.of("options.stop", "holds an empty text", reason="BAD_OPTION")


def _check_choices(request: reasoning_pb2.ChooseRequest) -> list[float]:
    choices = request.choices
    if not 2 <= len(choices) <= _MAX_CHOICES:
        raise InvalidInput.of(
            "choices", f"{len(choices)} given; 2 to {_MAX_CHOICES} are right", reason="BAD_CHOICES"
        )
    labels = [choice.label for choice in choices]
    if "" in labels or len(set(labels)) != len(labels):
        raise InvalidInput.of("choices", "every choice needs a label of its own", reason="BAD_CHOICES")
    if not 0 <= request.evidence_weight <= 100:
        raise InvalidInput.of("evidence_weight", "must be 0 to 100", reason="BAD_OPTION")
    priors = [choice.prior for choice in choices]
    if not all(0 <= prior <= 1 for prior in priors):
        raise InvalidInput.of("choices", "a prior is outside 0 to 1", reason="BAD_CHOICES")
    return priors if any(priors) else [1.0 / len(choices)] * len(choices)


def _result(answer: Answer, model: service_pb2.ModelInfo) -> reasoning_pb2.GenerateResult:
    finish = reasoning_pb2.FINISH_REASON_STOP if answer.stopped else reasoning_pb2.FINISH_REASON_LENGTH
    return reasoning_pb2.GenerateResult(
        text=answer.text,
        finish_reason=finish,
        usage=_usage(answer.usage),
        mean_logprob=answer.mean_logprob,
        signals=[tensors.to_proto(name, array) for name, array in answer.signals.items()],
        model=model,
        dropped_utterances=answer.dropped_utterances,
    )


def _choice_scores(
    request: reasoning_pb2.ChooseRequest, scores: Scores
) -> Iterator[reasoning_pb2.ChoiceScore]:
    for choice, found in zip(request.choices, scores.likelihoods, strict=False):
        yield reasoning_pb2.ChoiceScore(label=choice.label, logprob=found.logprob, tokens=found.tokens)


def _usage(usage: Usage) -> reasoning_pb2.Usage:
    return reasoning_pb2.Usage(**vars(usage))


def _counts(usage: Usage) -> dict[str, int | float]:
    return {
        Attributes.INPUT_TOKENS: usage.prompt_tokens,
        Attributes.OUTPUT_TOKENS: usage.completion_tokens,
        Attributes.CACHED_TOKENS: usage.cached_tokens,
        Attributes.MODEL_MS: usage.prefill_ms + usage.decode_ms,
    }
