"""Asks services whether they are ready and what they are."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import grpc
from empatheia.common.v1 import service_pb2

from runtime.errors import from_rpc_error
from runtime.reply import model_json
from runtime.rpc import Rpc, rpcs
from runtime.services import SERVICES
from runtime.settings import Settings

TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Probe:
    """What a service said of itself."""

    service: str
    address: str
    ready: bool
    state: str
    """"ready", "starting", or why it can't be used."""
    latency_ms: float = 0.0
    """From sending a `Check` on an open channel to its answer."""
    description: service_pb2.ServiceDescription = field(default_factory=service_pb2.ServiceDescription)

    def as_json(self) -> dict[str, Any]:
        """The same, for a program."""
        about = self.description
        return {
            "service": self.service,
            "address": self.address,
            "ready": self.ready,
            "state": self.state,
            "latency_ms": round(self.latency_ms, 3),
            "version": about.version,
            "model": model_json(about.model),
            "capabilities": list(about.capabilities),
            "limits": dict(sorted(about.limits.items())),
            "languages": list(about.languages),
            "notices": list(about.notices),
        }


async def probe_all(settings: Settings) -> list[Probe]:
    """Asks every service, at the same time."""
    return list(
        await asyncio.gather(
            *(probe(name, settings.address(name), settings.application(name)) for name in SERVICES)
        )
    )


async def probe(service: str, address: str, application: str, timeout_s: float = TIMEOUT_S) -> Probe:
    """Asks one service; an unreachable one is an answer, not an error."""
    methods = rpcs(service)
    async with grpc.aio.insecure_channel(address) as channel:
        try:
            check = await _call(channel, methods["Check"], application, timeout_s)
            started = time.monotonic()
            check = await _call(channel, methods["Check"], application, timeout_s)
            latency_ms = (time.monotonic() - started) * 1000
            if check.status.readiness != service_pb2.READINESS_READY:
                name = service_pb2.Readiness.Name(check.status.readiness).removeprefix("READINESS_").lower()
                reason = f": {check.status.reason}" if check.status.reason else ""
                return Probe(service, address, False, name + reason, latency_ms)
            about = await _call(channel, methods["Describe"], application, timeout_s)
        except grpc.aio.AioRpcError as error:
            unreachable = error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
            state = "down" if unreachable else f"down: {from_rpc_error(error, service).message}"
            return Probe(service, address, False, state)
    return Probe(service, address, True, "ready", latency_ms, about.description)


async def _call(channel: grpc.aio.Channel, rpc: Rpc[Any, Any], application: str, timeout_s: float) -> Any:
    call = channel.unary_unary(
        rpc.path,
        request_serializer=rpc.request_type.SerializeToString,
        response_deserializer=rpc.response_type.FromString,
    )
    return await call(rpc.request_type(), timeout=timeout_s, metadata=(("application", application),))
