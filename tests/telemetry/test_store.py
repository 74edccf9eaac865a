import base64
import json
import multiprocessing
import os
import re
import stat
import threading
import time
from pathlib import Path

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.trace.v1 import trace_pb2

from runtime.errors import InvalidInput, UnknownName
from runtime.telemetry import tracing
from runtime.telemetry.otlp import merge, raw_spans
from runtime.telemetry.schema import Attributes, Spans
from runtime.telemetry.setup import configure, resource_of, tracer_provider
from runtime.telemetry.store import StoreExporter, TraceStore
from runtime.telemetry.tracing import span
from tests.telemetry.synthetic import write_spans

TRACE = "0af7651916cd43dd8448eb211c80319c"


def document(
    span_id: str, *, trace_id: str = TRACE, parent: str = "", name: str = "turn", start: int = 1
) -> dict:
    about = {
        "traceId": trace_id,
        "spanId": span_id,
        "name": name,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 5),
    }
    if parent:
        about["parentSpanId"] = parent
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": [about]}]}]}


def test_processes_write_one_trace_at_the_same_time(settings, store, tmp_path) -> None:
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=write_spans, args=(settings, f"p{n}", TRACE, 40)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    trace = store.load(TRACE)
    assert len(trace.spans) == 120
    for process in ("p0", "p1", "p2"):
        own = [
            span.attributes[Attributes.SEED] for span in trace.spans if span.process == f"empatheia-{process}"
        ]
        assert sorted(own) == list(range(40))
    assert all(len(span.attributes[Attributes.OUTPUT_TEXT]) == 9000 for span in trace.spans)


def test_a_trace_is_on_disk_when_its_last_span_ends(settings, store) -> None:
    configure("gateway", settings)
    with span(Spans.TURN) as turn:
        trace_id = tracing.trace_id(turn)
    assert store.load(trace_id).turn is not None


def test_only_the_owner_can_read(settings, store, play) -> None:
    trace_id = play()
    folder = settings.home / "traces"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / f"{trace_id}.jsonl").stat().st_mode) == 0o600


def test_a_torn_line_loses_only_itself(settings, store) -> None:
    path = settings.home / "traces" / f"{TRACE}.jsonl"
    store.append(TRACE, document("1" * 16))
    whole = path.read_bytes()
    # Torn, and the next writer's line on its end.
    path.write_bytes(whole + whole[: len(whole) // 2])
    store.append(TRACE, document("2" * 16, parent="1" * 16))
    # Torn at the very end, in the middle of a character.
    with path.open("ab") as file:
        file.write(b'{"resourceSpans":[{"resource":{"attributes":[{"key":"\xc3')
    assert [span.span_id for span in store.load(TRACE).spans] == ["1" * 16, "2" * 16]
    assert len(list(raw_spans(store.export(TRACE)))) == 2


def test_foreign_files_and_lines_are_left_alone(settings, store, play) -> None:
    trace_id = play()
    folder = settings.home / "traces"
    (folder / "notes.txt").write_text("mine")
    (folder / f"{'a' * 32}.jsonl").write_text('not json\n{"a": 1}\n[]\n"text"\n')
    (folder / f"{'b' * 32}.jsonl").write_text(json.dumps(document("1" * 16)) + "\n")
    (folder / f"{'c' * 32}.jsonl").mkdir()
    assert [trace.trace_id for trace in store.recent()] == [trace_id]
    with pytest.raises(UnknownName, match="no readable spans"):
        store.load("a" * 32)
    store.prune()
    assert (folder / "notes.txt").exists()


def test_a_trace_is_found_by_its_id_or_the_beginning_of_it(store) -> None:
    first, second = "ab12" + "0" * 28, "ab34" + "0" * 28
    store.append(first, document("1" * 16, trace_id=first))
    store.append(second, document("1" * 16, trace_id=second))
    assert store.find(first) == first
    assert store.find("AB1") == first
    with pytest.raises(InvalidInput, match="begins 2 ids"):
        store.find("ab")
    for wrong in ("ffff", "", "../../etc/passwd", "ab*", first + "0"):
        with pytest.raises(UnknownName, match="there is no trace"):
            store.find(wrong)


def test_last_is_the_newest_turn_not_the_newest_trace(store) -> None:
    with pytest.raises(UnknownName, match="no traces of turns"):
        store.find("last")
    other = "f" * 32
    store.append(TRACE, document("1" * 16))
    time.sleep(0.01)
    store.append(other, document("1" * 16, trace_id=other, name="model warm-up"))
    assert store.find("last") == TRACE
    assert [trace.trace_id for trace in store.recent(turns_only=False)] == [other, TRACE]


def test_old_traces_go(tmp_path: Path) -> None:
    store = TraceStore(tmp_path, keep=3, keep_days=10)
    ids = [f"{n:032x}" for n in range(5)]
    now = time.time()
    for age, trace_id in enumerate(ids):
        store.append(trace_id, document("1" * 16, trace_id=trace_id))
        days = 20 if age == 1 else age
        os.utime(tmp_path / f"{trace_id}.jsonl", (now - days * 86400, now - days * 86400))
    store.prune()
    assert store.ids() == [ids[0], ids[2], ids[3]]


def test_complete_waits_for_the_root_and_for_the_answer(store) -> None:
    store.append(TRACE, document("2" * 16, parent="1" * 16))
    assert not store.complete(TRACE, 0.05)
    late = threading.Timer(0.15, lambda: store.append(TRACE, document("1" * 16)))
    late.start()
    started = time.monotonic()
    assert store.complete(TRACE, 5)
    assert 0.1 < time.monotonic() - started < 3
    late.join()
    assert not store.complete("f" * 32, 0.05)


def test_complete_waits_a_moment_for_the_span_of_a_service(settings, store) -> None:
    call = document("2" * 16, parent="1" * 16, name="speech/Synthesize")
    raw = next(raw_spans(call))
    raw["kind"] = 3
    raw["attributes"] = [{"key": Attributes.RPC_STATUS, "value": {"stringValue": "OK"}}]
    store.append(TRACE, document("1" * 16))
    store.append(TRACE, call)
    answer = document("3" * 16, parent="2" * 16, name="speech/Synthesize")
    next(raw_spans(answer))["kind"] = 2
    late = threading.Timer(0.15, lambda: store.append(TRACE, answer))
    late.start()
    assert store.complete(TRACE, 5)
    assert len(store.load(TRACE).spans) == 3
    late.join()


def test_export_is_valid_otlp_json(store, play) -> None:
    exported = store.export(play(broken="avatar"))
    spans = list(raw_spans(exported))
    assert {span["kind"] for span in spans} == {1, 2, 3}
    for raw in spans:
        assert re.fullmatch("[0-9a-f]{32}", raw["traceId"])
        assert re.fullmatch("[0-9a-f]{16}", raw["spanId"])
        assert re.fullmatch("([0-9a-f]{16})?", raw.get("parentSpanId", ""))
        assert raw["status"].get("code", 0) in (0, 2)
        # Protobuf's JSON has base64 where OTLP's has hex: the one difference when it is read back.
        for name in ("traceId", "spanId", "parentSpanId"):
            if name in raw:
                raw[name] = base64.b64encode(bytes.fromhex(raw[name])).decode()
    parsed = ParseDict(exported, trace_pb2.TracesData())
    assert sum(
        len(scope.spans) for resource in parsed.resource_spans for scope in resource.scope_spans
    ) == len(spans)
    names = [
        attribute.value.string_value
        for resource in parsed.resource_spans
        for attribute in resource.resource.attributes
        if attribute.key == "service.name"
    ]
    # One entry a process, although each of its spans was written apart.
    assert sorted(names) == sorted(
        f"empatheia-{name}"
        for name in ("gateway", "perception", "safety", "reasoning", "synchronizer", "disentangler", "speech")
    )


def test_merge_orders_spans_by_time() -> None:
    merged = merge([document("2" * 16, start=9), document("1" * 16, start=3)])
    assert [span["spanId"][0] for span in raw_spans(merged)] == ["1", "2"]


def test_a_disk_that_refuses_stops_no_turn(tmp_path, settings, caplog) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    elsewhere = settings.model_copy(update={"home": blocked})
    provider = tracer_provider(resource_of("gateway", elsewhere), elsewhere)
    tracing.use_provider(provider)
    with span(Spans.TURN):
        pass
    assert "a span could not be stored" in caplog.text
    provider.shutdown()
    assert isinstance(StoreExporter(TraceStore(tmp_path)), StoreExporter)
