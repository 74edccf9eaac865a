"""Hosts a service on a plain `grpc.aio` server: for tests, for debugging, for a service of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

from runtime.errors import STATUS_DETAILS_KEY, EmpatheiaError
from runtime.hosting.dispatch import Dispatcher
from runtime.hosting.service import Service
from runtime.rpc import Rpc

MAX_MESSAGE_BYTES = 256 * 1024 * 1024
_OPTIONS = [
    # Otherwise a second server on the same port would start, and silently share its calls.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
]


class BareHost:
    """A service behind a port of its own."""

    def __init__(self, service: Service, address: str) -> None:
        """Prepares the server.

        Args:
            service: What to host.
            address: `host:port`; port 0 takes a free one.
        """
        self._dispatcher = Dispatcher(service)
        self._server = grpc.aio.server(options=_OPTIONS)
        handlers = {name: _handler(self._dispatcher, rpc) for name, rpc in self._dispatcher.rpcs.items()}
        full_service = next(iter(self._dispatcher.rpcs.values())).full_service
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(full_service, handlers),))
        self.port = self._server.add_insecure_port(address)

    async def start(self) -> None:
        """Answers `Check` at once, everything else after the weights are loaded."""
        await self._server.start()
        await self._dispatcher.start()

    async def wait(self) -> None:
        """Serves until stopped."""
        await self._server.wait_for_termination()

    async def stop(self, grace_s: float = 1.0) -> None:
        """Ends the calls in flight after `grace_s` and stops the service."""
        await self._server.stop(grace_s)
        await self._dispatcher.stop()

    async def __aenter__(self) -> "BareHost":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.shield(self.stop(0))


def _handler(dispatcher: Dispatcher, rpc: Rpc[Any, Any]) -> Any:
    async def unary(request: Any, context: Any) -> Any:
        try:
            return await dispatcher.unary(rpc, request, _metadata(context))
        except EmpatheiaError as error:
            set_error(context, error)
            return rpc.response_type()

    async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            async for response in dispatcher.stream(rpc, request, _metadata(context)):
                yield response
        except EmpatheiaError as error:
            set_error(context, error)

    make: dict[tuple[bool, bool], Callable[..., Any]] = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    return make[rpc.request_streaming, rpc.response_streaming](
        stream if rpc.response_streaming else unary,
        request_deserializer=rpc.request_type.FromString,
        response_serializer=rpc.response_type.SerializeToString,
    )


def _metadata(context: Any) -> dict[str, str]:
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}


def set_error(context: Any, error: EmpatheiaError) -> None:
    """Sets the rich status of a call; Ray's context and grpc's take the same three calls."""
    context.set_code(error.code)
    context.set_details(error.message)
    context.set_trailing_metadata([(STATUS_DETAILS_KEY, error.to_status().SerializeToString())])
