"""`empatheia evaluate consistency`: do words, voice and face of replies agree, and suit the person?

The paper asks people, on six scales: content and emotion of speech and of video, each alone, and the
consistency of content and of style over all modalities. Nothing here replaces them. Each measure stands for
one of these scales as far as a machine can: this project's own recognizer and judges of voice and face, which
are weak (see the README of perception), and signals of the finished files.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from empatheia.common.v1 import media_pb2
from empatheia.perception.v1 import perception_pb2

from benchmarks import av_offset
from benchmarks.agreement import heard, words
from benchmarks.chains import Sample
from benchmarks.consistency_figures import summary
from benchmarks.reply_media import sound_difference, voice_traits
from runtime.artifacts import new_turn_id
from runtime.clients.transport import CallKey, Transport
from runtime.emotions import CLASS_OF_LABEL
from runtime.errors import Internal
from runtime.media import parts
from runtime.request import HEAD_BYTES, media_header
from runtime.rpc import PERCEIVE

_QUERY = "query.json"
_FIT = 0.4
"""Correlation of lips and voice below which their offset is taken for unknown."""

Json = dict[str, Any]
Responder = Callable[[Sample, int, Path], Awaitable[None]]
"""Answers a dialogue with a seed into a folder: reply.json, and reply.wav and reply.mp4 if not lost."""


async def evaluate(
    transport: Transport,
    drawn: Sequence[Sample],
    folder: Path,
    respond: Responder,
    progress: Callable[[int], None],
) -> Json:
    """Answers each dialogue, measures each reply and sums up.

    Args:
        transport: Leads to perception.
        drawn: Dialogues that end with an utterance of the person.
        folder: Keeps the replies; those of the same dialogue and seed that are there already are used.
        respond: Answers.
        progress: Told how many are done.

    Returns:
        `n`; `measures`, each with the fields of `Measure`; and
        `replies`, what was measured of each.
    """
    replies = []
    for number, sample in enumerate(drawn, 1):
        place = folder / f"{number:04}"
        await _answer(sample, number, place, respond)
        replies.append(await measured(transport, place, sample))
        progress(number)
    return {
        "n": len(replies),
        "measures": [vars(measure) for measure in summary(replies)],
        "replies": replies,
    }


async def _answer(sample: Sample, seed: int, place: Path, respond: Responder) -> None:
    query = {"dialogue": [{"role": one.role, "text": one.text} for one in sample.dialogue], "seed": seed}
    if not await asyncio.to_thread(_begin, place, query):
        return
    await respond(sample, seed, place)
    # Last, so that a reply that broke off is made anew.
    await asyncio.to_thread((place / _QUERY).write_text, json.dumps(query, ensure_ascii=False) + "\n")


def _begin(place: Path, query: Json) -> bool:
    """Makes room for a reply, unless the one to this query is there."""
    note = place / _QUERY
    if note.exists() and note.read_text() == json.dumps(query, ensure_ascii=False) + "\n":
        return False
    place.mkdir(parents=True, exist_ok=True)
    note.unlink(missing_ok=True)
    return True


async def measured(transport: Transport, place: Path, sample: Sample) -> Json:
    """Measures one reply; what could not be measured is left out, its reason stands under `unmeasured`."""
    reply: Json = json.loads((place / "reply.json").read_text())
    wav, mp4 = (place / name if reply[part] else None for part, name in _FILES)
    result: Json = {
        "text": reply["text"],
        "felt": CLASS_OF_LABEL[sample.emotion],
        "found": reply["emotion"]["class"],
        "intended": reply["style"]["emotion"],
        "intensity": reply["style"]["intensity"],
        "controls": reply["style"]["voice"] | reply["style"]["face"],
        "unmeasured": {part: "was not made" for part, path in (("speech", wav), ("video", mp4)) if not path},
    }
    perception = await _perceived(transport, reply["text"], [path for path in (wav, mp4) if path])
    for one in perception.modalities:
        if one.modality in ("speech", "face") and one.present:
            result[one.modality] = {e.label: e.probability for e in one.affect.classes.entries}
        elif one.modality in ("speech", "face"):
            result["unmeasured"][one.modality] = one.reason
    if wav:
        edits, hits = heard(words(reply["text"]), words(perception.transcript.text))
        result |= {"transcript": perception.transcript.text, "edits": edits, "hits": hits}
        result["traits"] = await asyncio.to_thread(voice_traits, wav, reply["text"])
    if wav and mp4:
        result |= await asyncio.to_thread(_film, wav, mp4, result["unmeasured"])
    return result


_FILES = (("speech", "reply.wav"), ("video", "reply.mp4"))


def _film(wav: Path, mp4: Path, unmeasured: dict[str, str]) -> Json:
    film = av_offset.read(mp4)
    found: Json = dict(
        zip(("same_sound", "sound_lag_ms", "longer_s"), sound_difference(wav, film), strict=True)
    )
    opening = av_offset.lip_opening(film.pictures)
    if opening is None:
        return found | _lost(unmeasured, "no face found")
    best = av_offset.offset(film.times, opening, film.sound, film.rate)
    if best is None or best.correlation < _FIT:
        return found | _lost(unmeasured, "lips and voice hardly correlate")
    return found | {"offset_ms": best.ms, "lips_fit": best.correlation}


def _lost(unmeasured: dict[str, str], reason: str) -> Json:
    unmeasured["offset"] = reason
    return {}


async def _perceived(transport: Transport, text: str, paths: Sequence[Path]) -> perception_pb2.Perception:
    """Perceives a reply as if a person had sent it."""

    async def requests() -> AsyncIterator[perception_pb2.PerceiveRequest]:
        yield perception_pb2.PerceiveRequest(start=perception_pb2.PerceiveStart(text=text))
        for number, path in enumerate(paths):
            data = path.read_bytes()
            kind = media_pb2.MEDIA_KIND_VIDEO if path.suffix == ".mp4" else media_pb2.MEDIA_KIND_AUDIO
            header = media_header(path.name, kind, path.name, data[:HEAD_BYTES], len(data))
            for part in parts(number, header, data):
                yield perception_pb2.PerceiveRequest(media=part)

    async for response in transport.stream(PERCEIVE, requests(), CallKey(new_turn_id(), "perceive")):
        if response.HasField("perception"):
            return response.perception
    raise Internal("perception ended without a result", reason="NO_RESULT", service="perception")
