"""Keeps a failing target from being called again and again: circuit breaker and retry budget."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from runtime.errors import ServiceDown


@dataclass(frozen=True)
class BreakerOptions:
    """When a target counts as down, and how much may be retried."""

    failures: int = 5
    """Failures in a row that open the circuit."""
    open_s: float = 1.0
    """How long it stays open at first; doubles each time the trial fails."""
    max_open_s: float = 30.0
    """Longest time it stays open."""
    budget: float = 10.0
    """Retries that may be made at once."""
    earned_per_success: float = 0.1
    """Retries earned by each call that succeeds."""


class Breaker:
    """The state of one target."""

    def __init__(
        self,
        service: str,
        options: BreakerOptions | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Starts closed, with a full budget."""
        self._service = service
        self._options = options or BreakerOptions()
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0
        self._open_s = self._options.open_s
        self._budget = self._options.budget

    def admit(self) -> None:
        """Lets a call pass; after the open time one trial passes.

        Raises:
            ServiceDown: The circuit is open.
        """
        if self._failures < self._options.failures:
            return
        wait = self._open_until - self._clock()
        if wait > 0:
            raise ServiceDown(
                f"the {self._service} service failed {self._failures} times in a row; "
                f"it is left alone for another {wait:.1f} s",
                reason="CIRCUIT_OPEN",
                service=self._service,
            )
        self._open_until = self._clock() + self._open_s

    def succeeded(self) -> None:
        """Notes a call that was answered, also if the answer was a refusal."""
        self._failures = 0
        self._open_s = self._options.open_s
        self._budget = min(self._options.budget, self._budget + self._options.earned_per_success)

    def failed(self) -> None:
        """Notes a call that was not answered."""
        self._failures += 1
        if self._failures >= self._options.failures:
            self._open_until = self._clock() + self._open_s
            self._open_s = min(self._options.max_open_s, self._open_s * 2)

    def spend_retry(self) -> bool:
        """Takes one retry from the budget; False if none is left."""
        if self._budget < 1:
            return False
        self._budget -= 1
        return True
