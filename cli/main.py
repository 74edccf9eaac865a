"""The `empatheia` command.

Commands live in modules of their own; none imports heavy things before it runs, so that `--help` is instant.
"""

import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from cli import (
    avatars,
    bench,
    chat,
    evaluate,
    models,
    perceive,
    render,
    respond,
    serve,
    speak,
    system,
    train,
)


class _Root(TyperGroup):
    """Imports a group that needs heavy modules only when it is called."""

    heavy = ("traces",)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Finds the command that the arguments name."""
        if args and args[0] in self.heavy:
            self.commands[args[0]] = get_command(import_module(f"cli.{args[0]}").app)
        return super().resolve_command(ctx, args)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"empatheia {version('empatheia')}")
        raise typer.Exit


app = typer.Typer(
    name="empatheia",
    cls=_Root,
    help="Answers a person with empathy, in text, speech and a talking face, and shows its reasoning.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def _root(
    show_version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass


app.command("up")(system.up)
app.command("down")(system.down)
app.command("status")(system.status)
app.command("respond")(respond.respond)
app.command("chat")(chat.chat)
app.command("speak")(speak.speak)
app.command("render")(render.render)
app.command("perceive")(perceive.perceive)
app.command("serve")(serve.serve)
app.command("check")(serve.check)
app.add_typer(typer.Typer(help="Read what happened in a turn: list, show and export traces."), name="traces")
app.add_typer(models.app, name="models")
app.add_typer(bench.app, name="bench")
app.add_typer(avatars.app, name="avatars")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(train.app, name="train")


def main() -> None:
    """Runs the command line.

    Exit codes: 0 done, 2 bad usage or input, 3 a service is down, 4 weights missing.
    """
    try:
        app()
    except Exception as error:
        from runtime.errors import EmpatheiaError

        if not isinstance(error, EmpatheiaError):
            raise
        from cli.console import show_error

        show_error(error)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
