"""`empatheia render`: a face that speaks a recorded voice."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Config, Preset

if TYPE_CHECKING:
    import numpy as np
    from empatheia.common.v1 import content_pb2, style_pb2
    from numpy.typing import NDArray

    from runtime.settings import Settings

RATE = 24000
"""Samples a second that the voice is brought to."""

MAX_S = 30 * 60


def render(
    audio: Annotated[Path, typer.Option("--audio", help="The voice: a sound file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The MP4 to write.")],
    emotion: Annotated[str, typer.Option(help="What the face shows, such as sad or neutral.")] = "neutral",
    intensity: Annotated[float, typer.Option(min=0, max=1, help="How strongly.")] = 1.0,
    avatar: Annotated[
        str, typer.Option(help="Key, as `empatheia avatars list` shows, or a profile file.")
    ] = "",
    size: Annotated[int, typer.Option(help="Width and height; 0 is the usual.")] = 0,
    seed: Annotated[int, typer.Option(help="Same seed, same video.")] = 0,
    listening: Annotated[bool, typer.Option("--listening", help="The face listens to the voice.")] = False,
    text: Annotated[str, typer.Option(help="What the voice says, word for word; heard if left out.")] = "",
    hear: Annotated[
        bool, typer.Option("--hear/--no-hear", help="Or let the mouth follow the loudness alone.")
    ] = True,
    preset: Preset = None,
    config: Config = None,
) -> None:
    """Show a face speaking a recorded voice, or listening to it; needs no running system.

    The mouth makes the sounds of the words, given with --text or else heard (English).
    """
    from cli.avatars import with_profile
    from cli.console import err
    from cli.options import settings_of
    from cli.said import Said, said

    voice = read_voice(audio)
    style = style_of(emotion, intensity)
    if not output.parent.is_dir():
        from runtime.errors import InvalidInput

        raise InvalidInput.of("--output", f"there is no folder {output.parent}", reason="NO_FOLDER")
    settings, key = with_profile(settings_of(preset, config), avatar)
    with err.status("drawing") as status:
        words = Said([], "the loudness alone")
        if not listening and (hear or text):
            words = said(voice, RATE, text, status.update)
            status.update("drawing")
        asyncio.run(
            write(settings, voice, style, output, key, size, seed, words.segments, listening=listening)
        )
    typer.echo(f"{output}  {len(voice) / RATE:.1f} s of voice, synthetic (the file's metadata says so)")
    if not listening:
        typer.echo(f"The mouth follows {words.how}.")


def style_of(emotion: str, intensity: float) -> "style_pb2.Style":
    """How an emotion looks.

    Raises:
        UnknownName: There is no such emotion.
    """
    from empatheia.common.v1 import style_pb2

    from runtime.errors import UnknownName
    from services.disentangler.tables import PORTRAYALS

    if emotion not in PORTRAYALS:
        raise UnknownName(
            f"there is no emotion {emotion!r}; there are: {', '.join(PORTRAYALS)}", reason="UNKNOWN_EMOTION"
        )
    face = PORTRAYALS[emotion].scaled(intensity).face_proto()
    return style_pb2.Style(face=face, emotion=emotion, intensity=intensity)


def read_voice(path: Path) -> "NDArray[np.int16]":
    """Decodes a sound file to one channel at `RATE`.

    Raises:
        InvalidInput: It can't be read, or holds no sound.
        TooMuch: It is longer than `MAX_S`.
    """
    import av
    import numpy as np

    from runtime.errors import InvalidInput, TooMuch

    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    parts: list[NDArray[np.int16]] = []
    samples = 0
    try:
        with av.open(str(path)) as file:
            if not file.streams.audio:
                raise InvalidInput.of("--audio", f"{path} holds no sound", reason="NO_AUDIO")
            frames = (frame for frame in file.decode(audio=0))
            for frame in frames:
                for out in resampler.resample(frame):
                    parts.append(out.to_ndarray()[0].astype(np.int16))
                    samples += parts[-1].size
                if samples > MAX_S * RATE:
                    raise TooMuch(f"--audio: longer than {MAX_S // 60} minutes", reason="AUDIO_TOO_LONG")
            parts += [out.to_ndarray()[0].astype(np.int16) for out in resampler.resample(None)]
    except (OSError, av.FFmpegError) as error:
        raise InvalidInput.of("--audio", f"{path} can't be read: {error}", reason="BAD_AUDIO") from error
    if not any(part.size for part in parts):
        raise InvalidInput.of("--audio", f"{path} holds no samples", reason="NO_AUDIO")
    return np.concatenate(parts)


async def write(
    settings: "Settings",
    voice: "NDArray[np.int16]",
    style: "style_pb2.Style",
    output: Path,
    avatar: str = "",
    size: int = 0,
    seed: int = 0,
    segments: "Sequence[content_pb2.ContentSegment]" = (),
    *,
    listening: bool = False,
) -> None:
    """Renders into a file beside the wanted one, which takes its name only when it is whole."""
    from empatheia.avatar.v1 import avatar_pb2

    from runtime.clients.in_process import InProcessTransport
    from runtime.clients.transport import CallKey
    from runtime.rpc import RENDER
    from services.avatar.service import AvatarService

    async def requests() -> AsyncIterator[avatar_pb2.RenderRequest]:
        yield avatar_pb2.RenderRequest(
            start=avatar_pb2.RenderStart(
                avatar_id=avatar, style=style, seed=seed, sample_rate=RATE, size=size
            )
        )
        for segment in segments:
            yield avatar_pb2.RenderRequest(spoken=segment)
        for first in range(0, len(voice), RATE // 5):
            data = voice[first : first + RATE // 5].astype("<i2").tobytes()
            chunk = avatar_pb2.VoiceChunk(data=data, pts_s=first / RATE)
            if listening:
                yield avatar_pb2.RenderRequest(heard=chunk)
            else:
                yield avatar_pb2.RenderRequest(audio=chunk)

    transport = InProcessTransport({"avatar": AvatarService(settings)})
    await transport.start()
    part = output.with_name(f".{output.name}.part")
    try:
        with part.open("wb") as file:
            async for response in transport.stream(RENDER, requests(), CallKey("render", "render")):
                if response.WhichOneof("part") == "chunk":
                    file.write(response.chunk.data)
        part.replace(output)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
        await transport.stop()
