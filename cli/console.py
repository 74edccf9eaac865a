"""Where commands write: results to standard output, progress and errors to standard error."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from runtime.errors import EmpatheiaError

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def show_error(error: "EmpatheiaError") -> None:
    """Prints what was wrong in one line, and each wrong field that the line does not name."""
    err.print(f"[bold red]error:[/] {escape(error.message)}")
    for violation in error.violations:
        if violation.field not in error.message:
            err.print(f"  [red]{escape(violation.field)}:[/] {escape(violation.description)}")
