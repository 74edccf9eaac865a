"""Shows how the services come up: a live table on a terminal, lines elsewhere."""

from collections.abc import Mapping

from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table

from cli.console import err
from runtime.settings import Settings


class StartupView:
    """State of each service while the system starts."""

    def __init__(self, settings: Settings) -> None:
        """Names the services that will be started."""
        self._states = {name: "" for name, own in settings.services.items() if own.hosted}
        self._live = Live(console=err, transient=False, refresh_per_second=8) if err.is_terminal else None
        self._spinner = Spinner("dots")

    def show(self, states: Mapping[str, str]) -> None:
        """Takes the newest states."""
        changed = {name: state for name, state in states.items() if self._states.get(name) != state}
        self._states.update(changed)
        if self._live is None:
            for name, state in changed.items():
                err.print(f"{name}: {escape(state)}")
        elif changed:
            if not self._live.is_started:
                self._live.start()
            self._live.update(self._table())

    def close(self) -> None:
        """Leaves the last picture standing."""
        if self._live is not None and self._live.is_started:
            self._live.stop()

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for name, state in self._states.items():
            if state == "ready":
                table.add_row("[green]✓[/]", name, "[green]ready[/]")
            elif state.startswith("failed"):
                table.add_row("[red]✗[/]", name, f"[red]{escape(state)}[/]")
            elif state:
                table.add_row(self._spinner, name, f"[dim]{escape(state)}[/]")
            else:
                table.add_row("", f"[dim]{name}[/]", "[dim]waiting[/]")
        return table

    def __enter__(self) -> "StartupView":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
