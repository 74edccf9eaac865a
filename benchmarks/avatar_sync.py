"""Whether picture, sound and the known times of the sounds belong together in a finished MP4."""

import asyncio
import io
import statistics
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.av_offset import Film, Floats, lip_opening, offset, shift_of
from benchmarks.spoken_reply import Reply
from runtime.clients.in_process import InProcessTransport
from runtime.clients.transport import CallKey
from runtime.rpc import RENDER
from runtime.settings import Settings
from services.avatar.service import AvatarService

_KEY = CallKey("bench", "render")
_WINDOW_S = 20.0
_STILL = 2
"""Pictures in a row that look alike count as frozen from here on."""

_OPEN = {"aa": 1.0, "O": 0.7, "E": 0.6, "I": 0.35, "U": 0.25, "RR": 0.2, "CH": 0.2, "kk": 0.3, "TH": 0.3}
"""How far each mouth shape opens the mouth, about; those that are not named hardly do."""


async def film(settings: Settings, reply: Reply, path: Path, **start: Any) -> None:
    """Renders a reply into a file."""
    transport = InProcessTransport({"avatar": AvatarService(settings)})
    await transport.start()
    data = io.BytesIO()
    async for response in transport.stream(RENDER, reply.requests(**start), _KEY):
        if response.WhichOneof("part") == "chunk":
            data.write(response.chunk.data)
    await transport.stop()
    await asyncio.to_thread(path.write_bytes, data.getvalue())


def sync(film: Film, reply: Reply) -> dict[str, Any]:
    """Measures offsets over windows of 20 s and their drift, lips on bilabials, frame times.

    `sound_ms` compares lips with the sound in the file, `times_ms` with the times that the voice reported of
    its sounds; positive: the sound comes before its picture.
    """
    opening = lip_opening(film.pictures)
    gaps = np.diff(film.times)
    step = float(np.median(gaps))
    alike = [np.array_equal(a, b) for a, b in pairwise(film.pictures)]
    result: dict[str, Any] = {
        "minutes": round(float(film.times[-1] + step) / 60, 2),
        "pictures": len(film.times),
        "dropped": int(np.sum(np.abs(gaps - step) > 0.001)),
        "frozen": sum(all(alike[i : i + _STILL]) for i in range(len(alike) - _STILL + 1)),
    }
    if opening is None:
        return result | {"face": "none was found"}
    plan = planned_opening(film.times, reply)
    middles: list[float] = []
    by_sound: list[float] = []
    by_times: list[float] = []
    fits: list[float] = []
    for start in np.arange(0, film.times[-1] - _WINDOW_S / 2, _WINDOW_S):
        inside = (film.times >= start) & (film.times < start + _WINDOW_S)
        here = offset(film.times[inside], opening[inside], film.sound, film.rate)
        known = shift_of(film.times[inside], opening[inside], lambda at: np.interp(at, *plan))
        if here and known:
            middles.append(start + _WINDOW_S / 2)
            by_sound.append(here.ms)
            by_times.append(known.ms)
            fits.append(here.correlation)
    if middles:
        result |= {"sound_ms": _spread(by_sound), "times_ms": _spread(by_times)}
        result["correlation"] = round(statistics.median(fits), 2)
    if len(middles) > 2:
        for name, found in (("sound", by_sound), ("times", by_times)):
            result[f"{name}_drift_ms_per_minute"] = round(60 * float(np.polyfit(middles, found, 1)[0]), 2)
    return result | closures(film.times, opening, reply)


def planned_opening(times: Floats, reply: Reply) -> tuple[Floats, Floats]:
    """How far the mouth should be open by the known times of the sounds: times every 5 ms, and values."""
    fine = np.arange(0.0, float(times[-1]) + 1.0, 0.005)
    value = np.zeros_like(fine)
    for viseme in reply.visemes(*_OPEN):
        value[(fine >= viseme.start_s) & (fine < viseme.end_s)] = _OPEN[viseme.name]
    # Mouths don't jump: 80 ms from one shape to the next.
    soft = np.hanning(18)[1:-1]
    return fine, np.convolve(value, soft / soft.sum(), "same")


def closures(times: Floats, opening: Floats, reply: Reply) -> dict[str, Any]:
    """Looks for a picture with closed lips in every p, b and m, and for an open mouth in every long "aa".

    Closed is what is at most a tenth of the way from the mouth at rest (the 5th percentile) to a wide one
    (the 95th). A sound shorter than the time between two pictures is looked for in the picture next to it.
    The open vowels show that the measure can tell one from the other.
    """
    low, high = np.percentile(opening, (5, 95))
    closed = low + 0.1 * (high - low)
    half_picture = float(np.median(np.diff(times))) / 2

    def seen(name: str, shortest_s: float) -> list[Floats]:
        found = []
        for viseme in reply.visemes(name):
            inside = (times >= viseme.start_s - half_picture) & (times <= viseme.end_s + half_picture)
            if inside.any() and viseme.end_s - viseme.start_s >= shortest_s:
                found.append(opening[inside])
        return found

    shut, wide = seen("PP", 0.0), seen("aa", 0.08)
    return {
        "bilabials": len(shut),
        "bilabials_closed": round(float(np.mean([one.min() <= closed for one in shut])), 4) if shut else None,
        "open_vowels": len(wide),
        "open_vowels_open": round(float(np.mean([one.max() > closed for one in wide])), 4) if wide else None,
    }


def _spread(values: list[float]) -> dict[str, float]:
    low, middle, high = np.percentile(values, (1, 50, 99))
    return {
        "median": round(float(middle), 1),
        "min": round(min(values), 1),
        "max": round(max(values), 1),
        "p1": round(float(low), 1),
        "p99": round(float(high), 1),
        "windows": len(values),
    }
