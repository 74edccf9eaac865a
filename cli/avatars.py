"""`empatheia avatars`: which faces there are, and how they look."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Config, Preset

if TYPE_CHECKING:
    from empatheia.common.v1 import style_pb2

    from runtime.settings import Settings

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
    avatar: Annotated[str, typer.Argument(help="Key or profile file; all avatars if left out.")] = "",
    output: Annotated[Path, typer.Option("-o", "--output", help="The picture to write.")] = Path("sheet.png"),
    size: Annotated[int, typer.Option(min=64, max=1024, help="Of one face.")] = 256,
) -> None:
    """Draw drawn avatars with each emotion and with the concern that meets sadness and anger."""
    import cv2

    from runtime.errors import InvalidInput, UnknownName
    from services.avatar.profiles.schema import FOLDER, load_profiles
    from services.avatar.sheet import sheet

    known = load_profiles([FOLDER, Path(avatar)] if is_file(avatar) else [FOLDER])
    key = Path(avatar).stem if is_file(avatar) else avatar
    if key and key not in known:
        raise UnknownName(
            f"there is no avatar {key!r}; there are: {', '.join(known)}", reason="UNKNOWN_AVATAR"
        )
    if output.suffix not in (".png", ".jpg") or not output.parent.is_dir():
        raise InvalidInput.of("--output", f"{output} must be a .png or .jpg in a folder that exists")
    styles = portrayed()
    pixels = cv2.cvtColor(sheet({key: known[key]} if key else known, styles, size), cv2.COLOR_RGB2BGR)
    if not cv2.imwrite(str(output), pixels, [cv2.IMWRITE_JPEG_QUALITY, 82]):
        raise InvalidInput.of("--output", f"{output} can't be written")
    typer.echo(f"{output}  columns: {', '.join(styles)}")


def portrayed() -> "dict[str, style_pb2.FaceControls]":
    """Every emotion in full, and the answers that show concern, by name."""
    from services.disentangler.tables import ANSWERS, PORTRAYALS

    styles = {name: manner.face_proto() for name, manner in PORTRAYALS.items()}
    return styles | {ANSWERS[felt].words: ANSWERS[felt].manner.face_proto() for felt in ("sad", "angry")}


def is_file(avatar: str) -> bool:
    """Whether an avatar is named by its profile file, not by its key."""
    return avatar.endswith((".yaml", ".yml")) or "/" in avatar


def with_profile(settings: "Settings", avatar: str) -> "tuple[Settings, str]":
    """Lets an avatar be given as a profile file.

    Returns:
        Settings in which the file is known to the drawn backend, and the avatar's key.

    Raises:
        InvalidInput: The file is missing or broken.
    """
    if not is_file(avatar):
        return settings, avatar
    from services.avatar.profiles.schema import load_profiles

    path = Path(avatar)
    load_profiles([path])
    own = settings.service("avatar")
    options = own.options | {"profiles": [*own.options.get("profiles", []), str(path.absolute())]}
    services = settings.services | {"avatar": own.model_copy(update={"options": options})}
    return settings.model_copy(update={"services": services}), path.stem
