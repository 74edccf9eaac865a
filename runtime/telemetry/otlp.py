"""Spans as OTLP/JSON, the format of the local store and of exported traces.

OTLP/JSON is protobuf's JSON with two differences: ids are hex, and enums are numbers
(https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan

_IDS = ("traceId", "spanId", "parentSpanId")
_ERROR = 2

Json = dict[str, Any]


@dataclass(frozen=True)
class SpanRecord:
    """A finished span as it was written."""

    trace_id: str
    span_id: str
    parent_id: str
    """Empty for a span that nobody called."""
    name: str
    kind: str
    """"internal", "server", "client", "producer", "consumer" or "unspecified"."""
    process: str
    """`service.name` of the process that recorded it."""
    start_ns: int
    """Nanoseconds since 1970."""
    end_ns: int
    attributes: Mapping[str, Any]
    failed: bool
    message: str
    """What went wrong, if it failed."""

    @property
    def ms(self) -> float:
        """How long it took, in milliseconds."""
        return (self.end_ns - self.start_ns) / 1e6


_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")


def to_document(spans: Sequence[ReadableSpan]) -> Json:
    """Encodes finished spans as one OTLP/JSON document."""
    document: Json = MessageToDict(encode_spans(spans), use_integers_for_enums=True)
    for span in raw_spans(document):
        for holder in (span, *span.get("links", ())):
            for name in _IDS:
                if name in holder:
                    holder[name] = base64.b64decode(holder[name]).hex()
    return document


def raw_spans(document: Json) -> Iterator[Json]:
    """The spans of a document, as it writes them."""
    for resource in document.get("resourceSpans", ()):
        for scope in resource.get("scopeSpans", ()):
            yield from scope.get("spans", ())


def merge(documents: Iterable[Json]) -> Json:
    """Joins documents into one: each process and each scope appears once, spans by their start."""
    merged: dict[str, Json] = {}
    for document in documents:
        for resource in document.get("resourceSpans", ()):
            rest = {key: value for key, value in resource.items() if key != "scopeSpans"}
            entry = merged.setdefault(_key(rest), {"resource": rest, "scopes": {}})
            for scope in resource.get("scopeSpans", ()):
                head = {key: value for key, value in scope.items() if key != "spans"}
                target = entry["scopes"].setdefault(_key(head), {**head, "spans": []})
                target["spans"].extend(scope.get("spans", ()))
    resources = []
    for entry in merged.values():
        scopes = list(entry["scopes"].values())
        for scope in scopes:
            scope["spans"].sort(key=lambda span: int(span.get("startTimeUnixNano", 0)))
        resources.append({**entry["resource"], "scopeSpans": scopes})
    return {"resourceSpans": resources}


def parse(document: Json) -> Iterator[SpanRecord]:
    """Reads the spans of a document.

    Raises:
        ValueError, KeyError, TypeError, AttributeError, IndexError: It is no OTLP/JSON.
    """
    for resource in document["resourceSpans"]:
        about = _attributes(resource.get("resource", {}).get("attributes", ()))
        for scope in resource.get("scopeSpans", ()):
            for span in scope.get("spans", ()):
                status = span.get("status", {})
                yield SpanRecord(
                    trace_id=span["traceId"],
                    span_id=span["spanId"],
                    parent_id=span.get("parentSpanId", ""),
                    name=span.get("name", ""),
                    kind=_KINDS[int(span.get("kind", 0))],
                    process=str(about.get("service.name", "")),
                    start_ns=int(span["startTimeUnixNano"]),
                    end_ns=int(span["endTimeUnixNano"]),
                    attributes=_attributes(span.get("attributes", ())),
                    failed=status.get("code", 0) == _ERROR,
                    message=status.get("message", ""),
                )


def _key(value: Json) -> str:
    return json.dumps(value, sort_keys=True)


def _attributes(pairs: Iterable[Json]) -> dict[str, Any]:
    return {pair["key"]: _value(pair.get("value", {})) for pair in pairs}


def _value(value: Json) -> Any:
    for kind, content in value.items():
        if kind == "intValue":
            return int(content)
        if kind == "arrayValue":
            return [_value(item) for item in content.get("values", ())]
        if kind == "kvlistValue":
            return _attributes(content.get("values", ()))
        return content
    return None
