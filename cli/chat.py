"""`empatheia chat`: a conversation in the terminal."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from cli.options import Config, Preset
from cli.respond import Avatar, Country, Seed

if TYPE_CHECKING:
    import asyncio

    from empatheia.common.v1 import safety_pb2
    from empatheia.dialogue.v1 import dialogue_pb2

    from cli.inputs import Query
    from runtime.settings import Settings

_HELP = "/why shows how the last reply came about, /audio FILE and /video FILE send a recording, /quit ends."


def chat(
    avatar: Avatar = None,
    seed: Seed = None,
    country: Country = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045 - Typer reads it at run time
        typer.Option("--output", "-o", help="Keep each reply in a numbered folder here.", show_default=False),
    ] = None,
    preset: Preset = None,
    config: Config = None,
) -> None:
    """Talk with Empatheia in the terminal; it remembers what was said and felt."""
    import asyncio

    from cli.console import out
    from cli.options import settings_of
    from cli.outputs import check_folder
    from cli.start import ensure_running
    from cli.turn import open_transport

    settings = settings_of(preset, config)
    if output:
        check_folder(output)
    settings = ensure_running(settings, preset, config)
    out.print(f"[dim]{_HELP}[/]")
    conversation = _Conversation(settings, avatar or "", seed or 0, country or "", output)
    # Waiting for a line needs no event loop, and one would keep Ctrl-C from ending it.
    with asyncio.Runner() as runner:
        transport = open_transport(settings)
        for line in _lines():
            if line == "/why":
                _explain(conversation.last)
            elif line == "/numbers":
                _help(conversation.helped)
            else:
                _say(runner, conversation, line, transport)
        runner.run(transport.close())


def _lines() -> Iterator[str]:
    """What the person types, until the end."""
    import readline  # noqa: F401 - lets `input` edit the line

    from rich.markup import escape

    from cli.console import err, out

    while True:
        try:
            line = out.input("[bold]you[/] ").strip()
        except EOFError:
            return
        if line in ("/quit", "/exit"):
            return
        if line.startswith("/") and line.split()[0] not in ("/audio", "/video", "/why", "/numbers"):
            err.print(f"[yellow]unknown command {escape(line.split()[0])}[/] [dim]{_HELP}[/]")
        elif line:
            yield line


def _say(runner: "asyncio.Runner", conversation: "_Conversation", line: str, transport: Any) -> None:
    from cli.chain_view import ChainView
    from cli.console import err, out, show_error
    from runtime.errors import EmpatheiaError

    view = ChainView(out, chain=False, helped=conversation.helped)
    try:
        runner.run(conversation.say(line, transport, view))
    except EmpatheiaError as error:
        view.close()
        show_error(error)
    except KeyboardInterrupt:
        view.close()
        err.print("[yellow]stopped[/]")


class _Conversation:
    """What was said so far, and what the person felt."""

    def __init__(
        self, settings: "Settings", avatar: str, seed: int, country: str, output: Path | None
    ) -> None:
        self._settings = settings
        self._avatar = avatar
        self._seed = seed
        self._country = country
        self._output = output
        self._history: list[Any] = []
        self._turns = 0
        self._id = ""
        self.last: dialogue_pb2.Reply | None = None
        self.helped: dict[str, safety_pb2.Safety] = {}
        """Dangers of which it was shown who can help, by kind."""

    async def say(self, line: str, transport: Any, view: Any) -> None:
        """Sends a turn; once it is perceived it joins the history, with as much of a reply as has come."""
        request = self._query(line).to_request(self._settings.limits)
        request.options.conversation_id = self._id
        heard = _Heard()
        try:
            self.last = await self._answer(request, transport, view, heard)
            self._turns += 1
        finally:
            # Who told of a danger in a turn that broke off must not have to tell it again.
            self._id = heard.conversation_id or self._id
            history = [*self._history, *heard.utterances()]
            self._history = history[-self._settings.limits.max_history_utterances :]

    async def _answer(
        self, request: "dialogue_pb2.RespondRequest", transport: Any, view: Any, heard: "_Heard"
    ) -> "dialogue_pb2.Reply":
        import asyncio
        from contextlib import ExitStack

        from cli import turn
        from cli.outputs import ReplyWriter, check_folder
        from cli.trace_file import write_trace

        sinks: Sequence[turn.EventSink] = (view, heard)
        with ExitStack() as stack:
            if self._output:
                folder = self._output / f"{self._turns + 1:03d}"
                check_folder(folder)
                writer = stack.enter_context(ReplyWriter(folder))
                sinks = (*sinks, writer)
            reply = await turn.play(transport, request, *sinks)
            if self._output:
                writer.finish(reply)
                await asyncio.to_thread(write_trace, self._settings, reply.trace_id, folder / "trace.json")
        return reply

    def _query(self, line: str) -> "Query":
        from cli.inputs import Query

        query = Query(avatar=self._avatar, seed=self._seed, country=self._country, history=self._history)
        command, _, path = line.partition(" ")
        if command == "/audio":
            query.audio = Path(path.strip()).expanduser()
        elif command == "/video":
            query.video = Path(path.strip()).expanduser()
        else:
            query.text = line
        return query


class _Heard:
    """Notes what the next turn must know of this one."""

    def __init__(self) -> None:
        self.conversation_id = ""
        self._said = ""
        self._emotion = ""
        self._reply = ""

    def add(self, event: "dialogue_pb2.TurnEvent") -> None:
        """Takes the next event."""
        if event.HasField("started"):
            self.conversation_id = event.started.conversation_id
        elif event.HasField("perceived"):
            self._said = event.perceived.text
        elif event.HasField("text"):
            self._reply += event.text.text
        elif event.HasField("reply"):
            self._reply, self._emotion = event.reply.text, event.reply.emotion_label

    def utterances(self) -> list[Any]:
        """What was said and answered, as far as it came."""
        from empatheia.common.v1 import dialogue_pb2 as common_pb2

        said = common_pb2.Utterance(role=common_pb2.ROLE_SPEAKER, text=self._said, emotion=self._emotion)
        replied = common_pb2.Utterance(role=common_pb2.ROLE_LISTENER, text=self._reply.strip())
        return [one for one in (said, replied) if one.text]


def _explain(reply: "dialogue_pb2.Reply | None") -> None:
    from cli.chain_view import ChainView
    from cli.console import out

    if reply is None:
        out.print("[dim]nothing has been said yet[/]")
        return
    ChainView(out).show_reply(reply)
    out.print(f"[dim]trace {reply.trace_id}: empatheia traces show {reply.trace_id}[/]")


def _help(helped: "dict[str, safety_pb2.Safety]") -> None:
    from cli.chain_view import ChainView
    from cli.console import out

    for danger in helped.values():
        ChainView(out).show_help(danger)
    if not helped:
        out.print("[dim]no numbers have been shown yet[/]")
