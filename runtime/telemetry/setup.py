"""Starts and stops the recording of traces and metrics in a process."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.exporter import __name__ as exporter_module
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState, get_current_span
from opentelemetry.util.types import Attributes

from runtime.settings import Settings
from runtime.telemetry import metrics, tracing
from runtime.telemetry.schema import Attributes as Names
from runtime.telemetry.schema import Spans
from runtime.telemetry.store import StoreExporter, TraceStore

# A collector that is away holds up the end of a process for no longer than this, spans and measures each.
_OTLP_TIMEOUT_S = 2


@dataclass(frozen=True)
class _Active:
    key: tuple[object, ...]
    spans: TracerProvider
    measures: MeterProvider | None


_active: _Active | None = None


def trace_store(settings: Settings) -> TraceStore:
    """The local store of a system."""
    return TraceStore(settings.home / "traces")


def configure(process: str, settings: Settings) -> None:
    """Starts recording in this process; the same call again changes nothing.

    Args:
        process: What this process is: "gateway", "speech", "cli", ...
        settings: Say what is recorded, and where it goes.
    """
    global _active
    key = (process, settings.preset, settings.home, settings.telemetry)
    if _active is not None and _active.key == key:
        return
    shutdown()
    resource = resource_of(process, settings)
    spans = tracer_provider(resource, settings)
    measures = meter_provider(resource, settings)
    tracing.record_pii(settings.telemetry.pii)
    tracing.use_provider(spans)
    metrics.use_provider(measures)
    _active = _Active(key, spans, measures)


def shutdown() -> None:
    """Sends what is left, and stops recording; without `configure` it does nothing."""
    global _active
    if _active is None:
        return
    active, _active = _active, None
    tracing.use_provider(None)
    metrics.use_provider(None)
    active.spans.shutdown()
    if active.measures is not None:
        active.measures.shutdown()


def tracer_provider(resource: Resource, settings: Settings) -> TracerProvider:
    """Makes what spans go through: to the local store, to a collector, to both or to neither."""
    # A provider of our own beside the global one, which Ray Serve takes for itself.
    provider = TracerProvider(resource=resource, sampler=_Everything())
    if settings.telemetry.local_store:
        # Written at the end of each span, so that the trace is on disk when the turn's last event is seen.
        provider.add_span_processor(SimpleSpanProcessor(StoreExporter(trace_store(settings))))
    if endpoint := settings.telemetry.otlp_endpoint:
        provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=_OTLP_TIMEOUT_S))
        )
    return provider


class _Everything(Sampler):
    """Keeps every span, whatever share of its own Ray samples, but for warm-ups, which no call asked for."""

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Drops spans of models that hang from nothing."""
        orphan = not get_current_span(parent_context).get_span_context().is_valid
        if orphan and name.startswith(Spans.MODEL.format(name="")):
            return SamplingResult(Decision.DROP)
        return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, trace_state)

    def get_description(self) -> str:
        """Names the sampler."""
        return "everything but warm-ups"


def meter_provider(resource: Resource, settings: Settings) -> MeterProvider | None:
    """Makes what measures go through; there is no local store of them."""
    if not settings.telemetry.otlp_endpoint:
        return None
    logging.getLogger(exporter_module).addFilter(_takes_traces_only)
    exporter = OTLPMetricExporter(endpoint=settings.telemetry.otlp_endpoint, timeout=_OTLP_TIMEOUT_S)
    return MeterProvider(metric_readers=[PeriodicExportingMetricReader(exporter)], resource=resource)


def _takes_traces_only(record: logging.LogRecord) -> bool:
    """Drops the error that each push of measures is to a viewer of traces, such as Jaeger or Phoenix."""
    message = record.getMessage()
    return not ("metrics" in message and "UNIMPLEMENTED" in message)


def resource_of(process: str, settings: Settings) -> Resource:
    """Says which process recorded something."""
    return Resource.create(
        {
            "service.name": f"empatheia-{process}",
            "service.version": version("empatheia"),
            "process.pid": os.getpid(),
            Names.PRESET: settings.preset,
            # Phoenix groups traces by it.
            "openinference.project.name": "empatheia",
        }
    )
