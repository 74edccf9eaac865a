"""A live conversation: any number of turns on one stream, each of which the person may interrupt."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Protocol

from empatheia.common.v1 import content_pb2, media_pb2
from empatheia.common.v1 import dialogue_pb2 as common_dialogue_pb2
from empatheia.dialogue.v1 import dialogue_pb2
from empatheia.perception.v1 import perception_pb2

from runtime.errors import EmpatheiaError, InvalidInput
from runtime.media import MediaAssembler
from runtime.settings import LimitSettings
from services.gateway.door import admit_text
from services.gateway.live import LiveTurn

RunTurn = Callable[[dialogue_pb2.RespondRequest, LiveTurn | None], AsyncGenerator[dialogue_pb2.TurnEvent]]
_News = asyncio.Queue[perception_pb2.Transcript | EmpatheiaError | None]


class Listen(Protocol):
    """Begins a turn whose person still speaks."""

    def __call__(
        self,
        history: Sequence[common_dialogue_pb2.Utterance],
        heard: Callable[[perception_pb2.Transcript], None],
        refused: Callable[[EmpatheiaError], None],
    ) -> LiveTurn:
        """See `DialogueService.listen`."""
        ...


class Conversation:
    """Keeps the history of one stream, and runs its turns one after the other."""

    def __init__(self, run_turn: RunTurn, listen: Listen, limits: LimitSettings) -> None:
        """Starts without history."""
        self._run_turn = run_turn
        self._listen = listen
        self._live: LiveTurn | None = None
        self._limits = limits
        self._history: list[common_dialogue_pb2.Utterance] = []
        self._requests: asyncio.Queue[dialogue_pb2.ConverseRequest | None] = asyncio.Queue(64)

    async def run(
        self, requests: AsyncIterator[dialogue_pb2.ConverseRequest]
    ) -> AsyncGenerator[dialogue_pb2.TurnEvent]:
        """Takes turns until the person hangs up.

        Raises:
            EmpatheiaError: A turn was refused, or it failed.
        """
        reader = asyncio.create_task(self._read(requests))
        try:
            while True:
                news: _News = asyncio.Queue()
                taking = asyncio.create_task(self._take_turn(news))
                try:
                    while (heard := await news.get()) is not None:
                        if isinstance(heard, EmpatheiaError):
                            raise heard
                        yield dialogue_pb2.TurnEvent(transcript=heard)
                    turn = taking.result()
                finally:
                    taking.cancel()
                    await asyncio.gather(taking, return_exceptions=True)
                if turn is None:
                    return
                async with aclosing(self._answer(turn)) as events:
                    async for event in events:
                        yield event
        finally:
            reader.cancel()
            await self._hang_up()
            with suppress(asyncio.CancelledError):
                await reader

    async def _read(self, requests: AsyncIterator[dialogue_pb2.ConverseRequest]) -> None:
        try:
            async for request in requests:
                await self._requests.put(request)
        except Exception:
            await self._requests.put(None)
            raise
        await self._requests.put(None)

    async def _take_turn(self, news: _News) -> dialogue_pb2.RespondRequest | None:
        """Reads one turn of the person; None when the stream ends.

        Args:
            news: Gets the words that are heard meanwhile, or why the recording can't be used; None at last.
        """
        try:
            return await self._next_turn(news)
        finally:
            news.put_nowait(None)

    async def _next_turn(self, news: _News) -> dialogue_pb2.RespondRequest | None:
        turn: dialogue_pb2.RespondRequest | None = None
        media = MediaAssembler(self._limits.max_media_bytes)
        while (request := await self._requests.get()) is not None:
            kind = request.WhichOneof("part")
            if kind == "interrupt":
                continue  # It came after the reply had ended.
            if kind == "start":
                turn = dialogue_pb2.RespondRequest(options=request.start.options)
                self._history = self._history or list(request.start.history)
            elif turn is None:
                raise InvalidInput.of(kind or "part", "came before the start of a turn", reason="NO_START")
            elif kind == "media":
                media.add(request.media)
                if not turn.options.resume_turn_id:
                    await self._hear(request.media, news)
            elif kind == "end":
                turn.text = request.end.text
                if self._live is not None:
                    await self._live.listening.end(admit_text(turn.text, self._limits))
                turn.history.extend(self._history)
                for recording in media.finish():
                    turn.media.add(header=recording.header, data=bytes(recording.data))
                return turn
        return None

    async def _hear(self, part: media_pb2.MediaPart, news: _News) -> None:
        """Lets perception listen while the person speaks."""
        if self._live is None:
            self._live = self._listen(self._history, news.put_nowait, news.put_nowait)
        if part.HasField("header") and not part.header.kind:
            part.header.kind = media_pb2.MEDIA_KIND_AUDIO  # As the door takes it.
        await self._live.listening.add(part)

    async def _hang_up(self) -> None:
        if self._live is not None:
            await self._live.close()
            self._live = None

    async def _answer(self, turn: dialogue_pb2.RespondRequest) -> AsyncGenerator[dialogue_pb2.TurnEvent]:
        said, emotion, reply = turn.text, "", _Heard()
        events = self._run_turn(turn, self._live)
        interruption = asyncio.create_task(self._interruption())
        listening: set[asyncio.Task[float]] = {interruption}
        try:
            async with aclosing(events):
                while True:
                    step = asyncio.ensure_future(anext(events, None))
                    await asyncio.wait({step, *listening}, return_when=asyncio.FIRST_COMPLETED)
                    if not step.done():
                        step.cancel()
                        with suppress(asyncio.CancelledError):
                            await step
                        heard_s = interruption.result()
                        text = reply.until(heard_s)
                        self._remember(said, emotion, text)
                        stopped = dialogue_pb2.TurnInterrupted(heard_s=heard_s, heard_text=text)
                        yield dialogue_pb2.TurnEvent(interrupted=stopped)
                        return
                    event = step.result()
                    if event is None:
                        break
                    if event.HasField("perceived"):
                        said = event.perceived.text
                    elif event.HasField("step") and event.step.distribution.entries:
                        if event.step.name == "user_emotion":
                            emotion = event.step.distribution.entries[0].label
                    elif event.HasField("spoken"):
                        reply.add(event.spoken)
                    elif event.HasField("reply"):
                        emotion = event.reply.emotion_label
                        # From here on, what the person sends belongs to the next turn.
                        listening.clear()
                        interruption.cancel()
                        self._remember(said, emotion, event.reply.text)
                    yield event
        finally:
            interruption.cancel()
            with suppress(asyncio.CancelledError):
                await interruption
            await self._hang_up()

    async def _interruption(self) -> float:
        """Waits until the person speaks over the reply; how far they had heard it, in seconds."""
        while (request := await self._requests.get()) is not None:
            if request.HasField("interrupt"):
                return request.interrupt.played_s
            raise InvalidInput.of(
                request.WhichOneof("part") or "part",
                "came while a reply is given: interrupt it first, or wait for its end",
                reason="REPLY_IN_PROGRESS",
            )
        await self._requests.put(None)  # The end of the stream is for the next turn to find.
        never: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        return await never

    def _remember(self, said: str, emotion: str, reply: str) -> None:
        speaker = common_dialogue_pb2.ROLE_SPEAKER
        self._history.append(common_dialogue_pb2.Utterance(role=speaker, text=said, emotion=emotion))
        if reply:
            listener = common_dialogue_pb2.ROLE_LISTENER
            self._history.append(common_dialogue_pb2.Utterance(role=listener, text=reply))


class _Heard:
    """The words of a reply on the speech clock."""

    def __init__(self) -> None:
        self._words: list[tuple[float, str]] = []

    def add(self, segment: content_pb2.ContentSegment) -> None:
        self._words += [(word.end_s, word.text) for word in segment.words]

    def until(self, heard_s: float) -> str:
        return " ".join(text for end_s, text in self._words if end_s <= heard_s)
