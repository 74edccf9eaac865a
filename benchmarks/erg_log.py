"""A file of results, a line for each dialogue, from which a run that was broken off goes on."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.erg import Row
from runtime.errors import InvalidInput


class Log:
    """The results of one configuration: its first line says which, every further line is a dialogue's."""

    def __init__(self, path: Path, configuration: Mapping[str, Any], *, anew: bool = False) -> None:
        """Opens the file, or begins it.

        Args:
            path: The file; its folder is made.
            configuration: What decides the results.
            anew: Whether to forget what it holds.

        Raises:
            InvalidInput: It holds results of another configuration, or can't be read or written.
        """
        self.path = path
        self.rows: dict[str, Row] = {}
        """By dialogue."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            kept = (
                ""
                if anew or not path.exists()
                else self._read(path.read_text(encoding="utf-8"), configuration)
            )
            # A line that a crash cut short goes.
            path.write_text(kept or json.dumps(dict(configuration)) + "\n", encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput.of(
                "--output", f"{path} can't be used: {error}", reason="BAD_OUTPUT"
            ) from error

    def add(self, row: Row) -> None:
        """Notes what came of a dialogue; it is on the disk when this returns."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        self.rows[row["id"]] = row

    def _read(self, text: str, configuration: Mapping[str, Any]) -> str:
        lines = text.splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]
        if not whole:
            return ""
        try:
            before = json.loads(whole[0])
            rows = [json.loads(line) for line in whole[1:]]
            self.rows = {row["id"]: row for row in rows}
        except (ValueError, TypeError, KeyError) as error:
            raise self._refused("holds no results of this evaluation") from error
        changed = [name for name in configuration if before.get(name) != configuration[name]]
        if changed:
            raise self._refused(f"holds results of another run (of other {', '.join(changed)})")
        return "".join(whole)

    def _refused(self, why: str) -> InvalidInput:
        return InvalidInput.of(
            "--output",
            f"{self.path} {why}; name another file, or begin anew with --anew",
            reason="BAD_OUTPUT",
        )
