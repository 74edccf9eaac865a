"""`empatheia bench avatar`: what the finished videos show, and how fast they are made.

Sound, times and picture are measured in the finished MP4, not in what was asked of it. The voice is the
embedded one, planned and spoken in this process.
"""

import asyncio
import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from empatheia.common.v1 import style_pb2

from benchmarks.av_offset import read
from benchmarks.avatar_emotions import told_apart
from benchmarks.avatar_speed import live, speed
from benchmarks.avatar_sync import film, sync
from benchmarks.avatar_words import lips
from benchmarks.spoken_reply import OTHER_TEXT, Reply, speak
from runtime.settings import Settings
from services.avatar.backends.drawn import DrawnBackend
from services.disentangler.tables import PORTRAYALS

PARTS = ("speed", "live", "emotions", "words", "sync")
"""What can be measured, in this order."""


def run(
    settings: Settings,
    parts: tuple[str, ...],
    minutes: float,
    sessions: int,
    size: int,
    clips: Path | None,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Measures videos and speed.

    Args:
        settings: Backends of synchronizer and speech.
        parts: Some of `PARTS`.
        minutes: Length of the long reply.
        sessions: Live videos at the same time, drawn by as many replicas as the settings name.
        size: Of the pictures whose speed is measured.
        clips: Recordings whose words are known, to show them too; see `avatar_words.lips`.
        progress: Told what is being done.

    Returns:
        Offsets in milliseconds (positive: sound early), shares from 0 to 1, pictures a second.
    """
    progress("speaking")
    reply = asyncio.run(speak(settings))
    result: dict[str, Any] = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "date": datetime.now(UTC).date().isoformat(),
        "load": round(os.getloadavg()[0], 1),
    }
    if "speed" in parts:
        progress("speed of one core")
        backend = DrawnBackend({})
        backend.load()
        result["speed"] = {key.id: speed(backend, reply, key.id, size) for key in backend.avatars()}
    if "live" in parts:
        progress(f"{sessions} live videos")
        result["live"] = live(settings, reply, sessions, size)
    if "emotions" in parts:
        styles = {name: manner.face_proto() for name, manner in PORTRAYALS.items()}
        result["emotions"] = told_apart(reply, styles, {"full": 1.0, "intensity 0.6": 0.6}, progress)
    if "words" in parts:
        result["words"] = lips(settings, reply, clips, progress)
    if "sync" in parts:
        result["sync"] = _in_sync(settings, reply, minutes, progress, size=256, seed=1)
        other = asyncio.run(speak(settings, OTHER_TEXT))
        sad = style_pb2.Style(face=PORTRAYALS["sad"].face_proto())
        result["sync, another face, other words"] = _in_sync(
            settings, other, minutes, progress, size=512, seed=2, avatar_id="lin", style=sad
        )
    return result


def _in_sync(
    settings: Settings, reply: Reply, minutes: float, progress: Callable[[str], None], **start: Any
) -> dict[str, Any]:
    progress(f"{minutes:g} minutes of speech")
    long = reply.repeated(60 * minutes)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "long.mp4"
        asyncio.run(film(settings, long, path, **start))
        # Half the size at most: ten minutes of larger pictures do not fit into memory.
        return sync(read(path, 256), long)
