"""A live conversation: any number of turns on one stream, each of which the person may interrupt."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress

from empatheia.common.v1 import content_pb2
from empatheia.common.v1 import dialogue_pb2 as common_dialogue_pb2
from empatheia.dialogue.v1 import dialogue_pb2

from runtime.errors import InvalidInput
from runtime.media import MediaAssembler
from runtime.settings import LimitSettings

RunTurn = Callable[[dialogue_pb2.RespondRequest], AsyncGenerator[dialogue_pb2.TurnEvent]]


class Conversation:
    """Keeps the history of one stream, and runs its turns one after the other."""

    def __init__(self, run_turn: RunTurn, limits: LimitSettings) -> None:
        """Starts without history."""
        self._run_turn = run_turn
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
            while (turn := await self._next_turn()) is not None:
                async with aclosing(self._answer(turn)) as events:
                    async for event in events:
                        yield event
        finally:
            reader.cancel()
            with suppress(asyncio.CancelledError):
                await reader

    async def _read(self, requests: AsyncIterator[dialogue_pb2.ConverseRequest]) -> None:
        try:
            async for request in requests:
                await self._requests.put(request)
        finally:
            await self._requests.put(None)

    async def _next_turn(self) -> dialogue_pb2.RespondRequest | None:
        """Reads one turn of the person; None when the stream ends."""
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
            elif kind == "end":
                turn.text = request.end.text
                turn.history.extend(self._history)
                for recording in media.finish():
                    turn.media.add(header=recording.header, data=bytes(recording.data))
                return turn
        return None

    async def _answer(self, turn: dialogue_pb2.RespondRequest) -> AsyncGenerator[dialogue_pb2.TurnEvent]:
        said, emotion, reply = turn.text, "", _Heard()
        events = self._run_turn(turn)
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
