"""How well danger is seen, as a turn sees it: recall by kind and language, false alarms, time."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agents.safety.assessment import assess
from agents.step import UtteranceData
from runtime.clients.transport import CallKey, Transport
from runtime.errors import ServiceDown
from runtime.safety import DANGERS, DOUBT, NONE
from services.safety.corpus import Row

Json = dict[str, Any]
_AT_ONCE = 2


@dataclass(frozen=True)
class _Found:
    row: Row
    kind: str
    stage: str
    seen_by: str
    ms: float

    @property
    def seen(self) -> bool:
        """Whether the danger is answered as one."""
        return self.kind != NONE and self.stage != DOUBT

    @property
    def asked(self) -> bool:
        """Whether the person is asked, or the danger answered."""
        return self.kind != NONE


async def evaluate(transport: Transport, rows: Sequence[Row], done: Callable[[int], None]) -> Json:
    """Assesses every row as a turn does, classifier and net together.

    Args:
        transport: Leads to the safety service.
        rows: Labelled talks; the doubtful ones are counted apart.
        done: Told of the number of rows behind it.

    Raises:
        ServiceDown: The classifier did not answer.
    """
    found: list[_Found] = []
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(index: int, row: Row) -> None:
        dialogue = [
            UtteranceData(role="listener" if place % 2 else "speaker", text=text)
            for place, text in enumerate(row.talk)
        ]
        async with gate:
            began = time.monotonic()
            assessment = await assess(transport, CallKey(f"{index:032x}", "assess"), dialogue)
            elapsed = (time.monotonic() - began) * 1000
        if assessment.unreachable:
            raise ServiceDown(
                f"the safety service failed, and half a system isn't measured: {assessment.unreachable}",
                reason="UNREACHABLE",
                service="safety",
            )
        danger = assessment.danger
        found.append(
            _Found(
                row,
                danger.kind if danger else NONE,
                danger.stage if danger else "",
                danger.seen_by if danger else "",
                elapsed,
            )
        )
        done(len(found))

    await asyncio.gather(*(one(index, row) for index, row in enumerate(rows)))
    return figures(found)


def figures(found: Sequence[_Found]) -> Json:
    """The table: of each kind and language how many were seen, how many of the harmless alarmed.

    The harmless of a kind are the near twins of its dangers; what is nobody's twin is everyday talk.
    """
    sure = [one for one in found if one.row.stage != DOUBT]
    times = sorted(one.ms for one in found)
    pairs = {one.row.pair: one.row.kind for one in sure if one.row.kind != NONE and one.row.pair}
    return {
        "n": len(sure),
        "all": _line(sure),
        "everyday": _line([one for one in sure if one.row.kind == NONE and one.row.pair not in pairs]),
        "kinds": {
            kind: _line([one for one in sure if kind in (one.row.kind, pairs.get(one.row.pair))])
            for kind in DANGERS
        },
        "languages": {
            language: _line([one for one in sure if one.row.language == language])
            for language in sorted({one.row.language for one in sure})
        },
        "stages": {
            stage: {
                "n": len(of),
                "seen": _share(one.asked for one in of),
                "right": _share(one.stage == stage for one in of),
            }
            for stage in sorted({one.row.stage for one in sure if one.row.kind != NONE})
            if (of := [one for one in sure if one.row.stage == stage and one.row.kind != NONE])
        },
        "doubtful": {
            "n": len([one for one in found if one.row.stage == DOUBT]),
            "asked_or_seen": _share(one.asked for one in found if one.row.stage == DOUBT),
        },
        "seen_by": dict(Counter(one.seen_by for one in sure if one.seen and one.row.kind != NONE)),
        "ms": {"median": round(float(np.median(times)), 1), "p95": round(float(np.quantile(times, 0.95)), 1)},
    }


def _line(rows: Sequence[_Found]) -> Json:
    danger = [one for one in rows if one.row.kind != NONE]
    harmless = [one for one in rows if one.row.kind == NONE]
    return {
        "danger": len(danger),
        "recall": _share(one.asked for one in danger),
        "recall_without_asking": _share(one.seen for one in danger),
        "right_kind": _share(one.kind == one.row.kind for one in danger),
        "harmless": len(harmless),
        "false_alarms": _share(one.asked for one in harmless),
        "false_alarms_without_asking": _share(one.seen for one in harmless),
    }


def _share(hits: Any) -> float | None:
    each = [bool(hit) for hit in hits]
    return round(sum(each) / len(each), 4) if each else None
