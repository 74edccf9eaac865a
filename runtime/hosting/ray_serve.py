"""Hosts services on Ray Serve: one application per service, all behind one gRPC port."""

import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import ray
from ray import serve
from ray.serve.config import HTTPOptions, gRPCOptions

from runtime.errors import EmpatheiaError, ServiceDown
from runtime.hosting.bare import set_error
from runtime.hosting.dispatch import Dispatcher
from runtime.hosting.service import Service
from runtime.registry import load
from runtime.rpc import Rpc, rpcs
from runtime.services import SERVICES
from runtime.settings import Settings, load_settings
from runtime.telemetry.setup import configure

_OBJECT_STORE_BYTES = 200 * 1024 * 1024
"""Little: media travels over gRPC, nothing of ours lives in the object store."""


def application(args: dict[str, str]) -> serve.Application:
    """Builds the application of one service; the `import_path` of a Serve config file.

    Args:
        args: `service`: its name in the table of services. Settings come from the environment.
    """
    return build(args["service"], load_settings())


def build(name: str, settings: Settings) -> serve.Application:
    """Builds the application of one service."""
    own = settings.service(name)
    servicer: type[Service] = load(SERVICES[name].servicer)
    methods: dict[str, Any] = {rpc.method: _method(rpc) for rpc in rpcs(name).values()}
    replica: type[Any] = type(f"{name.capitalize()}Replica", (_Replica,), methods)
    if hasattr(servicer, "asgi_app"):
        replica = type(replica.__name__, (replica,), {"__serve_build_asgi_app__": _asgi_app})
        replica = serve.ingress()(replica)
    deployment = serve.deployment(
        name=name,
        num_replicas=own.replicas,
        max_ongoing_requests=own.max_ongoing,
        ray_actor_options={"num_cpus": own.cpus, "num_gpus": own.gpus},
        health_check_period_s=5,
        graceful_shutdown_timeout_s=10,
    )(replica)
    return deployment.bind(name, settings.given_to(name).model_dump(mode="json"))


class _Replica:
    """One replica: it is healthy only after the service has loaded its weights."""

    async def __init__(self, name: str, settings: dict[str, Any]) -> None:  # type: ignore[misc]
        parsed = Settings.model_validate(settings)
        configure(name, parsed)
        service: Service = load(SERVICES[name].servicer)(parsed)
        self.service = service
        self.dispatcher = Dispatcher(service)
        await self.dispatcher.start()

    async def __del__(self) -> None:
        # Ray awaits this when it stops a replica.
        await self.dispatcher.stop()


def _asgi_app(self: Any) -> Any:
    return self.service.asgi_app()


def _method(rpc: Rpc[Any, Any]) -> Callable[..., Any]:
    """The replica's method for an RPC; Ray finds the context by the parameter's name."""

    async def unary(self: _Replica, request: Any, grpc_context: Any) -> Any:
        try:
            return await self.dispatcher.unary(rpc, request, _metadata(grpc_context))
        except EmpatheiaError as error:
            # Raising would lose the details: Ray keeps trailing metadata only of calls that return.
            set_error(grpc_context, error)
            return rpc.response_type()

    async def stream(self: _Replica, request: Any, grpc_context: Any) -> AsyncIterator[Any]:
        try:
            async for response in self.dispatcher.stream(rpc, request, _metadata(grpc_context)):
                yield response
        except EmpatheiaError as error:
            set_error(grpc_context, error)
            # Ray sends the context along with a response, so the error needs one to travel with;
            # `GrpcTransport` drops it.
            yield rpc.response_type()

    method = stream if rpc.response_streaming else unary
    method.__name__ = rpc.method
    return method


def _metadata(grpc_context: Any) -> dict[str, str]:
    return {key: value for key, value in grpc_context.invocation_metadata() if isinstance(value, str)}


class LocalSystem:
    """The whole system on a Ray of its own on this machine."""

    def __init__(self, settings: Settings) -> None:
        """Stores the settings; nothing runs yet."""
        self._settings = settings

    def start(self, progress: Callable[[str, str], None]) -> None:
        """Starts Ray and every hosted service, and returns when all are ready.

        Args:
            progress: Called with a service's name and "starting", "ready" or "failed: why".

        Raises:
            ServiceDown: A service could not start.
        """
        settings = self._settings
        names = [name for name in SERVICES if settings.service(name).hosted]
        needed = sum(settings.service(name).cpus * settings.service(name).replicas for name in names)
        # Ray would report usage to its makers, and warn about every future default.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        # Ray gives its workers niceness 15: beside one busy program they would get next to nothing of a core.
        os.environ.setdefault("RAY_worker_niceness", "0")
        logging.getLogger("ray.serve").setLevel(logging.WARNING)
        ray.init(
            num_cpus=max(os.cpu_count() or 1, int(needed) + 1),
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=True,
        )
        serve.start(
            http_options=HTTPOptions(host=settings.serve.host, port=settings.serve.http_port),
            grpc_options=gRPCOptions(
                port=settings.serve.grpc_port,
                grpc_servicer_functions=[SERVICES[name].add_servicer for name in names],
            ),
        )
        for name in names:
            progress(name, "starting")
        targets = [
            serve.RunTarget(
                target=build(name, settings),
                name=settings.application(name),
                # Serve shows an application to gRPC only if it has a route; only the gateway's answers HTTP.
                route_prefix="/" if name == "gateway" else f"/{name}",
            )
            for name in names
        ]
        serve.run_many(targets, wait_for_applications_running=False)
        self._wait_until_ready({settings.application(name): name for name in names}, progress)

    def stop(self) -> None:
        """Stops every service and Ray."""
        serve.shutdown()  # type: ignore[no-untyped-call]
        ray.shutdown()

    def _wait_until_ready(self, names: dict[str, str], progress: Callable[[str, str], None]) -> None:
        waiting = dict(names)
        while waiting:
            applications = serve.status().applications
            for application_name, name in list(waiting.items()):
                overview = applications.get(application_name)
                status = overview.status if overview else "NOT_STARTED"
                if status == "RUNNING" and _answers(name, self._settings):
                    progress(name, "ready")
                    del waiting[application_name]
                elif status in ("DEPLOY_FAILED", "UNHEALTHY"):
                    why = _reason(overview)
                    progress(name, f"failed: {why}")
                    raise ServiceDown(f"{name} could not start: {why}", reason="START_FAILED", service=name)
            time.sleep(0.2)


def _answers(name: str, settings: Settings) -> bool:
    """Whether the proxy knows the application by now: it hears of it a little after Serve says RUNNING."""
    rpc = rpcs(name)["Check"]
    with grpc.insecure_channel(settings.address(name)) as channel:
        check = channel.unary_unary(
            rpc.path,
            request_serializer=rpc.request_type.SerializeToString,
            response_deserializer=rpc.response_type.FromString,
        )
        try:
            check(rpc.request_type(), timeout=2, metadata=(("application", settings.application(name)),))
        except grpc.RpcError:
            return False
    return True


def _reason(overview: Any) -> str:
    """The last line of a replica's traceback: the error itself."""
    messages = [overview.message, *(d.message for d in overview.deployments.values())]
    lines: list[str] = [line for message in messages for line in message.splitlines() if line.strip()]
    errors = [line for line in lines if "Error" in line or "Missing" in line]
    return (errors or lines or ["unknown reason"])[-1].strip()
