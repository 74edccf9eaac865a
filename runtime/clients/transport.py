"""The seam between a step and a service: what carries a call can be replaced."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from runtime.rpc import Request, Response, Rpc


@dataclass(frozen=True)
class CallKey:
    """Names a piece of work, so that a service can tell a repeated call from a new one."""

    turn_id: str
    step: str


class Transport(Protocol):
    """Carries calls."""

    async def unary(self, rpc: Rpc[Request, Response], request: Request, key: CallKey) -> Response:
        """Sends one request, returns one response.

        Raises:
            EmpatheiaError: The call failed, after the retries that make sense.
        """
        ...

    def stream(
        self, rpc: Rpc[Request, Response], request: Request | AsyncIterator[Request], key: CallKey
    ) -> AsyncIterator[Response]:
        """Sends one request or many, yields the responses.

        Closing the iterator cancels the call.

        Raises:
            EmpatheiaError: The call failed. A stream that has begun is not retried here.
        """
        ...
