"""Perceives a person while they still speak: a call that is fed with media as it comes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence

from empatheia.common.v1 import media_pb2
from empatheia.perception.v1 import perception_pb2

from agents.step import UtteranceData
from runtime.clients.transport import CallKey, Transport
from runtime.errors import EmpatheiaError, Internal, InvalidInput, TooMuch
from runtime.rpc import PERCEIVE

_LOG = logging.getLogger(__name__)
REFUSALS = (InvalidInput, TooMuch)
"""Errors that sending the recordings again would not mend."""
_MOST_WAITING = 16
"""Parts that may wait for perception; the person's stream is read no further until it has taken one."""


class Listening:
    """One utterance on its way to perception.

    The recordings are kept by whoever feeds this: where the call breaks, they are sent again as a whole.
    """

    def __init__(
        self,
        turn_id: str,
        transport: Transport,
        history: Sequence[UtteranceData],
        heard: Callable[[perception_pb2.Transcript], None],
        refused: Callable[[EmpatheiaError], None],
    ) -> None:
        """Opens the call.

        Args:
            turn_id: Of the turn that will take the result.
            transport: Leads to perception.
            history: What was said before, oldest first.
            heard: Told of the words so far, whenever there are more.
            refused: Told at once if the recording can't be used, whatever is still to come.
        """
        self.turn_id = turn_id
        self.heard = heard
        self._refused = refused
        self._parts: asyncio.Queue[perception_pb2.PerceiveRequest | None] = asyncio.Queue(_MOST_WAITING)
        self._call = asyncio.create_task(self._perceive(transport, history))

    async def add(self, part: media_pb2.MediaPart) -> None:
        """Hands on the next part of a recording; waits while perception is behind."""
        await self._put(perception_pb2.PerceiveRequest(media=part))

    async def end(self, text: str) -> None:
        """Says that the person has ended, and what they typed."""
        if text:
            await self._put(perception_pb2.PerceiveRequest(end=perception_pb2.PerceiveEnd(text=text)))
        await self._put(None)

    async def result(self) -> perception_pb2.Perception:
        """All that was perceived, once the person has ended.

        Raises:
            EmpatheiaError: The call failed.
        """
        return await asyncio.shield(self._call)

    async def close(self) -> None:
        """Ends the call; may be called twice."""
        self._call.cancel()
        await asyncio.gather(self._call, return_exceptions=True)

    async def _put(self, request: perception_pb2.PerceiveRequest | None) -> None:
        """Waits for room, unless the call is over, so that nothing would ever make some."""
        room = asyncio.ensure_future(self._parts.put(request))
        await asyncio.wait({room, self._call}, return_when=asyncio.FIRST_COMPLETED)
        room.cancel()

    async def _perceive(
        self, transport: Transport, history: Sequence[UtteranceData]
    ) -> perception_pb2.Perception:
        key = CallKey(self.turn_id, "perceive")
        perception: perception_pb2.Perception | None = None
        try:
            async for response in transport.stream(PERCEIVE, self._requests(history), key):
                if response.HasField("partial"):
                    self.heard(response.partial)
                else:
                    perception = response.perception
        except EmpatheiaError as error:
            if isinstance(error, REFUSALS):
                self._refused(error)
            else:
                _LOG.warning("perception broke off while the person spoke: %s", error.message)
            raise
        if perception is None:
            raise Internal("perception ended without a result", reason="NO_RESULT", service="perception")
        return perception

    async def _requests(
        self, history: Sequence[UtteranceData]
    ) -> AsyncIterator[perception_pb2.PerceiveRequest]:
        start = perception_pb2.PerceiveStart(history=[said.to_proto() for said in history])
        yield perception_pb2.PerceiveRequest(start=start)
        while (request := await self._parts.get()) is not None:
            yield request
