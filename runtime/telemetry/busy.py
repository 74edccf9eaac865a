"""Spans of a model that works in many short pieces and waits in between."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.context import get_current
from opentelemetry.util.types import AttributeValue

from runtime.telemetry.tracing import record_span

_GAP_NS = 100_000_000


class Busy:
    """Joins pieces of work less than 0.1 s apart into one span, so that waiting is not taken for work."""

    def __init__(self, name: str, attributes: Mapping[str, AttributeValue]) -> None:
        """Begins; its spans hang from the span that is current now."""
        self._name = name
        self._attributes = attributes
        self._parent = get_current()
        self._start_ns = 0
        self._end_ns = 0

    @contextmanager
    def work(self) -> Iterator[None]:
        """Times one piece of work."""
        begin = time.time_ns()
        if self._start_ns and begin - self._end_ns > _GAP_NS:
            self.close()
        self._start_ns = self._start_ns or begin
        try:
            yield
        finally:
            self._end_ns = time.time_ns()

    def close(self) -> None:
        """Writes down what is left."""
        if self._start_ns:
            record_span(self._name, self._attributes, self._start_ns, self._end_ns, self._parent)
        self._start_ns = 0
