"""The perception service: takes an utterance as it arrives, checks it, streams what was perceived."""

import asyncio
import io
import wave
from collections.abc import AsyncIterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from random import Random
from typing import ClassVar

from empatheia.common.v1 import dialogue_pb2, media_pb2, service_pb2
from empatheia.perception.v1 import perception_pb2

from runtime.errors import InvalidInput, TooMuch
from runtime.hosting.service import Call, Service
from runtime.media import MediaChecker
from runtime.registry import pick
from services.perception.backends import BACKENDS, Backend
from services.perception.utterance import Utterance

_LANGUAGES = ("en",)
_MOST_STREAMS = 4
_NOTICES = (
    "The judges of text, voice and face were trained on non-commercial data (EmpatheticDialogues "
    "CC BY-NC 4.0, RAVDESS CC BY-NC-SA 4.0, photographs of unstated rights): not for commercial use.",
    "An expression or a tone of voice is not a feeling; what is perceived is a guess with a confidence.",
)


class PerceptionService(Service):
    """Hears and sees the person."""

    name: ClassVar[str] = "perception"
    _backend: Backend

    async def start(self) -> None:
        """Loads the models and perceives one short sentence."""
        backend = pick(BACKENDS, self.own.backend, what="perception backend")
        self._backend = await asyncio.to_thread(backend, self.own.options)
        await asyncio.to_thread(self._warm_up)

    async def stop(self) -> None:
        """Ends the models."""
        await asyncio.to_thread(self._backend.close)

    def _warm_up(self) -> None:
        utterance = Utterance(self._backend, 2.0, lambda _: None)
        utterance.open(0, media_pb2.MediaHeader(kind=media_pb2.MEDIA_KIND_AUDIO))
        utterance.write(0, _noise())
        utterance.end(0)
        utterance.finish("I am ready to listen.", [])
        utterance.stop()

    def describe(self) -> service_pb2.ServiceDescription:
        """Says what the service is and can do."""
        limits = self.settings.limits
        return service_pb2.ServiceDescription(
            name=self.name,
            version=_version(),
            model=self._backend.info(),
            capabilities=[
                "transcript",
                "streaming",
                "word_times",
                "text_affect",
                "speech_affect",
                "face_affect",
                "conflicts",
            ],
            limits={
                "max_media_s": limits.max_media_s,
                "max_media_bytes": limits.max_media_bytes,
                "max_text_chars": limits.max_text_chars,
                "max_history_utterances": limits.max_history_utterances,
            },
            languages=_LANGUAGES,
            notices=_NOTICES,
        )

    async def perceive(
        self, requests: AsyncIterator[perception_pb2.PerceiveRequest], call: Call
    ) -> AsyncIterator[perception_pb2.PerceiveResponse]:
        """Takes one utterance as it comes and streams what was heard, then all that was perceived.

        Raises:
            InvalidInput: A part is out of place, a recording can't be used, or nothing was said.
            TooMuch: A bound on text, dialogue or media is passed.
        """
        loop = asyncio.get_running_loop()
        news: asyncio.Queue[perception_pb2.Transcript | Exception | None] = asyncio.Queue()

        def tell(item: perception_pb2.Transcript | Exception) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(news.put_nowait, item)

        utterance = Utterance(self._backend, self.settings.limits.max_media_s, tell)

        async def work() -> perception_pb2.Perception:
            said, start = await self._take(requests, utterance)
            return await asyncio.to_thread(utterance.finish, said, start.history, start.allow_wordless)

        result = asyncio.create_task(work())
        result.add_done_callback(lambda _: news.put_nowait(None))
        try:
            while (item := await news.get()) is not None:
                if isinstance(item, Exception):
                    raise item  # Whatever is still to come, the recording can't be used.
                yield perception_pb2.PerceiveResponse(partial=item)
            yield perception_pb2.PerceiveResponse(perception=result.result())
        finally:
            utterance.stop()
            result.cancel()
            await asyncio.wait([result])

    async def _take(
        self, requests: AsyncIterator[perception_pb2.PerceiveRequest], utterance: Utterance
    ) -> tuple[str, perception_pb2.PerceiveStart]:
        """Hands media on as it comes; returns the typed words and how the utterance began."""
        start: perception_pb2.PerceiveStart | None = None
        end: perception_pb2.PerceiveEnd | None = None
        checker = MediaChecker(self.settings.limits.max_media_bytes)
        async for request in requests:
            part = request.WhichOneof("part")
            if start is None:
                if part != "start":
                    raise InvalidInput.of("start", "must come first", reason="BAD_ORDER")
                start = request.start
                self._check(start)
            elif end is not None or part not in ("media", "end"):
                raise InvalidInput.of(
                    part or "part", "only media, and then `end`, may follow `start`", reason="BAD_ORDER"
                )
            elif part == "end":
                end = request.end
                self._check_texts([("end.text", end.text)])
            else:
                checker.add(request.media)
                self._hand_on(request.media, utterance)
        if start is None:
            raise InvalidInput.of("start", "is missing: the call was empty", reason="BAD_ORDER")
        checker.finish()
        text = start.text if end is None else end.text or start.text
        if not text.strip() and not utterance.streams:
            raise InvalidInput.of(
                "text", "is empty, and no recording came: type something or speak", reason="NOTHING_SAID"
            )
        return text, start

    def _hand_on(self, part: media_pb2.MediaPart, utterance: Utterance) -> None:
        if part.HasField("header"):
            if utterance.streams >= _MOST_STREAMS:
                raise InvalidInput.of(
                    f"media[{part.stream_id}]",
                    f"is more than {_MOST_STREAMS} recordings; send one sound and one video at most",
                    reason="TOO_MANY_MEDIA",
                )
            utterance.open(part.stream_id, part.header)
        elif part.HasField("chunk"):
            utterance.write(part.stream_id, part.chunk.data)
        else:
            utterance.end(part.stream_id)

    def _check(self, start: perception_pb2.PerceiveStart) -> None:
        limits = self.settings.limits
        if start.language and start.language.split("-")[0].lower() not in _LANGUAGES:
            raise InvalidInput.of(
                "language", f"{start.language!r} is not understood; there is: en", reason="UNKNOWN_LANGUAGE"
            )
        if len(start.history) > limits.max_history_utterances:
            raise TooMuch(
                f"history: {len(start.history)} utterances, at most {limits.max_history_utterances} are "
                "taken; leave out the oldest",
                reason="HISTORY_TOO_LONG",
            )
        self._check_texts(
            [("text", start.text), *((f"history[{i}].text", u.text) for i, u in enumerate(start.history))]
        )
        for index, utterance in enumerate(start.history):
            if utterance.role == dialogue_pb2.ROLE_UNSPECIFIED:
                raise InvalidInput.of(
                    f"history[{index}].role", "must be speaker or listener", reason="BAD_ROLE"
                )

    def _check_texts(self, texts: Sequence[tuple[str, str]]) -> None:
        most = self.settings.limits.max_text_chars
        for field, text in texts:
            if len(text) > most:
                raise TooMuch(
                    f"{field}: {len(text)} characters, at most {most} are taken; shorten it",
                    reason="TEXT_TOO_LONG",
                )


def _noise() -> bytes:
    """A second of noise that swells, so that the sound models are called as well."""
    file = io.BytesIO()
    with wave.open(file, "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(16000)
        random = Random(0)
        target.writeframes(
            b"".join(random.randint(-i, i).to_bytes(2, "little", signed=True) for i in range(16000))
        )
    return file.getvalue()


def _version() -> str:
    try:
        return version("empatheia")
    except PackageNotFoundError:
        return "0"
