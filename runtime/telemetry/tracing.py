"""Spans: how they are begun, what they may carry, and how a trace crosses from process to process."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from runtime.errors import EmpatheiaError
from runtime.telemetry.schema import DECLARED, SENSITIVE, Attributes

_LOG = logging.getLogger(__name__)
_PROPAGATOR = TraceContextTextMapPropagator()
_record_pii = True


def record_pii(allowed: bool) -> None:
    """Says whether spans of this process may hold the person's words."""
    global _record_pii
    _record_pii = allowed


@contextmanager
def span(
    name: str,
    attributes: Mapping[str, AttributeValue] | None = None,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: Context | None = None,
) -> Iterator[Span]:
    """Runs a block as a span; an exception ends it as an error.

    Args:
        name: From `schema.Spans`; never holds what a person said.
        attributes: By names of `schema.Attributes`.
        kind: Client, server or internal.
        parent: Where it hangs; the current span if not given.
    """
    tracer = trace.get_tracer("empatheia")
    with tracer.start_as_current_span(
        name, context=parent, kind=kind, record_exception=False, set_status_on_exception=False
    ) as current:
        annotate(current, attributes or {})
        try:
            yield current
        except BaseException as error:
            reason = error.reason if isinstance(error, EmpatheiaError) else type(error).__name__
            annotate(current, {Attributes.ERROR_TYPE: reason})
            current.set_status(Status(StatusCode.ERROR, str(error) if _record_pii else reason))
            raise


def annotate(current: Span, attributes: Mapping[str, AttributeValue]) -> None:
    """Adds attributes, leaving out those that settings forbid.

    Raises:
        ValueError: An attribute is not declared in the schema.
    """
    for name, value in attributes.items():
        if name not in DECLARED:
            raise ValueError(f"span attribute {name!r} is not declared in runtime/telemetry/schema.py")
        if _record_pii or name not in SENSITIVE:
            current.set_attribute(name, value)


def inject(metadata: dict[str, str]) -> None:
    """Writes the current trace into call metadata (`traceparent`)."""
    _PROPAGATOR.inject(metadata)


def extract(metadata: Mapping[str, str]) -> Context:
    """Reads the caller's trace from call metadata."""
    return _PROPAGATOR.extract(metadata)


def trace_id(current: Span) -> str:
    """The 32 hex digits of a span's trace."""
    return format(current.get_span_context().trace_id, "032x")
