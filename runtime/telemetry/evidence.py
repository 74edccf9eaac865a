"""Evidence on a span: how it is written as JSON, and read back."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from empatheia.common.v1 import affect_pb2


@dataclass(frozen=True)
class Quote:
    """One thing that a conclusion rests on."""

    kind: str
    """"text", "audio" or "face"; empty where the evidence names no place."""
    note: str
    """What was noticed there."""
    weight: float
    """How much it counted, 0 to 1."""
    utterance: int | None = None
    """For words: which utterance of the dialogue, from 0."""
    start: float | None = None
    """First character of the utterance, or first second of the recording."""
    end: float | None = None
    """One past the last character, or the last second."""
    text: str = ""
    """For words: the words."""


def dumps(evidence: Iterable[affect_pb2.Evidence]) -> str:
    """Writes evidence as the value of `Attributes.EVIDENCE`."""
    quotes = []
    for item in evidence:
        kind = item.WhichOneof("source") or ""
        if kind == "text":
            words = item.text
            quote = Quote(kind, item.note, item.weight, words.utterance, words.start, words.end, words.text)
        elif kind:
            seconds = item.audio if kind == "audio" else item.face
            quote = Quote(kind, item.note, item.weight, None, seconds.start_s, seconds.end_s)
        else:
            quote = Quote(kind, item.note, item.weight)
        quotes.append({name: value for name, value in asdict(quote).items() if value not in (None, "")})
    return json.dumps(quotes, ensure_ascii=False)


def loads(value: str) -> list[Quote]:
    """Reads what `dumps` wrote; what can't be read is left out, for a trace may come from elsewhere."""
    try:
        entries = json.loads(value)
    except ValueError:
        return []
    quotes = []
    for entry in entries if isinstance(entries, list) else []:
        try:
            quotes.append(
                Quote(
                    kind=str(entry.get("kind", "")),
                    note=str(entry.get("note", "")),
                    weight=float(entry.get("weight", 0.0)),
                    utterance=entry.get("utterance"),
                    start=None if entry.get("start") is None else float(entry["start"]),
                    end=None if entry.get("end") is None else float(entry["end"]),
                    text=str(entry.get("text", "")),
                )
            )
        except (AttributeError, TypeError, ValueError):
            continue
    return quotes
