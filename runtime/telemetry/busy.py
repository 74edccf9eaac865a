"""Spans of models that work in many short pieces."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.context import get_current
from opentelemetry.util.types import AttributeValue

from runtime.telemetry.schema import Attributes, Spans
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


class Summed:
    """Adds up the work of models that take turns in one thread, and writes one span for each.

    They stand one after the other from the beginning on, each as long as all its pieces together: what is
    left of the span around them was other work.
    """

    def __init__(self) -> None:
        """Begins; its spans hang from the span that is current now."""
        self._parent = get_current()
        self._start_ns = time.time_ns()
        self._spent_ns: Counter[str] = Counter()

    @contextmanager
    def work(self, model: str) -> Iterator[None]:
        """Times one piece of a model's work."""
        begin = time.perf_counter_ns()
        try:
            yield
        finally:
            self._spent_ns[model] += time.perf_counter_ns() - begin

    def close(self) -> None:
        """Writes the spans down."""
        start = self._start_ns
        for model, spent in self._spent_ns.items():
            name = Spans.MODEL.format(name=model)
            record_span(name, {Attributes.SUMMED: True}, start, start + spent, self._parent)
            start += spent
