"""Spans: how they are begun, what they may carry, and how a trace crosses from process to process."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from runtime.errors import EmpatheiaError
from runtime.telemetry.schema import DECLARED, SENSITIVE, TWINS, Attributes

_PROPAGATOR = TraceContextTextMapPropagator()
CANCELLED = "CANCELLED"
"""`error.type` of a span whose caller went away."""
_record_pii = True
_provider: TracerProvider | None = None


def use_provider(provider: TracerProvider | None) -> None:
    """Says where spans of this process go; None goes back to OpenTelemetry's global provider.

    The global one can be set only once a process, and in a Ray Serve replica Ray has set it already.
    """
    global _provider
    _provider = provider


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
    current: bool = True,
) -> Iterator[Span]:
    """Runs a block as a span; an exception ends it as an error.

    Args:
        name: From `schema.Spans`; never holds what a person said.
        attributes: By names of `schema.Attributes`.
        kind: Client, server or internal.
        parent: Where it hangs; the current span if not given.
        current: Whether spans begun inside the block hang from this one. An async generator that yields
            inside the block says no, since its reader would inherit it, and uses `within` where it works.
    """
    tracer = trace.get_tracer("empatheia", tracer_provider=_provider)
    begun = tracer.start_span(name, context=parent, kind=kind)
    with within(begun) if current else nullcontext():
        # Without a kind, Phoenix takes whatever names a model for a language model.
        annotate(begun, {Attributes.KIND: "CHAIN", **(attributes or {})})
        try:
            yield begun
        except (asyncio.CancelledError, GeneratorExit):
            # Whoever asked no longer wants it, e.g. after an interruption: that is no failure.
            annotate(begun, {Attributes.ERROR_TYPE: CANCELLED})
            raise
        except BaseException as error:
            reason = error.reason if isinstance(error, EmpatheiaError) else type(error).__name__
            annotate(begun, {Attributes.ERROR_TYPE: reason})
            begun.set_status(Status(StatusCode.ERROR, str(error) if _record_pii else reason))
            raise
        finally:
            begun.end()


def record_span(
    name: str, attributes: Mapping[str, AttributeValue], start_ns: int, end_ns: int, parent: Context
) -> None:
    """Writes down a span of work that is over.

    Args:
        name: From `schema.Spans`.
        attributes: By names of `schema.Attributes`.
        start_ns: Nanoseconds since 1970.
        end_ns: Nanoseconds since 1970.
        parent: Where it hangs.
    """
    tracer = trace.get_tracer("empatheia", tracer_provider=_provider)
    done = tracer.start_span(name, context=parent, start_time=start_ns)
    annotate(done, {Attributes.KIND: "CHAIN", **attributes})
    done.end(end_time=end_ns)


@contextmanager
def within(begun: Span) -> Iterator[None]:
    """Makes a span that has begun the current one."""
    with trace.use_span(begun, record_exception=False, set_status_on_exception=False):
        yield


def annotate(current: Span, attributes: Mapping[str, AttributeValue]) -> None:
    """Adds attributes, and those that OpenInference names otherwise, leaving out what settings forbid.

    Raises:
        ValueError: An attribute is not declared in the schema.
    """
    for name, value in attributes.items():
        if name not in DECLARED:
            raise ValueError(f"span attribute {name!r} is not declared in runtime/telemetry/schema.py")
        if _record_pii or name not in SENSITIVE:
            current.set_attribute(name, value)
            if name in TWINS:
                current.set_attribute(TWINS[name], value)


def inject(metadata: dict[str, str]) -> None:
    """Writes the current trace into call metadata (`traceparent`)."""
    _PROPAGATOR.inject(metadata)


def extract(metadata: Mapping[str, str]) -> Context:
    """Reads the caller's trace from call metadata."""
    return _PROPAGATOR.extract(metadata)


def trace_id(current: Span) -> str:
    """The 32 hex digits of a span's trace."""
    return format(current.get_span_context().trace_id, "032x")
