"""Carries a call to a service: span, deadline, errors. Both hosts go through here."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, nullcontext, suppress
from typing import Any

from empatheia.common.v1 import service_pb2
from google.protobuf.message import Message
from opentelemetry.trace import SpanKind, get_current_span

from runtime.errors import EmpatheiaError, TooSlow, unexpected
from runtime.hosting.service import STEP_KEY, TURN_KEY, Call, Service
from runtime.rpc import Rpc, rpcs
from runtime.telemetry.schema import Attributes, Spans
from runtime.telemetry.tracing import annotate, extract, span, within

_LOG = logging.getLogger(__name__)
_DRAIN_S = 0.5


class Dispatcher:
    """Answers the calls of one service."""

    def __init__(self, service: Service) -> None:
        """Wraps a service that may still have to be started."""
        self._service = service
        self._status = service_pb2.ServiceStatus(readiness=service_pb2.READINESS_STARTING)
        self.rpcs = rpcs(service.name)

    async def start(self) -> None:
        """Starts the service; until then `Check` says STARTING and, if it fails, FAILED."""
        try:
            await self._service.start()
        except Exception as error:
            _LOG.exception("%s could not start", self._service.name)
            self._status = service_pb2.ServiceStatus(
                readiness=service_pb2.READINESS_FAILED, reason=str(error)
            )
            raise
        self._status = service_pb2.ServiceStatus(readiness=service_pb2.READINESS_READY)

    async def stop(self) -> None:
        """Stops the service."""
        await self._service.stop()

    async def unary(self, rpc: Rpc[Any, Any], request: Any, metadata: Mapping[str, str]) -> Message:
        """Answers a call that has one response.

        Raises:
            EmpatheiaError: The call failed.
        """
        if rpc.method == "Check":
            status: Message = rpc.response_type(status=self._status)
            return status
        if rpc.method == "Describe":
            description: Message = rpc.response_type(description=self._service.describe())
            return description
        call = Call.from_metadata(metadata)
        with self._span(rpc, metadata) as current:
            try:
                async with asyncio.timeout(call.remaining_s()):
                    response: Message = await getattr(self._service, rpc.handler)(request, call)
            except Exception as error:
                raise self._mapped(error, rpc) from error
            annotate(current, {Attributes.RPC_STATUS: "OK"})
            return response

    async def stream(
        self, rpc: Rpc[Any, Any], request: Any, metadata: Mapping[str, str]
    ) -> AsyncGenerator[Any]:
        """Answers a call that has a stream of responses.

        Raises:
            EmpatheiaError: The call failed.
        """
        call = Call.from_metadata(metadata)
        started = time.monotonic()
        with self._span(rpc, metadata, current=False) as begun:
            try:
                async with aclosing(getattr(self._service, rpc.handler)(request, call)) as responses:
                    first = True
                    while True:
                        async with asyncio.timeout(call.remaining_s()):
                            with within(begun):
                                response = await anext(responses, None)
                        if response is None:
                            break
                        if first:
                            elapsed = (time.monotonic() - started) * 1000
                            annotate(begun, {Attributes.FIRST_RESPONSE_MS: elapsed})
                            first = False
                        yield response
            except Exception as error:
                if rpc.request_streaming:
                    await _drain(request)
                raise self._mapped(error, rpc) from error
            annotate(begun, {Attributes.RPC_STATUS: "OK"})

    def _span(self, rpc: Rpc[Any, Any], metadata: Mapping[str, str], *, current: bool = True) -> Any:
        caller = extract(metadata)
        if not self._service.traced:
            return nullcontext(get_current_span(caller))
        attributes = {
            Attributes.SERVICE: rpc.service,
            Attributes.BACKEND: self._service.own.backend,
            Attributes.RPC_SYSTEM: "grpc",
            Attributes.RPC_METHOD: rpc.path.lstrip("/"),
            Attributes.TURN_ID: metadata.get(TURN_KEY, ""),
            Attributes.NODE: metadata.get(STEP_KEY, ""),
            Attributes.KIND: "CHAIN",
        }
        name = Spans.RPC_SERVER.format(service=rpc.service, method=rpc.method)
        return span(name, attributes, kind=SpanKind.SERVER, parent=caller, current=current)

    def _mapped(self, error: Exception, rpc: Rpc[Any, Any]) -> EmpatheiaError:
        if isinstance(error, TimeoutError):
            return TooSlow(
                f"{rpc.service} did not finish {rpc.method} before its deadline",
                reason="DEADLINE",
                service=rpc.service,
            )
        if not isinstance(error, EmpatheiaError):
            _LOG.exception("%s failed", rpc.path)
        return unexpected(error, rpc.service)


async def _drain(requests: AsyncIterator[Any]) -> None:
    """Reads what the caller is still sending before the call ends with an error.

    A caller on `grpc.aio` whose write meets the end of its call is told "Internal error from Core" instead of
    the error itself.
    """
    with suppress(TimeoutError, StopAsyncIteration):
        async with asyncio.timeout(_DRAIN_S):
            while True:
                await anext(requests)
