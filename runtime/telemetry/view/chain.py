"""The chain: what each step concluded, on what evidence, how sure, how long."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from runtime.safety import NONE
from runtime.telemetry.evidence import Quote, loads
from runtime.telemetry.otlp import SpanRecord
from runtime.telemetry.recorded import Trace, as_list, mapping
from runtime.telemetry.schema import CHAIN_NODES, Attributes
from runtime.telemetry.view.style import (
    BAD,
    CLASS_COLOURS,
    DIM,
    FAINT,
    NODE,
    WARN,
    duration,
    gauge,
    label,
)

_KINDS: Mapping[str, str] = {"text": "words", "audio": "voice", "face": "face"}
_OTHERS = ("disentangle",)
_FEEL = ("perceive", "user_emotion")
"""The nodes that say what the person feels."""
_ALTERNATIVES = 4


def chain(trace: Trace) -> RenderableType:
    """Draws perception, a danger, the five steps and the style, in that order, with what is known of each."""
    nodes = trace.nodes()
    said = trace.head.attributes.get(Attributes.INPUT_TEXT)
    wanted = [name for name in ("perceive", "assess", *CHAIN_NODES, *_OTHERS) if name in nodes]
    if "assess" in wanted and not _danger(nodes["assess"].attributes):
        wanted.remove("assess")
    return Group(*(_Step(name, nodes[name], said, last=name == wanted[-1]) for name in wanted))


class _Step:
    """One step: a dot, and a line down to the next."""

    def __init__(self, name: str, span: SpanRecord, said: Any, *, last: bool) -> None:
        self._span = span
        self._content = Group(_head(name, span), *_body(name, span, said))
        self._last = last

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        dot = Segment("● ", Style.parse(BAD if self._span.failed else NODE))
        rail = Segment("  " if self._last else "│ ", Style.parse(FAINT))
        narrower = options.update_width(options.max_width - 2)
        for number, line in enumerate(console.render_lines(self._content, narrower, pad=False)):
            yield rail if number else dot
            yield from line
            yield Segment.line()
        yield rail
        yield Segment.line()


def _head(name: str, span: SpanRecord) -> RenderableType:
    about = span.attributes
    line = Table.grid(padding=(0, 1), expand=True)
    line.add_column(ratio=1)
    line.add_column(justify="right", no_wrap=True)
    line.add_column(justify="right", width=9, no_wrap=True)
    title = Text().append(label(name), style=f"bold {NODE}")
    if int(about.get(Attributes.ATTEMPTS, 1)) > 1:
        title.append(f"  asked {about[Attributes.ATTEMPTS]} times", style=WARN)
    if about.get(Attributes.AUTHORED):
        title.append("  stands in for the model", style=WARN)
    if dropped := about.get(Attributes.DROPPED):
        title.append(f"  {dropped} oldest utterances left out", style=WARN)
    sure: RenderableType = ""
    if about.get(Attributes.CONFIDENCE):
        sure = gauge(float(about[Attributes.CONFIDENCE]))
    line.add_row(title, sure, Text(duration(span.ms), style=DIM))
    return line


def _body(name: str, span: SpanRecord, said: Any) -> Iterable[RenderableType]:
    about = span.attributes
    if span.failed:
        yield Text(span.message or str(about.get(Attributes.ERROR_TYPE, "failed")), style=BAD)
    if name == "assess":
        yield Text(_danger(about), style=WARN)
    # The head of the picture has what was typed; what was heard may differ from it.
    if (concluded := about.get(Attributes.OUTPUT_TEXT)) and not (name == "perceive" and concluded == said):
        yield Text(str(concluded))
    if name in _FEEL and (emotion := _emotion(about)):
        yield emotion
    elif not concluded and not span.failed and name in CHAIN_NODES:
        yield Text("(words not recorded)", style=FAINT)
    if others := mapping(about.get(Attributes.ALTERNATIVES)):
        shown = " · ".join(f"{text} {float(sure):.0%}" for text, sure in others)
        yield Text(f"rather than  {shown}", style=DIM)
    if controls := mapping(about.get(Attributes.STYLE)):
        yield Text(", ".join(f"{label(key)} {float(value):+.2g}" for key, value in controls), style=DIM)
    for conflict in as_list(about.get(Attributes.CONFLICTS)):
        yield Text.assemble(("but  ", WARN), (conflict, ""))
    for note in as_list(about.get(Attributes.PERCEPTION_NOTES)):
        yield Text.assemble(("note ", DIM), (note, DIM))
    quotes = loads(str(about.get(Attributes.EVIDENCE, "")))
    if quotes:
        yield _evidence(quotes)
    elif count := int(about.get(Attributes.EVIDENCE_COUNT, 0)):
        yield Text(f"rests on {count} {'piece' if count == 1 else 'pieces'} of evidence", style=DIM)


def _danger(about: Mapping[str, Any]) -> str:
    """What was seen of danger, and by what; empty where there is nothing to say."""
    said = []
    if (kind := str(about.get(Attributes.SAFETY_KIND, NONE))) != NONE:
        stage, seen_by = about.get(Attributes.SAFETY_STAGE, ""), about.get(Attributes.SAFETY_SEEN_BY, "")
        said.append(f"{label(kind)}, {label(str(stage))}, seen by {seen_by}")
    if why := about.get(Attributes.SAFETY_UNREACHABLE):
        said.append(f"the list of phrases decided alone: {why}")
    return "; ".join(said)


def _emotion(about: Mapping[str, Any]) -> RenderableType | None:
    emotion = str(about.get(Attributes.EMOTION_LABEL, ""))
    if not emotion:
        return None
    klass = str(about.get(Attributes.EMOTION_CLASS, ""))
    line = Text().append(emotion, style=f"bold {CLASS_COLOURS.get(klass, '')}")
    if klass and klass != emotion:
        line.append(f" ({klass})", style=DIM)
    others = [
        f"{name} {float(share):.0%}"
        for name, share in mapping(about.get(Attributes.EMOTION_DISTRIBUTION))
        if name != emotion
    ]
    if others:
        line.append("   rather than " + ", ".join(others[: _ALTERNATIVES - 1]), style=DIM)
    felt = [
        f"{what} {float(about[name]):+.2f}"
        for what, name in (("valence", Attributes.VALENCE), ("arousal", Attributes.AROUSAL))
        if name in about
    ]
    if felt:
        line.append("   " + ", ".join(felt), style=DIM)
    return line


def _evidence(quotes: list[Quote]) -> RenderableType:
    """One line a quote: where it was found, what was noticed, how much it counted."""
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(width=5, style=DIM)
    grid.add_column(ratio=1)
    grid.add_column(justify="right", no_wrap=True)
    for quote in sorted(quotes, key=lambda quote: -quote.weight):
        said = Text()
        if quote.kind == "text":
            said.append(f"“{quote.text}”", style="italic")
            if quote.utterance is not None:
                said.append(f" #{quote.utterance + 1}", style=FAINT)
        elif quote.start is not None and quote.end is not None:
            said.append(f"{quote.start:.1f}–{quote.end:.1f} s", style="italic")
        if quote.note:
            said.append("  " + quote.note, style=DIM)
        dots = round(max(0.0, min(1.0, quote.weight)) * 5)
        weight = Text("▪" * dots, style=NODE).append("·" * (5 - dots), style=FAINT)
        grid.add_row(_KINDS.get(quote.kind, quote.kind), said, weight)
    return Group(grid)
