"""`empatheia serve` and `check`: one service on a port of its own, without Ray."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from cli.options import Config, Preset

if TYPE_CHECKING:
    import asyncio

    from runtime.settings import Settings

_Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="perception, reasoning, synchronizer, disentangler, speech, avatar or gateway.",
    ),
]


def serve(
    name: _Name,
    host: Annotated[str, typer.Option(help="Interface to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port for gRPC; 0 takes a free one.")] = 9100,
    http_port: Annotated[
        Optional[int],  # noqa: UP045 - Typer reads it at run time
        typer.Option(help="The gateway's HTTP port; none if not given.", show_default=False),
    ] = None,
    preset: Preset = None,
    config: Config = None,
) -> None:
    """Run one service by itself, e.g. to swap it for another or to debug it."""
    import asyncio

    from cli.options import settings_of
    from runtime.errors import InvalidInput

    settings = settings_of(preset, config)
    _known(name)
    if http_port is not None and name != "gateway":
        raise InvalidInput.of("--http-port", "only the gateway speaks HTTP", reason="BAD_OPTION")
    asyncio.run(_serve(name, settings, host, port, http_port))


def check(
    name: _Name,
    address: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="host:port; from settings if not given.", show_default=False),
    ] = None,
    preset: Preset = None,
    config: Config = None,
) -> None:
    """Ask one service whether it is ready: exit code 0 if it is, else 3."""
    import asyncio

    from cli import daemon
    from cli.options import settings_of
    from cli.probe import probe

    _known(name)
    settings = settings_of(preset, config)
    if address is None:
        settings = daemon.as_running(settings)
    found = asyncio.run(probe(name, address or settings.address(name), settings.application(name)))
    typer.echo(f"{name} at {found.address}: {found.state}")
    if not found.ready:
        raise typer.Exit(3)


def _known(name: str) -> None:
    from runtime.errors import UnknownName
    from runtime.services import SERVICES

    if name not in SERVICES:
        raise UnknownName(
            f"there is no service {name!r}; there are: {', '.join(SERVICES)}", reason="UNKNOWN_SERVICE"
        )


async def _serve(name: str, settings: "Settings", host: str, port: int, http_port: int | None) -> None:
    import asyncio
    import signal

    from cli.console import err
    from runtime.errors import InvalidInput
    from runtime.hosting.bare import BareHost
    from runtime.registry import load
    from runtime.services import SERVICES
    from runtime.telemetry.setup import configure, shutdown

    web = None if http_port is None else _bind(host, http_port)
    configure(name, settings)
    service = load(SERVICES[name].servicer)(settings)
    try:
        bare = BareHost(service, f"{host}:{port}")
    except RuntimeError as error:
        raise InvalidInput.of(
            "--port", f"port {port} of {host} can't be used; give another one", reason="PORT_TAKEN"
        ) from error
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    err.print(f"{name}: starting on {host}:{bare.port}")
    try:
        async with _until(stopped):
            await bare.start()
        if not stopped.is_set():
            if web:
                web.listen()
            at = f"{host}:{bare.port}" + (f" and http://{host}:{http_port}" if web else "")
            err.print(f"{name}: ready on {at}")
            await (_serve_http(service.asgi_app(), web, stopped) if web else stopped.wait())
    finally:
        err.print(f"{name}: stopping")
        await bare.stop()
        shutdown()


@asynccontextmanager
async def _until(stopped: "asyncio.Event") -> AsyncIterator[None]:
    """Ends the block quietly when the event is set."""
    import asyncio

    block = asyncio.current_task()
    assert block is not None

    async def watch() -> None:
        await stopped.wait()
        block.cancel()

    watcher = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if not stopped.is_set():
            raise
        block.uncancel()
    finally:
        watcher.cancel()


async def _serve_http(app: Any, web: socket.socket, stopped: "asyncio.Event") -> None:
    """Serves an app until the event is set, and lets its requests end."""
    import asyncio

    import uvicorn

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield  # The caller handles them, for gRPC and HTTP together.

    server = Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5))
    serving = asyncio.create_task(server.serve(sockets=[web]))
    await stopped.wait()
    server.should_exit = True
    await serving


def _bind(host: str, port: int) -> socket.socket:
    from runtime.errors import InvalidInput

    web = socket.socket()
    web.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        web.bind((host, port))
    except OSError as error:
        web.close()
        raise InvalidInput.of(
            "--http-port", f"port {port} of {host} can't be used ({error.strerror})", reason="PORT_TAKEN"
        ) from error
    return web
