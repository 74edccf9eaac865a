"""Carries calls over gRPC: deadlines, retries, circuit breaker, cancellation, trace context."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc
from google.protobuf.message import Message
from opentelemetry.trace import Span, SpanKind
from opentelemetry.util.types import AttributeValue

from runtime.clients.breaker import Breaker
from runtime.clients.transport import CallKey
from runtime.errors import EmpatheiaError, from_rpc_error, is_retryable
from runtime.hosting.service import STEP_KEY, TIMEOUT_KEY, TURN_KEY
from runtime.rpc import Request, Response, Rpc
from runtime.settings import Settings
from runtime.telemetry.metrics import record
from runtime.telemetry.schema import Attributes, Metrics, Spans
from runtime.telemetry.tracing import annotate, inject, span, within

ATTEMPTS = 3
_BACKOFF_S = 0.2
_MAX_MESSAGE_BYTES = 256 * 1024 * 1024
_CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 15_000),
    ("grpc.http2.max_pings_without_data", 0),
    # A replica that comes back should be found at once, not after two minutes of growing pauses.
    ("grpc.max_reconnect_backoff_ms", 2_000),
]


class GrpcTransport:
    """Carries calls to the addresses that settings name."""

    def __init__(self, settings: Settings) -> None:
        """Makes no connection yet; each address gets one channel when it is first called."""
        self._settings = settings
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._breakers = {name: Breaker(name) for name in settings.services}

    async def close(self) -> None:
        """Closes the channels; calls in flight are cancelled."""
        for channel in self._channels.values():
            await channel.close(None)
        self._channels.clear()

    async def __aenter__(self) -> "GrpcTransport":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def unary(self, rpc: Rpc[Request, Response], request: Request, key: CallKey) -> Response:
        """See `Transport.unary`."""
        attempt = 1
        while True:
            try:
                response: Response = await self._unary_once(rpc, request, key, attempt)
                return response
            except EmpatheiaError as error:
                await self._before_retry(rpc.service, error, attempt)
                attempt += 1

    async def stream(
        self, rpc: Rpc[Request, Response], request: Request | AsyncIterator[Request], key: CallKey
    ) -> AsyncIterator[Response]:
        """See `Transport.stream`; a single request is retried until its first response."""
        attempt = 1
        while True:
            begun = False
            try:
                async with aclosing(self._stream_once(rpc, request, key, attempt)) as responses:
                    async for response in responses:
                        begun = True
                        yield response
                return
            except EmpatheiaError as error:
                if begun or not isinstance(request, Message):
                    raise
                await self._before_retry(rpc.service, error, attempt)
                attempt += 1

    async def _unary_once(self, rpc: Rpc[Any, Any], request: Any, key: CallKey, attempt: int) -> Any:
        breaker = self._breakers[rpc.service]
        with self._span(rpc, key, attempt) as current:
            breaker.admit()
            started = time.monotonic()
            try:
                call = self._multicallable(rpc)(request, **self._call_arguments(rpc, key))
                response = await call
            except grpc.RpcError as error:
                raise self._failed(rpc, error, breaker, current) from error
            breaker.succeeded()
            _record_time(rpc, started)
            annotate(current, {Attributes.RPC_STATUS: "OK"})
            return response

    async def _stream_once(
        self, rpc: Rpc[Any, Any], request: Any, key: CallKey, attempt: int
    ) -> AsyncGenerator[Any]:
        breaker = self._breakers[rpc.service]
        with self._span(rpc, key, attempt, current=False) as begun:
            breaker.admit()
            started = time.monotonic()
            source = None if isinstance(request, Message) else _Requests(request)
            with within(begun):
                arguments = self._call_arguments(rpc, key)
            call = self._multicallable(rpc)(source or request, **arguments)
            if source is not None:
                source.call = call
            first = True
            try:
                async for response in call:
                    if not response.ByteSize():
                        continue  # What Ray's host sends an error with.
                    if first:
                        first = False
                        elapsed = (time.monotonic() - started) * 1000
                        annotate(begun, {Attributes.FIRST_RESPONSE_MS: elapsed})
                    yield response
            except grpc.RpcError as error:
                if source is not None and source.error is not None:
                    raise source.error from error
                raise self._failed(rpc, error, breaker, begun) from error
            except asyncio.CancelledError:
                if source is not None and source.error is not None:
                    raise source.error from None
                raise
            finally:
                call.cancel()
            breaker.succeeded()
            _record_time(rpc, started)
            annotate(begun, {Attributes.RPC_STATUS: "OK"})

    def _failed(
        self, rpc: Rpc[Any, Any], error: grpc.RpcError, breaker: Breaker, current: Span
    ) -> EmpatheiaError:
        mapped = from_rpc_error(error, rpc.service)
        annotate(current, {Attributes.RPC_STATUS: error.code().name})
        if is_retryable(mapped):
            breaker.failed()
        else:
            breaker.succeeded()
        return mapped

    async def _before_retry(self, service: str, error: EmpatheiaError, attempt: int) -> None:
        """Waits before the next attempt, or raises the error again if there is to be none."""
        may_retry = attempt < ATTEMPTS and is_retryable(error) and error.reason != "CIRCUIT_OPEN"
        if not may_retry or not self._breakers[service].spend_retry():
            raise error
        await asyncio.sleep(_BACKOFF_S * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))

    def _call_arguments(self, rpc: Rpc[Any, Any], key: CallKey) -> dict[str, Any]:
        timeout = self._settings.service(rpc.service).timeout_s
        metadata = {
            "application": self._settings.application(rpc.service),
            TURN_KEY: key.turn_id,
            STEP_KEY: key.step,
            TIMEOUT_KEY: str(int(timeout * 1000)),
        }
        inject(metadata)
        return {"metadata": tuple(metadata.items()), "timeout": timeout}

    def _multicallable(self, rpc: Rpc[Any, Any]) -> Any:
        address = self._settings.address(rpc.service)
        if address not in self._channels:
            self._channels[address] = grpc.aio.insecure_channel(address, options=_CHANNEL_OPTIONS)
        channel = self._channels[address]
        make = {
            (False, False): channel.unary_unary,
            (False, True): channel.unary_stream,
            (True, False): channel.stream_unary,
            (True, True): channel.stream_stream,
        }[rpc.request_streaming, rpc.response_streaming]
        return make(
            rpc.path,
            request_serializer=rpc.request_type.SerializeToString,
            response_deserializer=rpc.response_type.FromString,
        )

    def _span(self, rpc: Rpc[Any, Any], key: CallKey, attempt: int, *, current: bool = True) -> Any:
        attributes: dict[str, AttributeValue] = {
            Attributes.SERVICE: rpc.service,
            Attributes.RPC_SYSTEM: "grpc",
            Attributes.RPC_METHOD: rpc.path.lstrip("/"),
            Attributes.RPC_ATTEMPT: attempt,
            Attributes.PEER: self._settings.address(rpc.service),
            Attributes.NODE: key.step,
            Attributes.KIND: "CHAIN",
        }
        return span(
            Spans.RPC_CLIENT.format(service=rpc.service, method=rpc.method),
            attributes,
            kind=SpanKind.CLIENT,
            current=current,
        )


def _record_time(rpc: Rpc[Any, Any], started: float) -> None:
    record(Metrics.RPC, (time.monotonic() - started) * 1000, {Attributes.RPC_METHOD: rpc.path.lstrip("/")})


class _Requests:
    """Feeds a call; an error in the source cancels the call and is kept, since grpc would only log it."""

    def __init__(self, source: AsyncIterator[Any]) -> None:
        self._source = source
        self.error: Exception | None = None
        self.call: Any = None

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            async for request in self._source:
                yield request
        except Exception as error:
            self.error = error
            self.call.cancel()
