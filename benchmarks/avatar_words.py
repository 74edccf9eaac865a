"""Whether lips close where they must when a recorded voice is shown, by words that were given or heard."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from empatheia.common.v1 import content_pb2

from benchmarks import labelled
from benchmarks.av_offset import lip_opening, read
from benchmarks.avatar_sync import closures, film
from benchmarks.spoken_reply import TEXT, Reply
from cli.render import RATE, read_voice
from cli.said import said
from runtime.settings import Settings


def lips(
    settings: Settings, reply: Reply, clips: Path | None, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Shows voices by the words given, by the words heard, and by the loudness alone.

    Args:
        settings: Backend of the avatar.
        reply: A voice that reported the times of its sounds: they say where the lips must close.
        clips: Folder of recordings with a `transcripts.csv` (`labelled.read`); there the times found for the
            words given say where the lips must close, so that only the other two rows test the times.
        progress: Told what is being done.

    Returns:
        By source and way: how many p, b, m, the share with closed lips, the share of long "aa" seen open.

    Raises:
        InvalidInput: The folder, its table or a recording is wrong.
    """
    rows = labelled.read(clips, "asr") if clips else []
    result: dict[str, Any] = {"own voice": _shown(settings, [(reply, " ".join(TEXT))], progress)}
    if clips:
        voices = [(read_voice(row.path), row.expected) for row in rows]
        given = [(Reply(said(voice, RATE, text).segments, voice, RATE), text) for voice, text in voices]
        result[clips.name] = _shown(settings, given, progress)
    return result


def _shown(
    settings: Settings, voices: Sequence[tuple[Reply, str]], progress: Callable[[str], None]
) -> dict[str, Any]:
    ways: dict[str, Callable[[Reply, str], list[content_pb2.ContentSegment]]] = {
        "words given": lambda voice, text: said(voice.samples, voice.rate, text).segments,
        "words heard": lambda voice, _: said(voice.samples, voice.rate, "").segments,
        "loudness": lambda *_: [],
    }
    result = {}
    for way, segments in ways.items():
        progress(f"lips by {way}")
        found = [_closed(settings, voice, segments(voice, text)) for voice, text in voices]
        result[way] = {
            name: round(sum(one[name] * one[of] for one in found) / sum(one[of] for one in found), 3)
            for name, of in (("bilabials_closed", "bilabials"), ("open_vowels_open", "open_vowels"))
        } | {"bilabials": sum(one["bilabials"] for one in found)}
    return result


def _closed(settings: Settings, voice: Reply, segments: list[content_pb2.ContentSegment]) -> dict[str, Any]:
    shown = Reply(segments, voice.samples, voice.rate)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "shown.mp4"
        asyncio.run(film(settings, shown, path, size=256, seed=1))
        seen = read(path)
    opening = lip_opening(seen.pictures)
    if opening is None:
        raise RuntimeError("no face was found in the video")
    return {name: value or 0 for name, value in closures(seen.times, opening, voice).items()}
