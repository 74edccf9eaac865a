"""A language model that says what a test tells it to say."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from empatheia.common.v1 import affect_pb2, service_pb2
from empatheia.reasoning.v1 import reasoning_pb2

from agents.step import ModelRef, StepContext, StepResult, UtteranceData
from runtime.clients.transport import CallKey
from runtime.errors import ServiceDown

MODEL = service_pb2.ModelInfo(backend="fake", model_id="script", weight_hash="0")


class FakeTransport:
    """Answers GENERATE with the texts given, in order, the last one for ever; CHOOSE with the favourite."""

    def __init__(self, *texts: str, favourite: str = "", down: bool = False, dropped: int = 0) -> None:
        self.texts = list(texts)
        self.favourite = favourite
        self.down = down
        self.dropped = dropped
        self.generated: list[reasoning_pb2.GenerateRequest] = []
        self.chosen: list[reasoning_pb2.ChooseRequest] = []
        self.closed = 0

    async def unary(self, rpc: Any, request: Any, key: CallKey) -> Any:
        if self.down:
            raise ServiceDown("reasoning can't be reached", reason="DOWN")
        self.chosen.append(request)
        labels = [choice.label for choice in request.choices]
        priors = [choice.prior for choice in request.choices]
        best = self.favourite if self.favourite in labels else labels[priors.index(max(priors))]
        labels.sort(key=lambda label: label != best)
        rest = 0.4 / max(1, len(labels) - 1)
        entries = [
            affect_pb2.LabelProbability(label=label, probability=0.6 if label == best else rest)
            for label in labels
        ]
        return reasoning_pb2.ChooseResponse(
            distribution=affect_pb2.Distribution(entries=entries), model=MODEL, usage=_usage()
        )

    async def stream(self, rpc: Any, request: Any, key: CallKey) -> AsyncIterator[Any]:
        if self.down:
            raise ServiceDown("reasoning can't be reached", reason="DOWN")
        self.generated.append(request)
        text = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        whole = f"{request.prefill} {text}".strip()
        try:
            for word in whole.split(" "):
                yield reasoning_pb2.GenerateResponse(delta=reasoning_pb2.TextDelta(text=f"{word} "))
            yield reasoning_pb2.GenerateResponse(
                result=reasoning_pb2.GenerateResult(
                    text=whole,
                    finish_reason=reasoning_pb2.FINISH_REASON_STOP,
                    mean_logprob=-0.5,
                    model=MODEL,
                    usage=_usage(),
                    dropped_utterances=self.dropped,
                )
            )
        finally:
            self.closed += 1


def _usage() -> reasoning_pb2.Usage:
    return reasoning_pb2.Usage(prompt_tokens=10, completion_tokens=2)


def context(transport: Any, *said: str, **more: Any) -> StepContext:
    """A turn; utterances alternate and the person's is the last."""
    dialogue = [
        UtteranceData(role="speaker" if (len(said) - index) % 2 else "listener", text=text)
        for index, text in enumerate(said)
    ]
    return StepContext(transport=transport, turn_id="t", seed=1, dialogue=dialogue, **more)


def felt(label: str, steps: Sequence[StepResult] = ()) -> list[StepResult]:
    """Earlier steps that settled on a label."""
    emotion = StepResult(
        name="user_emotion",
        text=f"They feel {label}.",
        evidence=[],
        confidence=0.7,
        distribution={label: 1.0},
        model=ModelRef(backend="fake", model_id="script", weight_hash="0"),
        ms=1.0,
        attempts=1,
        instruction="How do they feel?",
    )
    return [*steps, emotion]
