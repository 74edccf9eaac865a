"""A trace as it was recorded: its spans as a tree, and what they say of the turn."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from runtime.telemetry.evidence import loads
from runtime.telemetry.otlp import SpanRecord
from runtime.telemetry.schema import Attributes, Spans

_MODEL_PREFIX = Spans.MODEL.format(name="")
_MEDIA_PREFIX = Spans.MEDIA.format(name="")


@dataclass(frozen=True)
class Trace:
    """All spans of one trace."""

    trace_id: str
    spans: tuple[SpanRecord, ...]
    """By start; never empty."""
    _children: dict[str, list[SpanRecord]] = field(repr=False)

    @classmethod
    def of(cls, spans: Iterable[SpanRecord]) -> "Trace":
        """Joins spans into a trace; a span that was written twice counts once.

        Raises:
            ValueError: There are no spans.
        """
        by_id = {span.span_id: span for span in spans}
        if not by_id:
            raise ValueError("a trace has at least one span")
        ordered = tuple(sorted(by_id.values(), key=lambda span: (span.start_ns, -span.end_ns)))
        children: dict[str, list[SpanRecord]] = {}
        for span in ordered:
            children.setdefault(span.parent_id if span.parent_id in by_id else "", []).append(span)
        return cls(ordered[0].trace_id, ordered, children)

    @property
    def roots(self) -> list[SpanRecord]:
        """Spans without a parent here: one in a whole trace, more where parts are missing."""
        return self._children.get("", [])

    @property
    def turn(self) -> SpanRecord | None:
        """The span of the turn; None if the trace is of something else, or the turn has not ended."""
        return next((span for span in self.spans if span.name == Spans.TURN), None)

    @property
    def head(self) -> SpanRecord:
        """The span that stands for the whole: the turn, else the first root."""
        return self.turn or self.roots[0]

    @property
    def is_turn(self) -> bool:
        """Whether it is, or was to become, the trace of a turn."""
        return self.turn is not None or any(self.node(span) for span in self.spans)

    @property
    def whole(self) -> bool:
        """Whether its root and every parent are here."""
        known = {span.span_id for span in self.spans}
        return any(not span.parent_id for span in self.spans) and all(
            not span.parent_id or span.parent_id in known for span in self.spans
        )

    @property
    def answered(self) -> bool:
        """Whether each call that succeeded has a span of the service that answered it."""
        return all(
            any(child.kind == "server" for child in self.children(span))
            for span in self.spans
            if span.kind == "client" and span.attributes.get(Attributes.RPC_STATUS) == "OK"
        )

    @property
    def start_ns(self) -> int:
        """When the first span began."""
        return self.spans[0].start_ns

    @property
    def end_ns(self) -> int:
        """When the last span ended."""
        return max(span.end_ns for span in self.spans)

    @property
    def started_at(self) -> datetime:
        """When it began."""
        return datetime.fromtimestamp(self.start_ns / 1e9, UTC)

    def children(self, span: SpanRecord) -> list[SpanRecord]:
        """Spans directly under a span, by start."""
        return self._children.get(span.span_id, [])

    def node(self, span: SpanRecord) -> str:
        """Name of the graph's node that a span is; empty if it is none."""
        name = str(span.attributes.get(Attributes.NODE, ""))
        return name if span.name == Spans.NODE.format(name=name) else ""

    def nodes(self) -> dict[str, SpanRecord]:
        """The nodes that ran, by name; of one that ran again, the last."""
        return {self.node(span): span for span in self.spans if self.node(span)}

    def model_ms(self, *, media: bool = False) -> float:
        """Time during which at least one model worked, in milliseconds.

        Args:
            media: Whether work on the person's media counts, too.
        """
        prefixes = (_MODEL_PREFIX, _MEDIA_PREFIX) if media else (_MODEL_PREFIX,)
        total, until = 0, 0
        for span in self.spans:
            if span.name.startswith(prefixes):
                total += max(0, span.end_ns - max(until, span.start_ns))
                until = max(until, span.end_ns)
        return total / 1e6

    def walk(self) -> Iterator[tuple[int, SpanRecord]]:
        """Every span with its depth, parents first."""
        pending = [(0, span) for span in reversed(self.roots)]
        while pending:
            depth, span = pending.pop()
            yield depth, span
            pending.extend((depth + 1, child) for child in reversed(self.children(span)))

    def to_json(self) -> dict[str, Any]:
        """The trace for a program: the turn, its nodes, and every span as a flat list, parents first."""
        return {
            **summary(self),
            "complete": self.whole,
            "nodes": [
                {
                    "name": name,
                    "ms": round(span.ms, 3),
                    "attempts": span.attributes.get(Attributes.ATTEMPTS, 1),
                    "confidence": span.attributes.get(Attributes.CONFIDENCE),
                    "text": span.attributes.get(Attributes.OUTPUT_TEXT),
                    "alternatives": [
                        {"text": text, "confidence": sure}
                        for text, sure in mapping(span.attributes.get(Attributes.ALTERNATIVES))
                    ],
                    "evidence": [
                        asdict(quote) for quote in loads(span.attributes.get(Attributes.EVIDENCE, ""))
                    ],
                    "error": span.message if span.failed else None,
                }
                for name, span in self.nodes().items()
            ],
            "tree": [
                {
                    "id": span.span_id,
                    "parent": span.parent_id or None,
                    "depth": depth,
                    "name": span.name,
                    "kind": span.kind,
                    "process": span.process,
                    "start_ms": round((span.start_ns - self.start_ns) / 1e6, 3),
                    "ms": round(span.ms, 3),
                    "error": (span.message or "error") if span.failed else None,
                    "attributes": dict(span.attributes),
                }
                for depth, span in self.walk()
            ],
        }


def as_list(value: Any) -> list[str]:
    """An attribute that holds a list, whatever form it was written in."""
    if value in (None, "", ()):
        return []
    return [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]


def mapping(value: Any) -> list[tuple[str, Any]]:
    """Entries of an attribute that holds a JSON object, the greatest first."""
    try:
        content = json.loads(value) if value else {}
        return sorted(content.items(), key=lambda item: -abs(float(item[1])))
    except (ValueError, TypeError, AttributeError):
        return []


def summary(trace: Trace) -> dict[str, Any]:
    """One trace in one line, for a list."""
    head = trace.head
    about = dict(head.attributes)
    felt = trace.nodes().get("user_emotion")
    if felt is not None:
        # A turn that ended early has not come to say it.
        for name in (Attributes.EMOTION_LABEL, Attributes.EMOTION_CLASS):
            about.setdefault(name, felt.attributes.get(name, ""))
    return {
        "trace_id": trace.trace_id,
        "name": head.name if trace.turn or not trace.is_turn else "unfinished turn",
        "started_at": trace.started_at.isoformat(timespec="milliseconds"),
        "ms": round(head.ms, 3),
        "turn_id": about.get(Attributes.TURN_ID, ""),
        "conversation_id": about.get(Attributes.CONVERSATION_ID, ""),
        "emotion": about.get(Attributes.EMOTION_LABEL, ""),
        "emotion_class": about.get(Attributes.EMOTION_CLASS, ""),
        "text": about.get(Attributes.INPUT_TEXT, ""),
        "degraded": as_list(about.get(Attributes.DEGRADED)),
        "spans": len(trace.spans),
        "errors": sum(span.failed for span in trace.spans),
    }
