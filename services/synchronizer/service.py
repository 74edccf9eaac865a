"""The gRPC face of the synchronizer: order and bounds of what comes in."""

import asyncio
from collections.abc import AsyncIterator

from empatheia.common.v1 import service_pb2
from empatheia.synchronizer.v1 import synchronizer_pb2

from runtime.errors import InvalidInput, TooMuch, Violation
from runtime.hosting.service import Call, Service
from runtime.registry import pick
from runtime.settings import Settings
from runtime.telemetry.schema import Attributes, Spans
from runtime.telemetry.tracing import span
from services.synchronizer.backends import BACKENDS, SynchronizerBackend

_WARM_UP = "Hello."


class SynchronizerService(Service):
    """Plans a reply sentence by sentence."""

    name = "synchronizer"

    def __init__(self, settings: Settings) -> None:
        """See `Service`."""
        super().__init__(settings)
        self._backend: SynchronizerBackend

    async def start(self) -> None:
        """See `Service.start`."""
        make = pick(BACKENDS, self.own.backend, what="synchronizer backend")
        self._backend = await asyncio.to_thread(make, self.own.options)
        await asyncio.to_thread(self._backend.plan, 0, _WARM_UP, self._backend.languages[0])

    def describe(self) -> service_pb2.ServiceDescription:
        """See `Service.describe`."""
        return service_pb2.ServiceDescription(
            name=self.name,
            version="0.1.0",
            model=self._backend.model,
            capabilities=["words", "phonemes", "visemes"],
            limits={"max_text_chars": self.settings.limits.max_text_chars},
            languages=self._backend.languages,
        )

    async def synchronize(
        self, requests: AsyncIterator[synchronizer_pb2.SynchronizeRequest], call: Call
    ) -> AsyncIterator[synchronizer_pb2.SynchronizeResponse]:
        """Plans each sentence as it comes.

        Raises:
            InvalidInput: A part is out of place, or a sentence can't be read in the language.
            TooMuch: A sentence is too long.
        """
        language = ""
        expected = 0
        async for request in requests:
            part = request.WhichOneof("part")
            if part == "start" and not language:
                language = self._language(request.start.language)
                continue
            if part != "sentence" or not language:
                raise InvalidInput.of(
                    "part", f"{part or 'nothing'} out of place: send start once, then sentences"
                )
            sentence = request.sentence
            self._check(sentence, expected)
            expected += 1
            with span(Spans.MODEL.format(name="plan"), {Attributes.MODEL_ID: self._backend.model.model_id}):
                segment = await asyncio.to_thread(self._backend.plan, sentence.index, sentence.text, language)
            yield synchronizer_pb2.SynchronizeResponse(segment=segment, model=self._backend.model)

    def _language(self, tag: str) -> str:
        language = tag.lower() or self._backend.languages[0]
        if language == "en":
            language = self._backend.languages[0]
        if language not in self._backend.languages:
            raise InvalidInput.of(
                "start.language",
                f"{tag!r} is not spoken; there are: {', '.join(self._backend.languages)}",
                reason="UNKNOWN_LANGUAGE",
            )
        return language

    def _check(self, sentence: synchronizer_pb2.Sentence, expected: int) -> None:
        if sentence.index != expected:
            raise InvalidInput.of("sentence.index", f"is {sentence.index}, {expected} was expected")
        longest = self.settings.limits.max_text_chars
        if len(sentence.text) > longest:
            description = f"has {len(sentence.text)} characters, more than {longest}; split it"
            raise TooMuch(
                f"sentence.text: {description}",
                reason="TEXT_TOO_LONG",
                violations=[Violation("sentence.text", description)],
            )
