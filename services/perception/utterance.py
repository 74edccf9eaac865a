"""Perceives one utterance while it arrives: decodes what comes, judges it, fuses it at the end."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from functools import partial

from empatheia.common.v1 import affect_pb2, dialogue_pb2, media_pb2, service_pb2
from empatheia.perception.v1 import perception_pb2

from runtime import tensors
from runtime.errors import InvalidInput
from runtime.telemetry.busy import Summed
from runtime.telemetry.schema import Attributes, Spans
from runtime.telemetry.tracing import annotate, span
from services.perception import fusion
from services.perception.backends import Backend
from services.perception.inflow import Inflow
from services.perception.judgement import Judgement, absent, affect, course
from services.perception.listening import Listener
from services.perception.recording import Floats, Picture, Summary, decode_into
from services.perception.said import Said

_FEATURE = {"text": "x_t", "speech": "x_s", "face": "x_v"}
_CLEAR = 0.6
"""Mean word confidence under which a transcript is called hard to make out."""
_NEEDS_WORDS = "say something: type it in `text`, or speak it in a recording"


class Utterance:
    """One utterance on its way: each recording is decoded, heard and seen in a thread of its own as it comes.

    `open`, `write`, `end` and `stop` return at once; `finish` waits. An error in a recording is raised by
    `finish`, and told as soon as it happens.
    """

    def __init__(
        self,
        backend: Backend,
        max_media_s: float,
        tell: Callable[[perception_pb2.Transcript | Exception], None],
    ) -> None:
        """Starts with nothing.

        Args:
            backend: The models.
            max_media_s: Longest recording that is taken.
            tell: Told, from the recording's thread, of the words so far whenever there are more, and of an
                error if the recording can't be used.
        """
        self._backend = backend
        self._max_s = max_media_s
        self._tell = tell
        self._stopped = threading.Event()
        self._streams: dict[int, _Stream] = {}

    @property
    def streams(self) -> int:
        """Recordings so far."""
        return len(self._streams)

    def open(self, stream_id: int, header: media_pb2.MediaHeader) -> None:
        """A recording begins."""
        stream = _Stream(self._backend, stream_id, header, self._max_s, self._stopped, self._tell)
        self._streams[stream_id] = stream
        stream.start()

    def write(self, stream_id: int, data: bytes) -> None:
        """The next bytes of a recording."""
        self._streams[stream_id].inflow.write(data)

    def end(self, stream_id: int) -> None:
        """A recording is over."""
        self._streams[stream_id].inflow.end()

    def stop(self) -> None:
        """Ends all work; may be called at any time, and twice."""
        self._stopped.set()
        for stream in self._streams.values():
            stream.stop()

    def finish(
        self, text: str, history: Sequence[dialogue_pb2.Utterance], allow_wordless: bool = False
    ) -> perception_pb2.Perception:
        """Waits for the recordings, all of which must have ended, and puts everything together.

        Args:
            text: What the person typed; may be empty.
            history: What was said before, oldest first.
            allow_wordless: Whether there may be no words.

        Raises:
            InvalidInput: A recording can't be used, or there are no words to answer.
        """
        typed = text if text.strip() else ""
        with ThreadPoolExecutor(3, thread_name_prefix="perceive") as pool:
            judged = _start(pool, "text", lambda: self._judge_text(history, typed, 1.0)) if typed else None
            for _, stream in sorted(self._streams.items()):
                stream.join()
            sound, pictures, notes = _chosen([stream for _, stream in sorted(self._streams.items())])
            speech = _start(pool, "speech", lambda: sound.judge_voice() if sound else absent("no sound"))
            spoken = sound.listener.speech() if sound else []
            face = _start(
                pool, "face", lambda: pictures.judge_face(spoken) if pictures else absent("no video")
            )
            transcript = _transcript(sound) if sound else None
            if transcript and transcript.text:
                self._tell(transcript)
            words = typed or (transcript.text if transcript else "")
            trust = transcript.confidence if transcript else 1.0
            judged = judged or _start(pool, "text", lambda: self._judge_text(history, words, trust))
            judgements = {"text": judged.result(), "speech": speech.result(), "face": face.result()}
        if not words and not allow_wordless:
            raise _nothing_said(sound is not None, judgements)
        perception = _perception(self._backend, words, transcript, judgements)
        perception.notes[:] = [*notes, *perception.notes]
        perception.audio_s = sound.summary.audio_s if sound else 0.0
        perception.video_s = pictures.summary.video_s if pictures else 0.0
        return perception

    def _judge_text(self, history: Sequence[dialogue_pb2.Utterance], words: str, trust: float) -> Judgement:
        return _judge_text(self._backend, history, words, trust)


class _Stream:
    """One recording: the `Sink` of its decoder."""

    def __init__(
        self,
        backend: Backend,
        stream_id: int,
        header: media_pb2.MediaHeader,
        max_s: float,
        stopped: threading.Event,
        tell: Callable[[perception_pb2.Transcript | Exception], None],
    ) -> None:
        self.where = f"media[{stream_id}]"
        self.inflow = Inflow()
        self.hearing = backend.hearing()
        self._voice = backend.voice()
        self._face = backend.face()
        self.listener = Listener([self.hearing, self._voice])
        self.summary = Summary()
        self._header = header
        self._max_s = max_s
        self._stopped = stopped
        self._tell = tell
        self._words = 0
        self._spent = Summed()
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to decode."""
        work = partial(copy_context().run, self._work)
        self._thread = threading.Thread(target=work, daemon=True, name=self.where)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread and the models' work."""
        self.inflow.stop()
        self.hearing.close()

    def join(self) -> None:
        """Waits for the thread.

        Raises:
            EmpatheiaError: The recording can't be used.
        """
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error

    def sound(self, samples: Floats) -> None:
        """See `Sink`."""
        with self._spent.work("hear"):
            self.listener.add(samples)
        if self.listener.stretches:
            words = self.hearing.words(False)
            if len(words) > self._words:
                self._tell(_as_transcript(words, self.listener.speech()))
            self._words = len(words)

    def picture(self, picture: Picture) -> None:
        """See `Sink`."""
        with self._spent.work("see"):
            self._face.watch(picture)

    def judge_voice(self) -> Judgement:
        """What the voice said, or why there is nothing to say."""
        if self.listener.silent:
            return absent("silence")
        if not self.listener.stretches:
            return absent("no speech found in the sound")
        return self._voice.judgement()

    def judge_face(self, speech: Sequence[affect_pb2.TimeSpan]) -> Judgement:
        """What the face said, or why there is nothing to say."""
        return self._face.judgement(speech)

    def _work(self) -> None:
        try:
            with span(Spans.MEDIA.format(name="decode")) as current:
                self._spent = Summed()
                self.summary = decode_into(
                    self, self.inflow, self._header, self.where, self._max_s, self._stopped
                )
                with self._spent.work("hear"):
                    self.listener.finish()
                self._spent.close()
                annotate(current, {Attributes.AUDIO_S: self.summary.audio_s})
        except Exception as error:
            self._error = error
            self._tell(error)


def _chosen(streams: Sequence[_Stream]) -> tuple[_Stream | None, _Stream | None, list[str]]:
    """Whose sound and whose pictures count: the sound of a sound file wins over that of a video.

    Raises:
        InvalidInput: There are two of a kind.
    """
    notes = [note for stream in streams for note in stream.summary.notes]
    films = [stream for stream in streams if stream.summary.pictures]
    sounds = [stream for stream in streams if stream.summary.audio_s and not stream.summary.pictures]
    own = [stream for stream in films if stream.summary.audio_s]
    for kind, found in (("pictures", films), ("sound", sounds)):
        if len(found) > 1:
            raise InvalidInput.of(
                found[1].where,
                f"holds {kind}, and so does {found[0].where}; send one of them",
                reason="TOO_MANY_MEDIA",
            )
    if sounds and own:
        notes.append("the video's own sound ignored: a sound recording came with it")
    return next(iter([*sounds, *own]), None), next(iter(films), None), notes


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


def _transcript(sound: _Stream) -> perception_pb2.Transcript:
    with span(Spans.MODEL.format(name="asr"), {Attributes.KIND: "CHAIN"}) as current:
        transcript = _as_transcript(sound.hearing.words(True), sound.listener.speech())
        annotate(
            current,
            {
                Attributes.AUDIO_S: sound.summary.audio_s,
                Attributes.OUTPUT_TEXT: transcript.text,
                Attributes.CONFIDENCE: transcript.confidence,
            },
        )
    return transcript


def _as_transcript(
    words: Sequence[perception_pb2.HeardWord], speech: Sequence[affect_pb2.TimeSpan]
) -> perception_pb2.Transcript:
    confidence = sum(word.confidence for word in words) / len(words) if words else 0.0
    return perception_pb2.Transcript(
        text=" ".join(word.text for word in words), words=words, confidence=confidence, speech=speech
    )


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


def _nothing_said(sound: bool, judgements: dict[str, Judgement]) -> InvalidInput:
    if judgements["face"].present:
        problem = "a face was seen, but no words were heard, and words are needed to answer"
    elif not sound:
        problem = "no text was typed, and there is no sound"
    else:
        problem = (
            f"no text was typed, and no words were heard ({judgements['speech'].reason or 'unclear speech'})"
        )
    return InvalidInput.of("text", f"{problem}; {_NEEDS_WORDS}", reason="NOTHING_SAID")


def _perception(
    backend: Backend,
    words: str,
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
        notes=[note for judgement in judgements.values() for note in judgement.notes],
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
        course=course(judgement.course),
    )
