"""Evidence of a step, as a span holds it."""

import json
from dataclasses import dataclass


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


def loads(value: str) -> list[Quote]:
    """Reads `Attributes.EVIDENCE`; what can't be read is left out, for a trace may come from elsewhere."""
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
