"""The live streams between the steps of one turn.

The first sentence is spoken and shown while the second is still being written: each step appends what it
makes to a journal, and the steps after it read along. A journal is kept in the artifact store once it is
complete, so that a turn that resumes after a crash finds what was already made.
"""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

from empatheia.common.v1 import style_pb2
from empatheia.speech.v1 import speech_pb2
from empatheia.synchronizer.v1 import synchronizer_pb2
from google.protobuf.message import Message
from google.protobuf.proto import parse_length_prefixed, serialize_length_prefixed

from runtime.artifacts import ArtifactStore
from runtime.errors import EmpatheiaError, Internal

Item = TypeVar("Item", bound=Message)


class Journal(Generic[Item]):
    """An append-only stream of messages with one writer and any number of readers, each from the start."""

    def __init__(self, name: str, item_type: type[Item]) -> None:
        """Starts empty."""
        self.name = name
        self.items: list[Item] = []
        self.complete = False
        self._item_type = item_type
        self._error: EmpatheiaError | None = None
        self._changed = asyncio.Event()

    def put(self, item: Item) -> None:
        """Appends an item; a complete journal has it already, from a run of the turn before this one."""
        if self.complete:
            return
        self.items.append(item)
        self._wake()

    def close(self) -> None:
        """Says that nothing more comes."""
        self.complete = True
        self._wake()

    def fail(self, error: EmpatheiaError) -> None:
        """Says that nothing more can come; readers get the error after the last item."""
        self._error = error
        self._wake()

    async def __aiter__(self) -> AsyncIterator[Item]:
        """Reads from the start, waiting for items to come.

        Raises:
            EmpatheiaError: The writer failed.
        """
        position = 0
        while True:
            while position < len(self.items):
                yield self.items[position]
                position += 1
            if self._error is not None:
                raise self._error
            if self.complete:
                return
            await self._changed.wait()

    async def first(self) -> Item:
        """The first item, as soon as it is there.

        Raises:
            EmpatheiaError: The writer failed, or ended without an item.
        """
        async for item in self:
            return item
        raise Internal(f"no {self.name} came", reason="NO_RESULT")

    def dump(self) -> bytes:
        """All items, each behind its length."""
        buffer = io.BytesIO()
        for item in self.items:
            serialize_length_prefixed(item, buffer)
        return buffer.getvalue()

    def restore(self, data: bytes) -> None:
        """Fills the journal with what `dump` made of a complete one."""
        buffer = io.BytesIO(data)
        self.items.clear()
        while (item := parse_length_prefixed(self._item_type, buffer)) is not None:
            self.items.append(item)
        self.close()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class TurnStreams:
    """The journals of one turn."""

    def __init__(self) -> None:
        """Starts with empty journals."""
        self.sentences = Journal("sentences", synchronizer_pb2.Sentence)
        self.style = Journal("style", style_pb2.Style)
        self.segments = Journal("segments", synchronizer_pb2.SynchronizeResponse)
        self.speech = Journal("speech", speech_pb2.SynthesizeResponse)

    async def keep(self, journal: Journal[Item], store: ArtifactStore, turn_id: str) -> None:
        """Closes a journal and stores it."""
        journal.close()
        await store.write(turn_id, f"streams/{journal.name}.pb", journal.dump())

    async def restore(self, store: ArtifactStore, turn_id: str) -> None:
        """Fills the journals that an earlier run of the turn completed."""
        for journal in (self.sentences, self.style, self.segments, self.speech):
            name = f"streams/{journal.name}.pb"
            if await store.exists(turn_id, name):
                journal.restore(await store.read(turn_id, name))
