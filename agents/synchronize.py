"""Plans what is said, and when: each sentence of the reply as it is written."""

from collections.abc import AsyncIterator

from empatheia.synchronizer.v1 import synchronizer_pb2

from agents.turn import Turn
from runtime.clients.retry import resuming
from runtime.rpc import SYNCHRONIZE


async def synchronize(turn: Turn) -> int:
    """Turns the sentences into planned segments.

    Returns:
        Number of segments.

    Raises:
        EmpatheiaError: The plan is broken off, or the sentences were.
    """
    segments = turn.streams.segments

    async def requests() -> AsyncIterator[synchronizer_pb2.SynchronizeRequest]:
        done = len(segments.items)
        yield synchronizer_pb2.SynchronizeRequest(start=synchronizer_pb2.SynchronizeStart())
        async for sentence in turn.streams.sentences:
            if sentence.index >= done:
                yield synchronizer_pb2.SynchronizeRequest(sentence=sentence)

    async for response in resuming(turn.transport, SYNCHRONIZE, requests, turn.key("synchronize")):
        segments.put(response)
    await turn.streams.keep(segments, turn.store, turn.turn_id)
    return len(segments.items)
