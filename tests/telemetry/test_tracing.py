import asyncio
import time

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from runtime.errors import ServiceDown
from runtime.telemetry import schema, tracing
from runtime.telemetry.busy import Summed
from runtime.telemetry.schema import DECLARED, SENSITIVE, TWINS, Attributes, Spans
from runtime.telemetry.tracing import annotate, extract, inject, span


@pytest.fixture
def recorded() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use_provider(provider)
    return exporter


def test_an_attribute_must_be_declared(recorded) -> None:
    with span(Spans.TURN) as turn, pytest.raises(ValueError, match="not declared"):
        annotate(turn, {"empatheia.surprise": 1})


def test_without_pii_no_words_are_kept(recorded) -> None:
    tracing.record_pii(False)
    everything = dict.fromkeys(DECLARED, "my words")
    with pytest.raises(ServiceDown), span(Spans.TURN, everything):
        raise ServiceDown("my words", reason="GONE")
    (only,) = recorded.get_finished_spans()
    assert not SENSITIVE & set(only.attributes)
    assert set(only.attributes) == DECLARED - SENSITIVE
    assert only.status.description == "GONE"


def test_words_are_kept_where_settings_allow_it(recorded) -> None:
    with span(Spans.TURN, {Attributes.INPUT_TEXT: "hello", Attributes.CONVERSATION_ID: "c"}):
        pass
    (only,) = recorded.get_finished_spans()
    assert only.attributes[Attributes.OPENINFERENCE_INPUT] == "hello"
    assert only.attributes[Attributes.SESSION_ID] == "c"
    assert only.attributes[Attributes.KIND] == "CHAIN"


def test_what_twins_hold_is_as_sensitive_as_what_they_copy() -> None:
    for name, twin in TWINS.items():
        assert {name, twin} <= DECLARED
        assert (name in SENSITIVE) == (twin in SENSITIVE)
    assert {name for name in DECLARED if ".pii." in name} <= SENSITIVE


def test_names_are_declared_once() -> None:
    for holder in (schema.Attributes, schema.Spans):
        values = [value for key, value in vars(holder).items() if key.isupper() and key != "RPC_SERVER"]
        assert len(values) == len(set(values))


def test_a_trace_goes_on_in_another_process(recorded) -> None:
    headers: dict[str, str] = {}
    with span(Spans.TURN) as turn:
        inject(headers)
        trace_id = tracing.trace_id(turn)
    with span("speech/Synthesize", parent=extract(headers)) as server:
        assert tracing.trace_id(server) == trace_id
    outer, inner = recorded.get_finished_spans()
    assert inner.parent.span_id == outer.context.span_id


def test_a_call_without_a_trace_starts_one(recorded) -> None:
    with span(Spans.TURN) as turn, span("speech/Synthesize", parent=extract({})) as server:
        assert tracing.trace_id(server) != tracing.trace_id(turn)


def test_an_error_ends_the_span_as_one(recorded) -> None:
    with pytest.raises(ServiceDown), span(Spans.TURN):
        raise ServiceDown("speech is down", reason="GONE")
    (only,) = recorded.get_finished_spans()
    assert only.status.status_code is StatusCode.ERROR
    assert only.status.description == "speech is down"
    assert only.attributes[Attributes.ERROR_TYPE] == "GONE"


async def test_a_cancelled_call_is_no_failure(recorded) -> None:
    async def wait() -> None:
        with span(Spans.TURN):
            await asyncio.sleep(10)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (only,) = recorded.get_finished_spans()
    assert only.status.status_code is StatusCode.UNSET
    assert only.attributes[Attributes.ERROR_TYPE] == tracing.CANCELLED


def test_work_in_pieces_is_summed_up_one_model_after_the_other(recorded) -> None:
    with span(Spans.MEDIA.format(name="decode")) as around:
        spent = Summed()
        for _ in range(3):
            for model in ("hear", "see"):
                with spent.work(model):
                    time.sleep(0.002)
        spent.close()
    hear, see, decode = recorded.get_finished_spans()
    assert [hear.name, see.name] == ["model hear", "model see"]
    assert hear.end_time - hear.start_time >= 6_000_000
    assert see.start_time == hear.end_time
    assert see.end_time <= decode.end_time
    assert {one.parent.span_id for one in (hear, see)} == {around.get_span_context().span_id}
