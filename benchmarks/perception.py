"""`empatheia evaluate perception`: how right perception is on media with known answers.

What is measured is what the service says over its contract. It knows the 7 classes and no "neutral": rows
that are labelled neutral (or calm) can't be right or wrong there, so they are counted apart, with how sure
the service was of anything. Words are compared as word error rate (edits by words that were really said).
"""

import io
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import av
import cv2
from empatheia.common.v1 import media_pb2
from empatheia.perception.v1 import perception_pb2

from benchmarks.erg_figures import calibration_error
from benchmarks.labelled import Row, words
from runtime import media
from runtime.artifacts import new_turn_id
from runtime.clients.transport import CallKey, Transport
from runtime.emotions import CLASSES, NEUTRAL
from runtime.errors import InvalidInput, TooMuch
from runtime.rpc import PERCEIVE

NOT_JUDGED = "not judged"
_PHOTOGRAPHS = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
_TYPED = "."
"""The service wants words; without typed ones it would fail where nobody speaks."""


@dataclass(frozen=True)
class Outcome:
    """What the service said of one row."""

    expected: str
    found: str
    """A class, `NOT_JUDGED`, or the words heard."""
    confidence: float = 0.0
    """Probability of `found`; for words their mean confidence."""
    sureness: float = 0.0
    """The service's own confidence: 0 for a flat distribution, 1 for certainty."""
    reason: str = ""
    """Why it was not judged."""


async def evaluate(
    transport: Transport, modality: str, rows: Sequence[Row], progress: Callable[[int], None]
) -> dict[str, Any]:
    """Asks the service about each row and sums up.

    Args:
        transport: Leads to perception.
        modality: "speech", "face" or "asr".
        rows: Of one table.
        progress: Told how many are done.

    Returns:
        See `affect_figures` and `word_figures`; and `modality`, `notes`, `elapsed_s`.

    Raises:
        InvalidInput: A file can't be used; it is named with its line.
    """
    started = time.monotonic()
    outcomes = []
    for done, row in enumerate(rows, 1):
        outcomes.append(await _outcome(transport, modality, row))
        progress(done)
    figures = word_figures(outcomes) if modality == "asr" else affect_figures(outcomes)
    return {
        "modality": modality,
        **figures,
        "notes": [] if modality == "asr" else _notes(rows),
        "elapsed_s": time.monotonic() - started,
    }


def affect_figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Sums up judgements of affect.

    Returns:
        `n` (rows compared), `accuracy`, `macro_f1` (over the classes that occur) and `ece` (10 bins); a row
        that was not judged counts as wrong, and `not_judged` says how many and why. `neutral_n` rows were
        left out of all of these; `neutral_confidence` and `confidence` are the service's mean confidence
        on them and on the others. `classes` and `confusion` (a row per true class; the last column is "not
        judged").
    """
    compared = [one for one in outcomes if one.expected != NEUTRAL]
    neutral = [one for one in outcomes if one.expected == NEUTRAL]
    judged = [one for one in compared if one.found != NOT_JUDGED]
    columns = (*CLASSES, NOT_JUDGED)
    matrix = [
        [sum(one.expected == true and one.found == found for one in compared) for found in columns]
        for true in CLASSES
    ]
    reasons: dict[str, int] = {}
    for one in outcomes:
        if one.reason:
            reasons[one.reason] = reasons.get(one.reason, 0) + 1
    return {
        "compared": "likeliest of the 7 classes of the service's contract",
        "n": len(compared),
        "accuracy": _mean([one.found == one.expected for one in compared]),
        "macro_f1": _macro_f1(matrix),
        "ece": calibration_error(
            [one.confidence for one in judged], [one.found == one.expected for one in judged]
        )
        if judged
        else None,
        "confidence": _mean([one.sureness for one in judged]),
        "neutral_n": len(neutral),
        "neutral_confidence": _mean([one.sureness for one in neutral]),
        "not_judged": reasons,
        "classes": list(CLASSES),
        "confusion": matrix,
    }


def word_figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Sums up transcripts: `n` recordings, `words` really said, `errors`, `wer`, `nothing_heard`."""
    total = sum(len(words(one.expected)) for one in outcomes)
    errors = sum(edits(words(one.expected), words(one.found)) for one in outcomes)
    return {
        "compared": "words, in lower case and without punctuation",
        "n": len(outcomes),
        "words": total,
        "errors": errors,
        "wer": errors / total if total else None,
        "nothing_heard": sum(not one.found for one in outcomes),
        "confidence": _mean([one.confidence for one in outcomes]),
    }


def edits(said: Sequence[str], heard: Sequence[str]) -> int:
    """Fewest words to insert, delete or replace (Levenshtein 1966)."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        above, row = row, [i]
        for j, other in enumerate(heard, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (word != other)))
    return row[-1]


def _macro_f1(matrix: Sequence[Sequence[int]]) -> float | None:
    scores = []
    for index, row in enumerate(matrix):
        if sum(row):
            scores.append(2 * row[index] / (sum(row) + sum(other[index] for other in matrix)))
    return _mean(scores)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _notes(rows: Sequence[Row]) -> list[str]:
    if "split" not in rows[0].columns:
        return ["the table has no column `split`: whether the judge was trained on these rows is unknown"]
    seen = sum(row.columns["split"] == "train" for row in rows)
    if not seen:
        return []
    return [
        f"{seen} of {len(rows)} rows are marked `train`: where the judge was trained on them, the figures"
        " are too good; --held-back keeps to what the shipped judges never saw"
    ]


async def _outcome(transport: Transport, modality: str, row: Row) -> Outcome:
    try:
        perception = await _perceive(transport, modality, row)
    except (InvalidInput, TooMuch) as error:
        if modality == "asr" and error.reason == "NOTHING_SAID":
            return Outcome(row.expected, "")
        raise InvalidInput.of(
            "--data", f"{row.where}: {row.path.name}: {error}", reason="BAD_DATA"
        ) from error
    if modality == "asr":
        heard = perception.transcript
        return Outcome(row.expected, heard.text, heard.confidence, heard.confidence)
    judged = next((one for one in perception.modalities if one.modality == modality), None)
    if judged is None or not judged.present:
        reason = judged.reason if judged is not None else "the service does not judge this modality"
        return Outcome(row.expected, NOT_JUDGED, reason=reason)
    shares: Mapping[str, float] = {one.label: one.probability for one in judged.affect.classes.entries}
    found = max(CLASSES, key=lambda klass: shares.get(klass, 0.0))
    return Outcome(row.expected, found, shares.get(found, 0.0), judged.affect.confidence)


async def _perceive(transport: Transport, modality: str, row: Row) -> perception_pb2.Perception:
    try:
        data, header = _media(modality, row)
    except OSError as error:
        raise InvalidInput.of("file", f"can't be read: {error}", reason="UNREADABLE_MEDIA") from error

    async def requests() -> AsyncIterator[perception_pb2.PerceiveRequest]:
        start = perception_pb2.PerceiveStart(text="" if modality == "asr" else _TYPED)
        yield perception_pb2.PerceiveRequest(start=start)
        for part in media.parts(0, header, data):
            yield perception_pb2.PerceiveRequest(media=part)

    async for response in transport.stream(PERCEIVE, requests(), CallKey(new_turn_id(), "perceive")):
        if response.HasField("perception"):
            return response.perception
    raise RuntimeError("perception ended without a result")


def _media(modality: str, row: Row) -> tuple[bytes, media_pb2.MediaHeader]:
    if row.path.suffix.lower() in _PHOTOGRAPHS:
        return _film(row), media_pb2.MediaHeader(kind=media_pb2.MEDIA_KIND_VIDEO, file_name=row.path.name)
    # A film holds both; only what is measured is asked for, since the other costs time.
    kind = media_pb2.MEDIA_KIND_VIDEO if modality == "face" else media_pb2.MEDIA_KIND_AUDIO
    return row.path.read_bytes(), media_pb2.MediaHeader(kind=kind, file_name=row.path.name)


def _film(row: Row) -> bytes:
    """A photograph as a film of one picture, without loss: the service takes no photographs."""
    picture = cv2.imread(str(row.path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise InvalidInput.of("file", "is no picture that can be read", reason="UNREADABLE_MEDIA")
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "gray"
        frame = av.VideoFrame.from_ndarray(picture.astype("uint8"), "gray")
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()
