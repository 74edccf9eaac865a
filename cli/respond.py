"""`empatheia respond`: answers one query and writes the reply into a folder."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from cli.options import Config, Preset

if TYPE_CHECKING:
    from cli.inputs import Query
    from runtime.settings import Settings

Audio = Annotated[
    Optional[Path],  # noqa: UP045 - Typer reads it at run time
    typer.Option("--audio", help="What the person says: wav, flac, mp3, ogg, m4a, webm.", show_default=False),
]
Avatar = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--avatar", help="Who answers; `empatheia status` shows that the avatars are there."),
]
Country = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(
        "--country", help="Where the person is (GB, DE, ...): whose help lines are named in danger."
    ),
]
Seed = Annotated[Optional[int], typer.Option("--seed", help="Same seed, same reply.")]  # noqa: UP045


def respond(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the reply.", show_default=False)],
    text: Annotated[Optional[str], typer.Option("--text", "-t", help="What the person writes.")] = None,  # noqa: UP045
    audio: Audio = None,
    video: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--video", help="The person's face, with or without sound.", show_default=False),
    ] = None,
    dialogue: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--dialogue", help="JSON: history and query; options win over it.", show_default=False),
    ] = None,
    avatar: Avatar = None,
    seed: Seed = None,
    country: Country = None,
    resume: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--resume", help="Turn that broke off: goes on from its last finished step."),
    ] = None,
    preset: Preset = None,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print reply.json instead of the chain.")] = False,
) -> None:
    """Answer one query; write reply.json, reply.wav, reply.mp4 and trace.json.

    Starts the system if none runs, and leaves it running.
    """
    import asyncio

    from cli.console import out
    from cli.options import settings_of
    from cli.outputs import check_folder
    from cli.start import ensure_running
    from cli.trace_file import write_trace

    settings = settings_of(preset, config)
    query = _query(dialogue, settings)
    query.text = query.text if text is None else text
    query.audio, query.video = audio or query.audio, video or query.video
    query.avatar, query.resume = avatar or query.avatar, resume or ""
    query.seed = query.seed if seed is None else seed
    query.country = country or ""
    request = query.to_request(settings.limits)
    check_folder(output)
    settings = ensure_running(settings, preset, config)
    content = asyncio.run(_respond(settings, request, output, quiet=as_json))
    write_trace(settings, content["trace_id"], output / "trace.json")
    if as_json:
        typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
    else:
        out.print(_summary(content, output))


def _query(dialogue: Path | None, settings: "Settings") -> "Query":
    from cli.inputs import Query, read_dialogue

    return read_dialogue(dialogue, settings.limits) if dialogue else Query()


async def _respond(settings: "Settings", request: Any, output: Path, *, quiet: bool) -> dict[str, Any]:
    from rich.console import Console

    from cli import turn
    from cli.chain_view import ChainView
    from cli.console import err, out
    from cli.outputs import ReplyWriter
    from runtime.errors import EmpatheiaError, InvalidInput

    view = ChainView(Console(quiet=True) if quiet else out)
    with ReplyWriter(output) as writer:
        try:
            async with turn.open_transport(settings) as transport:
                reply = await turn.play(transport, request, view, writer)
            return writer.finish(reply)
        except EmpatheiaError as error:
            view.close()
            if view.turn_id and error.exit_code == 3:
                err.print(f"The turn can go on where it broke off: --resume {view.turn_id}")
            raise
        except OSError as error:
            raise InvalidInput.of(
                "--output", f"{output} can't be written any more: {error.strerror}", reason="BAD_OUTPUT"
            ) from error
        finally:
            view.close()


def _summary(content: dict[str, Any], output: Path) -> str:
    from rich.markup import escape

    timings = content["timings_ms"]
    named = (("first_audio", "first audio"), ("first_frame", "first frame"), ("total", "total"))
    times = " · ".join(f"{title} {timings[key] / 1000:.1f} s" for key, title in named if key in timings)
    names = ("reply.json", "reply.wav", "reply.mp4", "trace.json")
    files = "\n".join(f"  {output / name}" for name in names if (output / name).exists())
    notices = "\n".join(f"[dim]{escape(notice)}[/]" for notice in content["notices"])
    return "\n".join(part for part in (f"[dim]{times}[/]", escape(files), notices) if part)
