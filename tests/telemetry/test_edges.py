from dataclasses import replace

from runtime.telemetry.schema import NODES, Attributes
from tests.telemetry.edges import SERVICE_EDGES, check_edges


def test_the_table_names_every_node() -> None:
    assert tuple(SERVICE_EDGES) == NODES


def test_a_good_trace_passes(store, play) -> None:
    assert check_edges(store.load(play()).spans) == []


def test_a_lost_part_is_allowed_only_if_named(store, play) -> None:
    spans = store.load(play(broken="avatar")).spans
    assert check_edges(spans) == []
    rest = [span for span in spans if "render" not in span.name and "avatar" not in span.name]
    assert check_edges(rest) == ["node render is missing"]
    assert check_edges(rest, without=["render"]) == []


def test_each_fault_is_found(store, play) -> None:
    spans = list(store.load(play()).spans)
    ids = {span.name: span.span_id for span in spans if span.kind != "server"}

    def problems(of: str, kind: str = "", **change) -> list[str]:
        changed = [
            replace(span, **change) if span.name == of and kind in ("", span.kind) else span for span in spans
        ]
        return check_edges(changed)

    assert "its parent" in problems("node speak", parent_id="f" * 16)[0]
    assert "hangs from node perceive" in problems("node speak", parent_id=ids["node perceive"])[0]
    assert "node speak calls ['speech', 'synchronizer']" in "".join(
        problems("synchronizer/Synchronize", "client", parent_id=ids["node speak"])
    )
    assert "answers no call" in "".join(problems("speech/Synthesize", "server", parent_id=ids["turn"]))
    assert "no span of the service" in "".join(problems("speech/Synthesize", "server", parent_id=ids["turn"]))
    assert "works for no service" in "".join(problems("model world", parent_id=ids["turn"]))
    assert "no such name" in problems("turn", name="turnip")[1]
    assert "not declared" in problems("node reply", attributes={Attributes.NODE: "reply", "x": 1})[0]
    assert "is none of the 32 labels" in "".join(
        problems("node reply", attributes={Attributes.NODE: "reply", Attributes.EMOTION_LABEL: "said aloud"})
    )
    without_model = [span for span in spans if span.name != "model world"]
    assert check_edges(without_model) == ["speech: none of its models has a span"]
    assert "called by no node" in "".join(problems("speech/Synthesize", "client", parent_id=ids["turn"]))
