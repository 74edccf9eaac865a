"""The waterfall: every node, call and model as a bar on one time axis."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from runtime.telemetry.otlp import SpanRecord
from runtime.telemetry.recorded import Trace
from runtime.telemetry.schema import Attributes, Spans
from runtime.telemetry.view.style import BAD, DIM, FAINT, NODE, WARN, duration, label

_MODEL_PREFIX = Spans.MODEL.format(name="")
_MEDIA_PREFIX = Spans.MEDIA.format(name="")
_NODE_PREFIX = Spans.NODE.format(name="")
_TIME_WIDTH = 8
_FOLD_FROM = 3


@dataclass(frozen=True)
class _Row:
    spans: tuple[SpanRecord, ...]
    """One, or several of one name that share a line."""
    branch: str
    """Lines of the tree before the name."""

    @property
    def span(self) -> SpanRecord:
        return self.spans[0]


def waterfall(trace: Trace) -> "Waterfall":
    """Draws the spans of a trace."""
    return Waterfall(trace)


class Waterfall:
    """Fits itself to the width of the console."""

    def __init__(self, trace: Trace) -> None:
        """Draws the spans of `trace`."""
        self._trace = trace

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yields a line a row: tree, bar, duration, remarks."""
        width = options.max_width
        rows = list(_rows(self._trace))
        remarks = [_remark(row) for row in rows]
        remark_width = min(max((len(text) for text in remarks), default=0), 14 if width < 90 else 24)
        longest = max(len(row.branch) + len(_name(row)) for row in rows)
        name_width = min(longest, width * 2 // 5)
        bar_width = max(10, width - name_width - _TIME_WIDTH - remark_width - 4)
        yield from _lines(console, _axis(self._trace, name_width, bar_width))
        for row, text in zip(rows, remarks, strict=True):
            line = Text(row.branch, style=FAINT)
            line.append(_name(row), style=_colour(row.span))
            line.truncate(name_width, overflow="ellipsis", pad=True)
            line.append(" ").append_text(_bar(row, self._trace, bar_width)).append(" ")
            line.append(duration(sum(span.ms for span in row.spans)).rjust(_TIME_WIDTH), style=DIM)
            remark = Text(text, style=_remark_style(row.span))
            remark.truncate(remark_width, overflow="ellipsis")
            line.append("  ").append_text(remark)
            yield from _lines(console, line)


def _lines(console: Console, line: Text) -> Iterator[Segment]:
    line.rstrip()
    yield from line.render(console)
    yield Segment("\n", Style.null())


def _rows(trace: Trace) -> Iterator[_Row]:
    roots = trace.roots
    for root in roots:
        yield _Row((root,), "")
        yield from _below(trace, root, "")


def _below(trace: Trace, parent: SpanRecord, indent: str) -> Iterator[_Row]:
    groups = list(_folded(trace, trace.children(parent)))
    for position, group in enumerate(groups):
        last = position == len(groups) - 1
        yield _Row(group, indent + ("└ " if last else "├ "))
        if len(group) == 1:
            yield from _below(trace, group[0], indent + ("  " if last else "│ "))


def _folded(trace: Trace, spans: list[SpanRecord]) -> Iterator[tuple[SpanRecord, ...]]:
    """Puts many leaves of one name, such as a model's work sentence by sentence, on one line."""
    leaves: dict[str, list[SpanRecord]] = {}
    for span in spans:
        if not trace.children(span) and not span.failed:
            leaves.setdefault(span.name, []).append(span)
    done: set[str] = set()
    for span in spans:
        group = leaves.get(span.name, [])
        if span not in group or len(group) < _FOLD_FROM:
            yield (span,)
        elif span.name not in done:
            done.add(span.name)
            yield tuple(group)


def _name(row: _Row) -> str:
    span = row.span
    times = f" ×{len(row.spans)}" if len(row.spans) > 1 else ""
    if span.name.startswith(_NODE_PREFIX):
        return label(span.name.removeprefix(_NODE_PREFIX)) + times
    if span.kind == "client":
        return f"→ {span.name}{times}"
    if span.kind == "server":
        backend = span.attributes.get(Attributes.BACKEND)
        service = str(span.attributes.get(Attributes.SERVICE) or span.name.partition("/")[0])
        return (f"{service} · {backend}" if backend else service) + times
    return span.name.removeprefix(_MODEL_PREFIX).removeprefix(_MEDIA_PREFIX) + times


def _colour(span: SpanRecord) -> str:
    if span.failed:
        return BAD
    if span.name.startswith(_NODE_PREFIX):
        return NODE
    if span.name.startswith(_MODEL_PREFIX):
        return "magenta"
    return {"client": "dodger_blue1", "server": "green"}.get(span.kind, "white")


def _remark(row: _Row) -> str:
    span, about = row.span, row.span.attributes
    parts = []
    if span.failed or Attributes.ERROR_TYPE in about:
        parts.append(str(about.get(Attributes.ERROR_TYPE) or span.message or "failed"))
    attempt = int(about.get(Attributes.RPC_ATTEMPT, about.get(Attributes.ATTEMPTS, 1)))
    if attempt > 1:
        parts.append(f"try {attempt}" if span.kind == "client" else f"{attempt} tries")
    if span.kind == "client" and Attributes.FIRST_RESPONSE_MS in about:
        parts.append(f"first {duration(float(about[Attributes.FIRST_RESPONSE_MS]))}")
    read, written = about.get(Attributes.INPUT_TOKENS), about.get(Attributes.OUTPUT_TOKENS)
    if len(row.spans) == 1 and (read or written):
        parts.append(f"{read}→{written} tokens")
    return ", ".join(parts)


def _remark_style(span: SpanRecord) -> str:
    if span.failed:
        return BAD
    return WARN if Attributes.ERROR_TYPE in span.attributes else FAINT


def _axis(trace: Trace, name_width: int, bar_width: int) -> Text:
    """Round numbers of seconds, at least eight columns apart."""
    total_s = max((trace.end_ns - trace.start_ns) / 1e9, 1e-9)
    rough = total_s / max(1, bar_width // 8)
    unit = 10 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    axis = "0"
    tick = 1
    while (column := round(tick * step / total_s * (bar_width - 1))) < bar_width:
        text = (
            f"{tick * step:g} s"
            if step >= 1
            else f"{tick * step:.1f} s"
            if step >= 0.1
            else duration(tick * step * 1000)
        )
        if column + len(text) <= bar_width + 4:
            axis = axis.ljust(column) + text
        tick += 1
    return Text(" " * (name_width + 1) + axis, style=FAINT)


def _bar(row: _Row, trace: Trace, width: int) -> Text:
    """Bars at half a column: thin until the first answer of a call, thick from there."""
    scale = width * 2 / max(trace.end_ns - trace.start_ns, 1)
    cells = [0] * (width * 2)
    for span in row.spans:
        start = min(int((span.start_ns - trace.start_ns) * scale), width * 2 - 1)
        end = max(start + 1, min(math.ceil((span.end_ns - trace.start_ns) * scale), width * 2))
        first_ms = float(span.attributes.get(Attributes.FIRST_RESPONSE_MS, 0.0))
        thick = min(int((span.start_ns - trace.start_ns + first_ms * 1e6) * scale), end - 1)
        for cell in range(start, end):
            cells[cell] = max(cells[cell], 2 if cell >= thick else 1)
    glyphs = {
        (0, 0): " ", (0, 1): "╶", (1, 0): "╴", (1, 1): "─", (0, 2): "╺", (2, 0): "╸",
        (2, 2): "━", (1, 2): "╼", (2, 1): "╾",
    }  # fmt: skip
    text = "".join(glyphs[pair] for pair in zip(cells[::2], cells[1::2], strict=True))
    return Text(text, style=_colour(row.span))
