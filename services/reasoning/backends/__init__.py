"""Language models behind one small interface."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from empatheia.common.v1 import dialogue_pb2, service_pb2
from empatheia.reasoning.v1 import reasoning_pb2
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from runtime.errors import InvalidInput

BACKENDS: dict[str, str] = {
    "embedded": "services.reasoning.backends.embedded:Embedded",
    "transformers": "services.reasoning.backends.transformers.backend:Transformers",
    "openai": "services.reasoning.backends.openai.backend:OpenAI",
}
"""`module:class` by name."""


@dataclass(frozen=True)
class Usage:
    """Tokens and time of one answer."""

    prompt_tokens: int
    cached_tokens: int
    """Of the prompt's tokens, those found in the cache."""
    completion_tokens: int
    """Tokens written or scored."""
    prefill_ms: float
    decode_ms: float


@dataclass(frozen=True)
class Answer:
    """A finished answer."""

    text: str
    """Prefill included, without white space around it."""
    stopped: bool
    """Whether it ended by itself; false if the most tokens were written."""
    usage: Usage
    mean_logprob: float
    """Of the written tokens, under the model's own distribution (before temperature and penalties)."""
    dropped_utterances: int
    signals: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    """r_t (T, D), r_s (16, D), r_v (16, D), if they were asked for."""


@dataclass(frozen=True)
class Likelihood:
    """How probable the words of a choice are after its context."""

    logprob: float
    """Sum over its tokens, natural logarithm."""
    tokens: int

    @property
    def mean(self) -> float:
        """Mean log probability of a token."""
        return self.logprob / max(self.tokens, 1)


@dataclass(frozen=True)
class Scores:
    """How well each choice fits, in the order given."""

    values: list[float]
    """Log-likelihood ratio of each choice: mean log probability of its tokens in this context minus the same
    in a context that says nothing."""
    usage: Usage
    dropped_utterances: int
    likelihoods: list[Likelihood] = field(default_factory=list)
    """In this context alone; empty where the backend can't tell."""

    @classmethod
    def none(cls, count: int) -> "Scores":
        """Scores of choices that nobody wants weighed."""
        return cls([0.0] * count, Usage(0, 0, 0, 0.0, 0.0), 0)

    @classmethod
    def calibrated(
        cls, here: Sequence[Likelihood], neutral: Sequence[Likelihood], usage: Usage, dropped_utterances: int
    ) -> "Scores":
        """Scores by contextual calibration (Zhao et al. 2021).

        Args:
            here: Of the choices after the context.
            neutral: Of the same after `prompt.neutral` of it; `here` itself leaves all alike.
            usage: What it took.
            dropped_utterances: Of the context.
        """
        values = [a.mean - b.mean for a, b in zip(here, neutral, strict=True)]
        return cls(values, usage, dropped_utterances, list(here))


class Backend(ABC):
    """One family of language models."""

    @abstractmethod
    def __init__(self, options: dict[str, Any], home: Path) -> None:
        """Checks the options; must be quick.

        Raises:
            InvalidInput: An option is unknown or out of range.
        """

    @abstractmethod
    async def start(self) -> None:
        """Loads weights and answers one warm-up call.

        Raises:
            WeightsMissing: There are none; the message says what to run.
        """

    async def stop(self) -> None:
        """Gives back what `start` took."""
        return

    @abstractmethod
    def describe(self) -> service_pb2.ServiceDescription:
        """Says what the model is and can do; `name` and `version` are filled in by the service."""

    @abstractmethod
    def generate(self, request: reasoning_pb2.GenerateRequest, turn_id: str) -> AsyncIterator[str | Answer]:
        """Writes an answer: pieces of text that join to its text, then the `Answer`.

        Closing the iterator stops the model at its next token.

        Args:
            request: A valid request.
            turn_id: Calls with the same id may share a cache; empty shares nothing.

        Raises:
            TooMuch: The fixed part of the context does not fit.
        """

    @abstractmethod
    async def score(self, request: reasoning_pb2.ChooseRequest, turn_id: str) -> Scores:
        """Scores the choices, without sampling.

        Args:
            request: A valid request.
            turn_id: See `generate`.

        Raises:
            TooMuch: The fixed part of the context does not fit.
        """


OptionsT = TypeVar("OptionsT", bound=BaseModel)


def checked(kind: type[OptionsT], options: dict[str, Any]) -> OptionsT:
    """Checks a backend's options.

    Raises:
        InvalidInput: One is unknown or out of range; the message names the setting, never its value.
    """
    try:
        return kind.model_validate(options)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(["services.reasoning.options", *map(str, first["loc"])])
        raise InvalidInput.of(where, first["msg"], reason="BAD_SETTING") from None


WARM_UP = reasoning_pb2.GenerateRequest(
    context=reasoning_pb2.ReasoningContext(
        system="A friend listens.",
        instruction="Friend:",
        dialogue=[dialogue_pb2.Utterance(role=dialogue_pb2.ROLE_SPEAKER, text="I had a long day.")],
    ),
    options=reasoning_pb2.GenerationOptions(max_tokens=4),
)
"""What a model answers before it says that it is ready."""
