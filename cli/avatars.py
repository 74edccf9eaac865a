"""`empatheia avatars`: which faces there are, and how they look."""

from pathlib import Path
from typing import Annotated

import typer

from cli.options import Config, Preset

app = typer.Typer(no_args_is_help=True, help="See the avatars.")


@app.command("list")
def list_avatars(preset: Preset = None, config: Config = None) -> None:
    """List the avatars, the default first."""
    import asyncio

    from cli.options import settings_of
    from runtime.clients.in_process import InProcessTransport
    from runtime.clients.transport import CallKey
    from runtime.rpc import LIST_AVATARS
    from services.avatar.service import AvatarService

    transport = InProcessTransport({"avatar": AvatarService(settings_of(preset, config))})

    async def ask() -> None:
        await transport.start()
        answer = await transport.unary(LIST_AVATARS, LIST_AVATARS.request_type(), CallKey("avatars", "list"))
        for one in answer.avatars:
            typer.echo(f"{one.id:<10} {one.description}")
        await transport.stop()

    asyncio.run(ask())


@app.command("preview")
def preview(
    key: Annotated[str, typer.Argument(help="One avatar; all if left out.")] = "",
    output: Annotated[Path, typer.Option("-o", "--output", help="The picture to write.")] = Path("sheet.png"),
    size: Annotated[int, typer.Option(min=64, max=1024, help="Of one face.")] = 256,
) -> None:
    """Draw the built-in avatars with each expression, a row for each avatar."""
    import cv2

    from runtime.errors import InvalidInput, UnknownName
    from services.avatar.profiles.schema import FOLDER, load_profiles
    from services.avatar.sheet import EXPRESSIONS, sheet

    known = load_profiles([FOLDER])
    if key and key not in known:
        raise UnknownName(
            f"there is no avatar {key!r}; there are: {', '.join(known)}", reason="UNKNOWN_AVATAR"
        )
    if output.suffix not in (".png", ".jpg") or not output.parent.is_dir():
        raise InvalidInput.of("--output", f"{output} must be a .png or .jpg in a folder that exists")
    pixels = cv2.cvtColor(sheet(size, [key] if key else None), cv2.COLOR_RGBA2BGR)
    if not cv2.imwrite(str(output), pixels):
        raise InvalidInput.of("--output", f"{output} can't be written")
    typer.echo(f"{output}  columns: {', '.join(EXPRESSIONS)}")
