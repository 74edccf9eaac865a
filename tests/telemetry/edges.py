"""Who calls whom in a turn, as a table, and the check of a recorded trace against it."""

import re
from collections.abc import Collection, Iterable, Mapping

from runtime.emotions import LABELS
from runtime.services import SERVICES
from runtime.telemetry.otlp import SpanRecord
from runtime.telemetry.schema import DECLARED, NODES, Attributes, Spans

SERVICE_EDGES: Mapping[str, tuple[str, ...]] = {
    "perceive": ("perception",),
    "assess": ("safety",),
    "event_scenario": ("reasoning",),
    "user_emotion": ("reasoning",),
    "emotion_cause": ("reasoning",),
    "response_goal": ("reasoning",),
    "respond": ("reasoning",),
    "disentangle": ("disentangler",),
    "synchronize": ("synchronizer",),
    "speak": ("speech",),
    "render": ("avatar",),
    "reply": (),
}
"""The services that each node calls; adding a node or a service is changing a line."""

DOOR_CALLS = frozenset({"avatar/ListAvatars"})
"""Calls that the gateway makes itself, before any node runs."""

_NAMES = re.compile(
    "|".join(
        [
            re.escape(Spans.TURN),
            Spans.NODE.format(name=f"({'|'.join(NODES)})"),
            Spans.RPC_CLIENT.format(service=f"({'|'.join(SERVICES)})", method="[A-Z][A-Za-z]+"),
            Spans.MODEL.format(name=".+"),
            Spans.MEDIA.format(name=".+"),
        ]
    )
)


def check_edges(spans: Iterable[SpanRecord], *, without: Collection[str] = ()) -> list[str]:
    """Walks from each span to its real parents.

    Args:
        spans: All spans of the trace of one turn.
        without: Nodes that are allowed to be missing, or to call nobody, e.g. of a part that was lost.

    Returns:
        What is wrong, one line each; nothing if the trace is as the table says.
    """
    by_id = {span.span_id: span for span in spans}
    problems = []
    called: dict[str, set[str]] = {}
    modelled: set[str] = set()

    def parents(span: SpanRecord) -> Iterable[SpanRecord]:
        while span := by_id.get(span.parent_id):  # type: ignore[assignment]
            yield span

    def is_node(span: SpanRecord) -> bool:
        return span.name == Spans.NODE.format(name=span.attributes.get(Attributes.NODE))

    turns = [span for span in by_id.values() if span.name == Spans.TURN]
    if len(turns) != 1:
        problems.append(f"{len(turns)} spans named {Spans.TURN!r} instead of one")
    if len({span.trace_id for span in by_id.values()}) != 1:
        problems.append("the spans are of several traces")
    for span in by_id.values():
        above = list(parents(span))
        label = span.attributes.get(Attributes.EMOTION_LABEL)
        if label is not None and label not in ("", *LABELS):
            problems.append(f"{span.name}: {label!r} is none of the 32 labels")
        direct = above[0] if above else None
        if span.parent_id and direct is None:
            problems.append(f"{span.name}: its parent {span.parent_id} is missing")
        if not _NAMES.fullmatch(span.name):
            problems.append(f"{span.name}: no such name in the schema")
        problems.extend(
            f"{span.name}: attribute {name} is not declared"
            for name in span.attributes
            if name not in DECLARED
        )
        if is_node(span):
            name = str(span.attributes[Attributes.NODE])
            called.setdefault(name, set())
            nearest = next((parent for parent in above if is_node(parent) or parent.name == Spans.TURN), None)
            if nearest is None or nearest.name != Spans.TURN:
                problems.append(f"{span.name}: hangs from {nearest.name if nearest else 'nothing'}")
        elif span.kind == "client":
            caller = next((parent for parent in above if is_node(parent)), None)
            service = span.name.partition("/")[0]
            if caller is not None:
                called.setdefault(str(caller.attributes[Attributes.NODE]), set()).add(service)
            elif service != "gateway" and span.name not in DOOR_CALLS:
                problems.append(f"{span.name}: called by no node")
            answers = [child for child in by_id.values() if child.parent_id == span.span_id]
            if span.attributes.get(Attributes.RPC_STATUS) == "OK" and not any(
                answer.kind == "server" and answer.name == span.name for answer in answers
            ):
                problems.append(f"{span.name}: no span of the service that answered it")
        elif span.kind == "server":
            service = span.name.partition("/")[0]
            if service != "gateway" and (direct is None or direct.kind != "client"):
                problems.append(f"{span.name}: answers no call")
        elif span.name.startswith(Spans.MODEL.format(name="")):
            service = next((parent for parent in above if parent.kind == "server"), None)
            if service is None:
                problems.append(f"{span.name}: works for no service")
            else:
                modelled.add(service.name.partition("/")[0])
    for node, services in SERVICE_EDGES.items():
        found = called.get(node)
        if node in without and not found:
            continue
        if found is None:
            problems.append(f"node {node} is missing")
        elif found != set(services):
            problems.append(f"node {node} calls {sorted(found)} instead of {sorted(services)}")
    worked = {span.name.partition("/")[0] for span in by_id.values() if span.kind == "server"}
    for service in sorted((worked & set().union(*called.values())) - modelled):
        problems.append(f"{service}: none of its models has a span")
    return problems
