"""Starts and stops the recording of traces and metrics in a process."""

import logging
import os
from dataclasses import dataclass
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.grpc.exporter import __name__ as exporter_module
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from runtime.settings import Settings
from runtime.telemetry import metrics, tracing
from runtime.telemetry.schema import Attributes
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
    # A provider of our own beside the global one, which Ray Serve takes for itself; and every span is
    # kept, whatever share of its own spans Ray samples.
    provider = TracerProvider(resource=resource, sampler=ALWAYS_ON)
    if settings.telemetry.local_store:
        # Written at the end of each span, so that the trace is on disk when the turn's last event is seen.
        provider.add_span_processor(SimpleSpanProcessor(StoreExporter(trace_store(settings))))
    if endpoint := settings.telemetry.otlp_endpoint:
        provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=_OTLP_TIMEOUT_S))
        )
    return provider


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
            Attributes.PRESET: settings.preset,
            # Phoenix groups traces by it.
            "openinference.project.name": "empatheia",
        }
    )
