"""Calls services that live in the same process: for tests, and for one-process use."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing

from runtime.clients.transport import CallKey
from runtime.hosting.dispatch import Dispatcher
from runtime.hosting.service import STEP_KEY, TURN_KEY, Service
from runtime.rpc import Request, Response, Rpc
from runtime.telemetry.tracing import inject


class InProcessTransport:
    """Carries calls to service objects, through the same dispatcher as the hosts."""

    def __init__(self, services: Mapping[str, Service]) -> None:
        """Takes services by name, started or to be started by `start`."""
        self._dispatchers = {name: Dispatcher(service) for name, service in services.items()}

    async def start(self) -> None:
        """Starts the services."""
        for dispatcher in self._dispatchers.values():
            await dispatcher.start()

    async def stop(self) -> None:
        """Stops the services."""
        for dispatcher in self._dispatchers.values():
            await dispatcher.stop()

    async def unary(self, rpc: Rpc[Request, Response], request: Request, key: CallKey) -> Response:
        """See `Transport.unary`."""
        return await self._dispatchers[rpc.service].unary(rpc, request, _metadata(key))  # type: ignore[return-value]

    async def stream(
        self, rpc: Rpc[Request, Response], request: Request | AsyncIterator[Request], key: CallKey
    ) -> AsyncIterator[Response]:
        """See `Transport.stream`."""
        responses = self._dispatchers[rpc.service].stream(rpc, request, _metadata(key))
        async with aclosing(responses):
            async for response in responses:
                yield response


def _metadata(key: CallKey) -> dict[str, str]:
    metadata = {TURN_KEY: key.turn_id, STEP_KEY: key.step}
    inject(metadata)
    return metadata
