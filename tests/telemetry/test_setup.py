import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from runtime.settings import TelemetrySettings
from runtime.telemetry import metrics, setup
from runtime.telemetry.schema import Attributes, Metrics, Spans
from runtime.telemetry.setup import configure, shutdown
from runtime.telemetry.tracing import span


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self) -> None:
        self.names: list[str] = []
        self.processes: set[str] = set()

    def Export(self, request, context):  # noqa: N802
        for resource in request.resource_spans:
            about = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
            self.processes.add(about["service.name"])
            self.names += [span.name for scope in resource.scope_spans for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest.fixture
def collector() -> Iterator[tuple[str, Collector]]:
    servicer = Collector()
    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}", servicer
    server.stop(None).wait()


def using(settings, **telemetry):
    return settings.model_copy(update={"telemetry": TelemetrySettings(**telemetry)})


def test_configuring_twice_records_once(settings, store) -> None:
    configure("gateway", settings)
    provider = setup._active
    configure("gateway", settings)
    assert setup._active is provider
    with span(Spans.TURN):
        pass
    (trace,) = store.recent()
    assert len(list((settings.home / "traces").iterdir())) == 1
    assert trace.head.process == "empatheia-gateway"


def test_other_settings_replace_the_first(settings, store) -> None:
    configure("gateway", using(settings, pii=False))
    configure("gateway", using(settings, pii=True))
    with span(Spans.TURN, {Attributes.INPUT_TEXT: "hello"}):
        pass
    (trace,) = store.recent()
    assert trace.head.attributes[Attributes.INPUT_TEXT] == "hello"


def test_after_shutdown_nothing_is_recorded(settings, store) -> None:
    configure("gateway", settings)
    shutdown()
    shutdown()
    with span(Spans.TURN):
        pass
    assert store.ids() == []


def test_a_warm_up_is_no_trace(settings, store) -> None:
    configure("speech", settings)
    with span(Spans.MODEL.format(name="voice")):
        pass
    assert store.ids() == []
    with span("speech/Synthesize"), span(Spans.MODEL.format(name="voice")):
        pass
    (trace,) = store.recent(turns_only=False)
    assert len(trace.spans) == 2


def test_the_local_store_can_be_off(settings, store) -> None:
    configure("gateway", using(settings, local_store=False))
    with span(Spans.TURN):
        pass
    assert store.ids() == []


def test_spans_reach_a_collector(settings, store, collector, caplog) -> None:
    endpoint, received = collector
    configure("speech", using(settings, otlp_endpoint=endpoint))
    with span(Spans.TURN), span("model voice"):
        metrics.record(Metrics.TURN, 1.0)
    shutdown()
    # This collector takes no measures, which is nothing to complain of.
    assert caplog.text == ""
    assert sorted(received.names) == ["model voice", "turn"]
    assert received.processes == {"empatheia-speech"}
    assert len(store.ids()) == 1


def test_a_collector_that_is_away_holds_nobody_up(settings) -> None:
    configure("speech", using(settings, otlp_endpoint="http://127.0.0.1:9"))
    started = time.monotonic()
    with span(Spans.TURN):
        pass
    assert time.monotonic() - started < 0.5
    shutdown()
    assert time.monotonic() - started < 12


def test_measures_are_recorded_as_declared() -> None:
    reader = InMemoryMetricReader()
    metrics.use_provider(MeterProvider([reader]))
    metrics.record(Metrics.TURN, 1500.0, {Attributes.PRESET: "embedded"})
    metrics.record(Metrics.DEGRADED, 1)
    metrics.record(Metrics.DEGRADED, 1)
    found = {
        metric.name: metric
        for resource in reader.get_metrics_data().resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    metrics.use_provider(None)
    assert found[Metrics.TURN.name].unit == "ms"
    assert found[Metrics.TURN.name].data.data_points[0].sum == 1500
    assert found[Metrics.DEGRADED.name].data.data_points[0].value == 2


def test_a_measure_carries_no_words() -> None:
    for name in (Attributes.INPUT_TEXT, "anything"):
        with pytest.raises(ValueError, match="can't be an attribute of a metric"):
            metrics.record(Metrics.TURN, 1.0, {name: "x"})


def test_without_a_provider_measures_are_dropped() -> None:
    metrics.record(Metrics.TURN, 1.0)
