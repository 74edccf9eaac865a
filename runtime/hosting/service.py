"""What a service is to its host."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from empatheia.common.v1 import service_pb2

from runtime.settings import Settings

TURN_KEY = "empatheia-turn-id"
STEP_KEY = "empatheia-step"
TIMEOUT_KEY = "empatheia-timeout-ms"


@dataclass(frozen=True)
class Call:
    """What a service may know of a call beyond its request."""

    turn_id: str
    """With `step`, the idempotency key: the same pair asks for the same work."""
    step: str
    deadline: float | None
    """Value of `time.monotonic()` at which the caller gives up; None if it never does."""

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> "Call":
        """Reads what a client put into the call's metadata."""
        timeout = metadata.get(TIMEOUT_KEY, "")
        deadline = time.monotonic() + float(timeout) / 1000 if timeout else None
        return cls(metadata.get(TURN_KEY, ""), metadata.get(STEP_KEY, ""), deadline)

    def remaining_s(self) -> float | None:
        """Seconds until the caller gives up."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())


class Service(ABC):
    """A gRPC servicer that knows nothing of its host.

    For each RPC of its contract a subclass has a method of the same name in snake_case, which takes the
    request (an async iterator of requests if the RPC streams them) and a `Call`, and returns the response
    (or is an async generator of responses). `Describe` and `Check` are answered by the host. Errors are
    raised as `EmpatheiaError`; cancellation arrives as `asyncio.CancelledError`.
    """

    name: ClassVar[str]
    """Name in the table of services."""
    traced: ClassVar[bool] = True
    """Whether its host makes a span of each call; the gateway has spans of its own, one a turn."""

    def __init__(self, settings: Settings) -> None:
        """Stores the settings; must be quick. Weights are loaded by `start`."""
        self.settings = settings
        self.own = settings.service(self.name)

    @abstractmethod
    async def start(self) -> None:
        """Loads weights and answers one warm-up call; the service is ready when this returns."""

    async def stop(self) -> None:
        """Gives back what `start` took."""
        return

    @abstractmethod
    def describe(self) -> service_pb2.ServiceDescription:
        """Says what the service is and can do; called after `start`."""
