import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from runtime.telemetry.evidence import loads
from runtime.telemetry.recorded import Trace
from runtime.telemetry.schema import CHAIN_NODES, NODES, Attributes
from runtime.telemetry.store import TraceStore
from runtime.telemetry.view import show
from runtime.telemetry.view.style import duration
from tests.telemetry.synthetic import PERSON, REPLY, STEPS
from tests.telemetry.test_store import TRACE, document


def drawn(trace: Trace, width: int) -> str:
    screen = io.StringIO()
    Console(file=screen, width=width, force_terminal=False).print(show(trace))
    return screen.getvalue()


def flat(text: str) -> str:
    return re.sub(r"[│\s]+", " ", text)


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_whole_turn_is_drawn_and_fits(store, play, width) -> None:
    picture = drawn(store.load(play()), width)
    lines = picture.splitlines()
    assert max(cell_len(line) for line in lines) <= width
    words = flat(picture)
    for text, confidence, _ in STEPS.values():
        assert flat(text) in words
        assert not confidence or f"{confidence:.0%}" in picture
    assert flat(PERSON) in words
    assert flat(REPLY) in words
    assert "ashamed (sad)" in picture
    assert "rather than disappointed 20%" in words
    assert "rather than They failed an exam. 44%" in words
    assert "the words say sad, the face says contempt" in words
    assert "1.2–3.9 s" in picture
    assert "brows drawn up in the middle" in words
    assert "asked 2 times" in picture
    steps = [line for line in lines if line.startswith("●")]
    shown = ["perceive", *CHAIN_NODES, "disentangle"]
    assert [line[2:].split("  ")[0].strip() for line in steps] == [name.replace("_", " ") for name in shown]
    assert all(re.search(r"\d (ms|s|µs)$", line) for line in steps)
    for name in NODES:
        assert re.search(rf"[├└] {name.replace('_', ' ')} ", picture)
    assert "→ reasoning/Choose" in picture
    assert "→ speech/Synthesize" in picture
    assert "world ×4" in picture
    assert "180→24 tokens"[: 14 if width < 90 else 24] in picture


def test_bars_lie_where_the_time_was_spent(store) -> None:
    store.append(TRACE, document("1" * 16, start=0) | {})
    long = document("1" * 16, start=0)
    span = long["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span["endTimeUnixNano"] = str(8_000_000_000)
    late = document("2" * 16, parent="1" * 16, name="node reply", start=6_000_000_000)
    raw = late["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    raw["endTimeUnixNano"] = str(8_000_000_000)
    raw["attributes"] = [{"key": Attributes.NODE, "value": {"stringValue": "reply"}}]
    other = "c" * 32
    for entry in (long, late):
        entry["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"] = other
        store.append(other, entry)
    lines = drawn(store.load(other), 100).splitlines()
    whole = next(line for line in lines if line.startswith("turn"))
    part = next(line for line in lines if line.startswith("└ reply"))
    left, right = whole.index("━"), whole.rindex("━")
    assert part.rindex("━") == right
    assert part.index("━") == pytest.approx(left + (right - left) * 0.75, abs=1.5)


@pytest.mark.parametrize("width", [80, 100])
def test_without_words_the_rest_is_drawn(store, play, width) -> None:
    trace = store.load(play(pii=False))
    picture = drawn(trace, width)
    raw = (str(store.export(trace.trace_id)) + picture).lower()
    for secret in ("exam", "my parents", "crushing", "dread", "brows drawn"):
        assert secret not in raw
    assert "(words not recorded)" in picture
    assert "ashamed (sad)" in picture
    assert "62%" in picture
    assert "rests on 3 pieces of evidence" in picture
    assert "rests on 1 piece of evidence" in picture
    assert max(cell_len(line) for line in picture.splitlines()) <= width


def test_what_failed_and_what_was_lost_is_seen(store, play) -> None:
    picture = drawn(store.load(play(broken="avatar")), 100)
    assert "lost  video: the avatar service can't be reached" in picture
    assert re.search(r"→ avatar/Render .*UNAVAILABLE", picture)


def test_a_turn_that_died_is_drawn_as_far_as_it_came(settings, store, play) -> None:
    trace_id = play()
    path = settings.home / "traces" / f"{trace_id}.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line for line in lines if '"name":"turn"' not in line))
    trace = store.load(trace_id)
    assert trace.is_turn
    picture = drawn(trace, 100)
    assert "incomplete" in picture
    assert "user emotion" in picture


def test_a_trace_of_one_call_is_drawn(store: TraceStore) -> None:
    store.append(TRACE, document("1" * 16, name="model warm-up"))
    picture = drawn(store.load(TRACE), 80)
    assert "warm-up" in picture
    assert "●" not in picture


def test_strange_attributes_break_nothing(store) -> None:
    strange = document("1" * 16)
    strange["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"] = [
        {"key": Attributes.INPUT_TEXT, "value": {"stringValue": "[bold]not markup[/] \x1b[31m\u202eevil"}},
        {"key": Attributes.EVIDENCE, "value": {"stringValue": "not json"}},
        {"key": Attributes.ALTERNATIVES, "value": {"stringValue": "[1]"}},
        {"key": Attributes.DEGRADED, "value": {"stringValue": "video"}},
    ]
    node = document("2" * 16, parent="1" * 16, name="node respond")
    node["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"] = [
        {"key": Attributes.NODE, "value": {"stringValue": "respond"}},
        {"key": Attributes.EVIDENCE, "value": {"stringValue": '[{"kind": 3}, 7, {"weight": "x"}]'}},
        {"key": Attributes.STYLE, "value": {"stringValue": "[1]"}},
        {"key": Attributes.CONFIDENCE, "value": {"doubleValue": 7.5}},
    ]
    store.append(TRACE, strange)
    store.append(TRACE, node)
    picture = drawn(store.load(TRACE), 80)
    assert "[bold]not markup[/]" in picture
    assert "\x1b" not in picture


def test_evidence_that_is_none_is_left_out() -> None:
    assert loads("nonsense") == []
    assert [quote.note for quote in loads('[7, {"weight": "x"}, {"note": "kept"}]')] == ["kept"]


def test_durations_are_written_in_a_unit_that_suits() -> None:
    texts = [duration(ms) for ms in (0.05, 42.4, 999.4, 999.6, 9_994, 9_996, 99_999, 125_000)]
    assert texts == ["50 µs", "42 ms", "999 ms", "1.00 s", "9.99 s", "10.0 s", "1 min 40 s", "2 min 05 s"]
