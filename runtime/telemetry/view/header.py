"""The top of the picture: which turn, what was said, what was felt, what came out."""

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from runtime.telemetry.recorded import Trace, as_list
from runtime.telemetry.schema import Attributes
from runtime.telemetry.view.style import BAD, CLASS_COLOURS, DIM, WARN, duration

_BETWEEN = "  ·  "


def header(trace: Trace) -> RenderableType:
    """Draws the head of a trace."""
    about = trace.head.attributes
    lines: list[RenderableType] = []
    if said := about.get(Attributes.INPUT_TEXT):
        lines.append(_spoken("person", str(said)))
    if answered := about.get(Attributes.OUTPUT_TEXT):
        lines.append(_spoken("reply", str(answered)))
    lines.append(_Flow(_facts(trace)))
    lines.extend(
        Text.assemble(("lost  ", WARN), (lost, WARN)) for lost in as_list(about.get(Attributes.DEGRADED))
    )
    if trace.head.failed:
        lines.append(Text.assemble(("failed  ", BAD), (trace.head.message, BAD)))
    if not trace.whole:
        lines.append(
            Text("incomplete: the turn is still running, died, or parts were recorded elsewhere", WARN)
        )
    local = trace.started_at.astimezone()
    title = Text.assemble(
        (" turn " if trace.is_turn else f" {trace.head.name} ", "bold"),
        (f"{trace.trace_id[:12]} ", DIM),
    )
    footer = Text(f" {local:%d %b %Y %H:%M:%S} ", style=DIM)
    return Panel(
        Group(*lines),
        title=title,
        title_align="left",
        subtitle=footer,
        subtitle_align="right",
        border_style="grey37",
        padding=(0, 1),
    )


def _spoken(who: str, text: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=6, style=DIM)
    grid.add_column(ratio=1)
    grid.add_row(who, Text(text, style="bold" if who == "reply" else ""))
    return Padding(grid, (0, 0, 1, 0)) if who == "reply" else grid


def _facts(trace: Trace) -> list[Text]:
    about = trace.head.attributes
    klass = str(about.get(Attributes.EMOTION_CLASS, ""))
    facts: list[tuple[str, str]] = []
    if emotion := str(about.get(Attributes.EMOTION_LABEL, "")):
        shown = emotion if klass in ("", emotion) else f"{emotion} ({klass})"
        facts.append((shown, f"bold {CLASS_COLOURS.get(klass, '')}"))
    if danger := str(about.get(Attributes.SAFETY_KIND, "")):
        facts.append((f"danger: {danger.replace('_', ' ')}", f"bold {WARN}"))
    if given := as_list(about.get(Attributes.MODALITIES)):
        facts.append((" + ".join(given), ""))
    facts.append((duration(trace.head.ms), ""))
    for name, what in (
        (Attributes.FIRST_AUDIO_MS, "sound at"),
        (Attributes.FIRST_FRAME_MS, "picture at"),
    ):
        if name in about:
            facts.append((f"{what} {duration(float(about[name]))}", ""))
    if models := trace.model_ms():
        facts.append((f"models busy {models / max(trace.head.ms, 1e-6):.0%}", ""))
    if preset := str(about.get(Attributes.PRESET, "")):
        facts.append((preset, DIM))
    if Attributes.SEED in about:
        facts.append((f"seed {about[Attributes.SEED]}", DIM))
    return [Text(text, style=style) for text, style in facts]


class _Flow:
    """Facts one after the other; each stays on one line."""

    def __init__(self, facts: list[Text]) -> None:
        self._facts = facts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        line = Text()
        for fact in self._facts:
            if line and line.cell_len + len(_BETWEEN) + fact.cell_len > options.max_width:
                yield line
                line = Text()
            line = line.append(_BETWEEN if line else "", style=DIM).append_text(fact)
        yield line
