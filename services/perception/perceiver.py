"""Perceives one utterance: decodes what came, runs the modalities beside each other, fuses them."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace

from empatheia.common.v1 import affect_pb2, dialogue_pb2, service_pb2
from empatheia.perception.v1 import perception_pb2

from runtime import tensors
from runtime.errors import InvalidInput
from runtime.media import Recording
from runtime.telemetry.schema import Attributes, Spans
from runtime.telemetry.tracing import annotate, span
from services.perception import fusion
from services.perception.activity import is_silent, speech_spans
from services.perception.backends import Backend
from services.perception.judgement import Judgement, absent, affect
from services.perception.recording import Clip, decode
from services.perception.said import Said

_FEATURE = {"text": "x_t", "speech": "x_s", "face": "x_v"}
_CLEAR = 0.5
"""Mean word confidence under which a transcript is called hard to make out."""
_NEEDS_WORDS = "say something: type it in `text`, or speak it in a recording"


@dataclass(frozen=True)
class Query:
    """One utterance as it came in."""

    text: str
    history: Sequence[dialogue_pb2.Utterance]
    recordings: Sequence[Recording]


def perceive(
    backend: Backend, query: Query, max_media_s: float, stopped: threading.Event
) -> Iterator[perception_pb2.PerceiveResponse]:
    """Perceives one utterance.

    Args:
        backend: The models.
        query: What came in.
        max_media_s: Longest recording that is taken.
        stopped: Ends the work early; nothing is yielded then.

    Raises:
        InvalidInput: A recording can't be used, or there are no words to answer.
    """
    with span(Spans.MEDIA.format(name="decode")):
        clip = _decoded(query.recordings, max_media_s, stopped)
        spans = [] if clip.sound is None else speech_spans(clip.sound)
    with ThreadPoolExecutor(3, thread_name_prefix="perceive") as pool:
        speech = _start(pool, "speech", lambda: _judge_speech(backend, clip, spans))
        face = _start(pool, "face", lambda: _judge_face(backend, clip, stopped))

        def judge_text(words: str, trust: float) -> Future[Judgement]:
            return _start(pool, "text", lambda: _judge_text(backend, query.history, words, trust))

        typed = query.text if query.text.strip() else ""
        text = judge_text(typed, 1.0) if typed else None
        transcript = _heard(backend, clip, spans, stopped)
        if transcript is not None and not stopped.is_set():
            yield perception_pb2.PerceiveResponse(partial=transcript)
        words = typed or (transcript.text if transcript else "")
        text = text or judge_text(words, transcript.confidence if transcript else 1.0)
        judgements = {"text": text.result(), "speech": speech.result(), "face": face.result()}
    if stopped.is_set():
        return
    if not words:
        raise _nothing_said(clip, judgements)
    yield perception_pb2.PerceiveResponse(
        perception=_perception(backend, words, clip, transcript, judgements)
    )


def _decoded(recordings: Sequence[Recording], max_s: float, stopped: threading.Event) -> Clip:
    """All recordings as one: the sound of a sound file wins over that of a video."""
    whole = Clip()
    spoken = pictured = -1
    for index, recording in enumerate(recordings):
        clip = decode(recording.data, recording.header, f"media[{index}]", max_s, stopped)
        whole.notes += clip.notes
        if clip.pictures:
            if pictured >= 0:
                raise _second(index, pictured, "pictures")
            pictured = index
            whole.pictures, whole.step_s, whole.video_s = clip.pictures, clip.step_s, clip.video_s
        if clip.sound is None:
            continue
        if spoken >= 0 and (spoken == pictured) == bool(clip.pictures):
            raise _second(index, spoken, "sound")
        if spoken >= 0:
            whole.notes.append("the video's own sound ignored: a sound recording came with it")
        if spoken < 0 or not clip.pictures:
            spoken, whole.sound = index, clip.sound
    return whole


def _second(index: int, first: int, what: str) -> InvalidInput:
    return InvalidInput.of(
        f"media[{index}]",
        f"holds {what}, and so does media[{first}]; send one of them",
        reason="TOO_MANY_MEDIA",
    )


def _start(pool: ThreadPoolExecutor, name: str, judge: Callable[[], Judgement]) -> Future[Judgement]:
    """Runs a judge in a thread, under a span that hangs where this one does."""

    def work() -> Judgement:
        started = time.perf_counter()
        with span(Spans.MODEL.format(name=f"affect_{name}"), {Attributes.KIND: "CHAIN"}) as current:
            judgement = judge()
            if judgement.present:
                annotate(
                    current,
                    {
                        Attributes.MODEL_ID: judgement.model_id,
                        Attributes.WEIGHT_HASH: judgement.weight_hash,
                        Attributes.CONFIDENCE: judgement.confidence,
                        Attributes.EVIDENCE_COUNT: len(judgement.evidence),
                    },
                )
        return replace(judgement, elapsed_ms=(time.perf_counter() - started) * 1000)

    return pool.submit(copy_context().run, work)


def _heard(
    backend: Backend, clip: Clip, spans: Sequence[affect_pb2.TimeSpan], stopped: threading.Event
) -> perception_pb2.Transcript | None:
    if clip.sound is None:
        return None
    with span(Spans.MODEL.format(name="asr"), {Attributes.KIND: "CHAIN"}) as current:
        annotate(current, {Attributes.AUDIO_S: clip.audio_s})
        transcript = backend.transcribe(clip.sound, spans, stopped)
        annotate(
            current, {Attributes.OUTPUT_TEXT: transcript.text, Attributes.CONFIDENCE: transcript.confidence}
        )
    return transcript


def _judge_speech(backend: Backend, clip: Clip, spans: Sequence[affect_pb2.TimeSpan]) -> Judgement:
    if clip.sound is None:
        return absent("no sound")
    if is_silent(clip.sound):
        return absent("silence")
    if not spans:
        return absent("no speech found in the sound")
    return backend.judge_speech(clip.sound, spans)


def _judge_face(backend: Backend, clip: Clip, stopped: threading.Event) -> Judgement:
    return backend.judge_face(clip, stopped) if clip.pictures else absent("no video")


def _judge_text(
    backend: Backend, history: Sequence[dialogue_pb2.Utterance], words: str, trust: float
) -> Judgement:
    if not words:
        return absent("no words typed or heard")
    said = [
        Said(index, utterance.text)
        for index, utterance in enumerate(history)
        if utterance.role == dialogue_pb2.ROLE_SPEAKER and utterance.text.strip()
    ]
    judgement = backend.judge_text([*said, Said(len(history), words)])
    if not judgement.present or trust >= _CLEAR:
        return replace(judgement, trust=trust)
    note = f"the words were hard to make out (confidence {trust:.2f})"
    return replace(judgement, trust=trust, notes=(*judgement.notes, note))


def _nothing_said(clip: Clip, judgements: dict[str, Judgement]) -> InvalidInput:
    if judgements["face"].present:
        problem = "a face was seen, but no words were heard, and words are needed to answer"
    elif clip.sound is None:
        problem = "no text was typed, and there is no sound"
    else:
        problem = (
            f"no text was typed, and no words were heard ({judgements['speech'].reason or 'unclear speech'})"
        )
    return InvalidInput.of("text", f"{problem}; {_NEEDS_WORDS}", reason="NOTHING_SAID")


def _perception(
    backend: Backend,
    words: str,
    clip: Clip,
    transcript: perception_pb2.Transcript | None,
    judgements: dict[str, Judgement],
) -> perception_pb2.Perception:
    present = {name: j for name, j in judgements.items() if j.present}
    return perception_pb2.Perception(
        text=words,
        transcript=transcript,
        modalities=[_modality(backend, name, judgement) for name, judgement in judgements.items()],
        affect=fusion.fuse(present) if present else None,
        conflicts=fusion.conflicts(present),
        features=[
            tensors.to_proto(_FEATURE[name], judgement.feature)
            for name, judgement in present.items()
            if judgement.feature is not None
        ],
        notes=[*clip.notes, *(note for judgement in judgements.values() for note in judgement.notes)],
        audio_s=clip.audio_s,
        video_s=clip.video_s,
    )


def _modality(backend: Backend, name: str, judgement: Judgement) -> perception_pb2.ModalityAffect:
    if not judgement.present:
        return perception_pb2.ModalityAffect(
            modality=name, reason=judgement.reason, elapsed_ms=judgement.elapsed_ms
        )
    return perception_pb2.ModalityAffect(
        modality=name,
        present=True,
        affect=affect(judgement.labels, judgement.confidence, judgement.evidence),
        model=service_pb2.ModelInfo(
            backend=backend.info().backend, model_id=judgement.model_id, weight_hash=judgement.weight_hash
        ),
        elapsed_ms=judgement.elapsed_ms,
    )
