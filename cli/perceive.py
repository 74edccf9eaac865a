"""`empatheia perceive`: what is heard and seen in a recording, and how sure that is."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from cli.options import AsJson, Config, Preset
from cli.picture import check_picture

if TYPE_CHECKING:
    from empatheia.perception.v1 import perception_pb2

    from runtime.settings import Settings


def perceive(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A sound file or a video.", show_default=False)
    ],
    text: Annotated[str, typer.Option("--text", help="Words that are judged instead of those heard.")] = "",
    output: Annotated[
        Optional[Path],  # noqa: UP045 - Typer reads it at run time
        typer.Option("--output", "-o", help="Draws affect over time into this PNG."),
    ] = None,
    preset: Preset = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show what is perceived in a recording; needs no running system.

    Words with their times, voice and face over time, where they disagree, and how sure each is.
    """
    import asyncio

    from google.protobuf.json_format import MessageToJson

    from cli.console import err, out
    from cli.options import settings_of

    settings = settings_of(preset, config)
    data = _read(file, settings.limits.max_media_bytes)
    if output is not None:
        check_picture(output)
    with err.status("loading") as status:
        perception = asyncio.run(_ask(settings, file.name, data, text, status.update))
    if output is not None:
        from cli.perceive_plot import draw

        draw(output, file.name, perception)
    if as_json:
        typer.echo(MessageToJson(perception, preserving_proto_field_name=True))
        return
    from cli.perceive_view import show

    show(out, perception)
    if output is not None:
        out.print(f"\n[dim]over time:[/] {output}")


def _read(file: Path, most: int) -> bytes:
    from runtime.errors import InvalidInput, TooMuch

    try:
        if file.stat().st_size > most:
            raise TooMuch(
                f"{file} is larger than {most // 1_000_000} MB; give a shorter recording",
                reason="MEDIA_TOO_LARGE",
            )
        return file.read_bytes()
    except OSError as error:
        raise InvalidInput.of("FILE", f"{file} can't be read: {error.strerror}", reason="NO_FILE") from error


async def _ask(
    settings: "Settings", name: str, data: bytes, text: str, tell: Callable[[str], None]
) -> "perception_pb2.Perception":
    """Asks the service that the settings name; without an address, one in this process."""
    from contextlib import AsyncExitStack

    from empatheia.common.v1 import media_pb2
    from empatheia.perception.v1 import perception_pb2

    from runtime.artifacts import new_turn_id
    from runtime.clients.grpc_transport import GrpcTransport
    from runtime.clients.in_process import InProcessTransport
    from runtime.clients.transport import CallKey, Transport
    from runtime.errors import Internal
    from runtime.media import parts
    from runtime.rpc import PERCEIVE

    async def requests() -> AsyncIterator[perception_pb2.PerceiveRequest]:
        start = perception_pb2.PerceiveStart(text=text, allow_wordless=True)
        yield perception_pb2.PerceiveRequest(start=start)
        for part in parts(0, media_pb2.MediaHeader(file_name=name), data):
            yield perception_pb2.PerceiveRequest(media=part)

    async with AsyncExitStack() as stack:
        transport: Transport
        if settings.service("perception").address:
            transport = await stack.enter_async_context(GrpcTransport(settings))
        else:
            from services.perception.service import PerceptionService

            local = InProcessTransport({"perception": PerceptionService(settings)})
            await local.start()
            stack.push_async_callback(local.stop)
            transport = local
        tell("listening and looking")
        async for response in transport.stream(PERCEIVE, requests(), CallKey(new_turn_id(), "perceive")):
            if response.HasField("perception"):
                return response.perception
            tell(f"heard: {response.partial.text[-60:]}")
    raise Internal("perception ended without a result", reason="NO_RESULT", service="perception")
