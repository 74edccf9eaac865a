"""Traces on this machine: one file a trace, one OTLP/JSON document a line, written by many processes."""

import json
import logging
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from runtime.errors import InvalidInput, UnknownName
from runtime.telemetry.otlp import Json, SpanRecord, merge, parse, to_document
from runtime.telemetry.recorded import Trace

_LOG = logging.getLogger(__name__)
_FILE = re.compile(r"[0-9a-f]{32}\.jsonl")
_PREFIX = re.compile(r"[0-9a-f]{1,32}")
_LINE_START = '{"resourceSpans"'
_PRUNE_EVERY = 100
_GRACE_S = 0.5
LAST = "last"
"""Stands for the id of the newest turn."""


class TraceStore:
    """The folder of traces."""

    def __init__(self, folder: Path, *, keep: int = 1000, keep_days: float = 30.0) -> None:
        """Opens a folder, which need not exist yet.

        Args:
            folder: Holds `<trace id>.jsonl` files; others in it are left alone.
            keep: Traces beyond so many, oldest first, are deleted from time to time.
            keep_days: So are those that nobody wrote to for so long.
        """
        self._folder = folder
        self._keep = keep
        self._keep_s = keep_days * 86400
        self._begun = 0

    def append(self, trace_id: str, document: Json) -> None:
        """Adds spans to a trace; safe among processes, and on disk when it returns.

        Raises:
            OSError: The folder can't be written.
        """
        line = (json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # One write with O_APPEND, so that lines of several processes never mix; readable by its owner only,
        # because it may hold what a person said.
        file = os.open(self._path(trace_id), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            new = os.fstat(file).st_size == 0
            os.write(file, line)
        finally:
            os.close(file)
        if new:
            self._begun += 1
            if self._begun % _PRUNE_EVERY == 1:
                self.prune()

    def ids(self) -> list[str]:
        """Ids of the stored traces, the one last written to first."""
        return [path.stem for _, path in self._files()]

    def find(self, wanted: str) -> str:
        """The full id of a trace.

        Args:
            wanted: An id, the beginning of one, or `last` for the newest turn.

        Raises:
            UnknownName: No trace is so called.
            InvalidInput: Several are.
        """
        if wanted == LAST:
            newest = next(self.recent(), None)
            if newest is None:
                raise UnknownName(f"there are no traces of turns in {self._folder}", reason="UNKNOWN_TRACE")
            return newest.trace_id
        text = wanted.lower()
        matches = [name for name in self.ids() if name.startswith(text)] if _PREFIX.fullmatch(text) else []
        if not matches:
            raise UnknownName(
                f"there is no trace {wanted!r} in {self._folder}; see `empatheia traces list`",
                reason="UNKNOWN_TRACE",
            )
        if len(matches) > 1:
            raise InvalidInput.of(
                "ID", f"{wanted!r} begins {len(matches)} ids; give more of it", reason="AMBIGUOUS_TRACE"
            )
        return matches[0]

    def load(self, wanted: str) -> Trace:
        """Reads a trace; see `find` for its argument and errors."""
        trace_id = self.find(wanted)
        trace = self._read(trace_id)
        if trace is None:
            raise UnknownName(f"trace {trace_id} has no readable spans", reason="UNKNOWN_TRACE")
        return trace

    def export(self, wanted: str) -> Json:
        """A trace as one OTLP/JSON document; see `find` for its argument and errors."""
        return merge(document for document, _ in self._documents(self.find(wanted)))

    def recent(self, *, turns_only: bool = True) -> Iterator[Trace]:
        """Reads traces, the newest first, as they are asked for.

        Args:
            turns_only: Leaves out others, e.g. of a single call made by hand.
        """
        for trace_id in self.ids():
            trace = self._read(trace_id)
            if trace is not None and (trace.is_turn or not turns_only):
                yield trace

    def complete(self, trace_id: str, timeout_s: float) -> bool:
        """Waits until every process has written its spans of a trace that has ended.

        Returns:
            Whether its root and every parent are there in time. A service's own span may arrive just after
            its caller's, so for those it waits a little longer, but not for services that record elsewhere.
        """
        deadline = time.monotonic() + timeout_s
        whole_at: float | None = None
        while True:
            trace = self._read(trace_id)
            now = time.monotonic()
            if trace is not None and trace.whole:
                whole_at = whole_at or now
                if trace.answered or now - whole_at >= _GRACE_S:
                    return True
            if now >= deadline:
                return whole_at is not None
            time.sleep(0.02)

    def prune(self) -> None:
        """Deletes traces beyond the bounds."""
        oldest = time.time() - self._keep_s
        for position, (changed, path) in enumerate(self._files()):
            if position >= self._keep or changed < oldest:
                path.unlink(missing_ok=True)

    def _path(self, trace_id: str) -> Path:
        return self._folder / f"{trace_id}.jsonl"

    def _files(self) -> list[tuple[float, Path]]:
        found = []
        try:
            entries = list(os.scandir(self._folder))
        except FileNotFoundError:
            return []
        for entry in entries:
            if _FILE.fullmatch(entry.name) and entry.is_file():
                # Another process may delete it meanwhile.
                with suppress(FileNotFoundError):
                    found.append((entry.stat().st_mtime, Path(entry.path)))
        return sorted(found, reverse=True)

    def _read(self, trace_id: str) -> Trace | None:
        spans = [span for _, spans in self._documents(trace_id) for span in spans]
        return Trace.of(spans) if spans else None

    def _documents(self, trace_id: str) -> Iterator[tuple[Json, list[SpanRecord]]]:
        """The readable lines of a file that belong to the trace."""
        try:
            lines = self._path(trace_id).read_bytes().splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            # A line that its writer could not finish may have the next one on its end.
            text = line.decode(errors="replace")
            start = text.rfind(_LINE_START)
            try:
                document = json.loads(text[max(start, 0) :])
                spans = list(parse(document))
            except (ValueError, KeyError, TypeError, AttributeError, IndexError):
                continue
            if spans and all(span.trace_id == trace_id for span in spans):
                yield document, spans


class StoreExporter(SpanExporter):
    """Hands finished spans to the store."""

    def __init__(self, store: TraceStore) -> None:
        """Writes to `store`."""
        self._store = store

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Writes the spans; a disk that refuses is reported in the log and never stops a turn."""
        try:
            for span in spans:
                context = span.get_span_context()
                if context is not None:
                    self._store.append(format(context.trace_id, "032x"), to_document([span]))
        except OSError as error:
            _LOG.warning("a span could not be stored: %s", error)
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS
