"""The perception service: takes an utterance as it arrives, checks it, streams what was perceived."""

import asyncio
import io
import threading
import wave
from collections.abc import AsyncIterator
from importlib.metadata import PackageNotFoundError, version
from random import Random
from typing import ClassVar

from empatheia.common.v1 import dialogue_pb2, media_pb2, service_pb2
from empatheia.perception.v1 import perception_pb2

from runtime.aio import iterate_in_thread
from runtime.errors import InvalidInput, TooMuch
from runtime.hosting.service import Call, Service
from runtime.media import MediaAssembler, Recording
from runtime.registry import pick
from services.perception.backends import BACKENDS, Backend
from services.perception.perceiver import Query, perceive

_LANGUAGES = ("en",)
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
        query = Query("I am ready to listen.", [], [_noise()])
        for _ in perceive(self._backend, query, 2.0, threading.Event()):
            pass

    def describe(self) -> service_pb2.ServiceDescription:
        """Says what the service is and can do."""
        limits = self.settings.limits
        return service_pb2.ServiceDescription(
            name=self.name,
            version=_version(),
            model=self._backend.info(),
            capabilities=[
                "transcript",
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
        """Takes one utterance and streams what was heard, then all that was perceived.

        Raises:
            InvalidInput: A part is out of place, a recording can't be used, or nothing was said.
            TooMuch: A bound on text, dialogue or media is passed.
        """
        query = await self._collect(requests)
        async for response in iterate_in_thread(
            lambda stopped: perceive(self._backend, query, self.settings.limits.max_media_s, stopped)
        ):
            yield response

    async def _collect(self, requests: AsyncIterator[perception_pb2.PerceiveRequest]) -> Query:
        start: perception_pb2.PerceiveStart | None = None
        media = MediaAssembler(self.settings.limits.max_media_bytes)
        async for request in requests:
            part = request.WhichOneof("part")
            if start is None:
                if part != "start":
                    raise InvalidInput.of("start", "must come first", reason="BAD_ORDER")
                start = request.start
                self._check(start)
            elif part == "media":
                media.add(request.media)
            else:
                raise InvalidInput.of(part or "part", "only media may follow `start`", reason="BAD_ORDER")
        if start is None:
            raise InvalidInput.of("start", "is missing: the call was empty", reason="BAD_ORDER")
        recordings = media.finish()
        if not start.text.strip() and not recordings:
            raise InvalidInput.of(
                "text", "is empty, and no recording came: type something or speak", reason="NOTHING_SAID"
            )
        return Query(start.text, list(start.history), recordings)

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
        texts = [("text", start.text)] + [(f"history[{i}].text", u.text) for i, u in enumerate(start.history)]
        for field, text in texts:
            if len(text) > limits.max_text_chars:
                raise TooMuch(
                    f"{field}: {len(text)} characters, at most {limits.max_text_chars} are taken; shorten it",
                    reason="TEXT_TOO_LONG",
                )
        for index, utterance in enumerate(start.history):
            if utterance.role == dialogue_pb2.ROLE_UNSPECIFIED:
                raise InvalidInput.of(
                    f"history[{index}].role", "must be speaker or listener", reason="BAD_ROLE"
                )


def _noise() -> Recording:
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
    header = media_pb2.MediaHeader(kind=media_pb2.MEDIA_KIND_AUDIO)
    return Recording(header, bytearray(file.getvalue()), complete=True)


def _version() -> str:
    try:
        return version("empatheia")
    except PackageNotFoundError:
        return "0"
