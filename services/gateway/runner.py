"""Runs the graph of a turn, and turns what its nodes tell into one stream of events."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, suppress
from typing import Any

import aiosqlite
from empatheia.dialogue.v1 import dialogue_pb2
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from opentelemetry.trace import Span
from opentelemetry.util.types import AttributeValue

from agents.listening import Listening
from agents.turn import Turn
from graphs.reply import chain_step
from graphs.state import QueryData, TurnState, update_of
from graphs.turn import build_turn_graph
from runtime.artifacts import ArtifactStore
from runtime.clients.transport import Transport
from runtime.errors import EmpatheiaError, UnknownName
from runtime.settings import Settings
from runtime.telemetry.metrics import record
from runtime.telemetry.schema import Attributes, Metrics
from runtime.telemetry.tracing import annotate, trace_id, within


class TurnRunner:
    """Begins turns, and resumes those that a crash broke off."""

    def __init__(self, settings: Settings, transport: Transport, store: ArtifactStore) -> None:
        """Stores what turns need; `start` opens the checkpoints."""
        self._settings = settings
        self._transport = transport
        self._store = store
        self._stack = AsyncExitStack()
        self._graph: Any = None

    async def start(self) -> None:
        """Opens the checkpoints."""
        path = self._settings.home / "checkpoints.sqlite"
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = await self._stack.enter_async_context(aiosqlite.connect(path))
        checkpointer = AsyncSqliteSaver(connection)
        await checkpointer.setup()
        self._graph = build_turn_graph(checkpointer)

    async def stop(self) -> None:
        """Closes the checkpoints."""
        await self._stack.aclose()

    async def find(self, turn_id: str) -> TurnState:
        """The last checkpoint of a turn.

        Raises:
            UnknownName: No turn of that id was begun here.
        """
        snapshot = await self._graph.aget_state(_config(turn_id))
        if not snapshot.values:
            raise UnknownName(f"no turn {turn_id} is known here", reason="UNKNOWN_TURN")
        state: TurnState = snapshot.values
        return state

    async def run(
        self,
        query: QueryData,
        root: Span,
        *,
        listening: Listening | None = None,
        resumed: TurnState | None = None,
    ) -> AsyncGenerator[dialogue_pb2.TurnEvent]:
        """Runs a turn and yields its events; the last is the reply.

        Closing the generator cancels the turn, down to the models.

        Args:
            query: What came in.
            root: The turn's span.
            listening: What has perceived the person while they spoke, if anything has.
            resumed: The last checkpoint, if the turn is to go on from there.

        Raises:
            EmpatheiaError: The turn failed.
        """
        annotate(root, self._attributes(query))
        events: asyncio.Queue[dialogue_pb2.TurnEvent | None] = asyncio.Queue()
        turn = Turn(
            query.turn_id,
            trace_id(root),
            self._transport,
            self._store,
            events.put_nowait,
            self._settings.help.file,
            listening,
        )
        started = dialogue_pb2.TurnStarted(
            turn_id=turn.turn_id, trace_id=turn.trace_id, conversation_id=query.conversation_id
        )
        turn.emit(started=started)
        if resumed is not None:
            await self._catch_up(turn, resumed)
        first = None if resumed is not None else {"query": query.model_dump(mode="json")}
        with within(root):
            task = asyncio.create_task(self._run_graph(first, turn))
        task.add_done_callback(lambda _: events.put_nowait(None))
        replied = False
        try:
            while (event := await events.get()) is not None:
                self._note(event, root)
                replied = replied or event.HasField("reply")
                yield event
            await task
        finally:
            # After the reply only its checkpoint is left to write.
            if not replied:
                task.cancel()
            with suppress(asyncio.CancelledError, EmpatheiaError):
                await task
        turn.mark("total")
        record(Metrics.TURN, turn.marks["total"], {})

    async def _run_graph(self, state: dict[str, Any] | None, turn: Turn) -> None:
        config = _config(turn.turn_id)
        # Written before the next step begins: a crash then costs at most the step it fell into.
        await self._graph.ainvoke(state, config, context=turn, durability="sync")

    async def _catch_up(self, turn: Turn, state: TurnState) -> None:
        """Tells of the steps that an earlier run did, and takes over its streams."""
        await turn.streams.restore(self._store, turn.turn_id)
        so_far = update_of(state)
        if so_far.assessment and so_far.assessment.danger:
            turn.emit(safety=so_far.assessment.danger.to_proto())
        for result in so_far.chain.values():
            turn.emit(step=chain_step(result))
        if await self._store.exists(turn.turn_id, "reply.pb"):
            done = await self._store.read(turn.turn_id, "reply.pb")
            turn.emit(reply=dialogue_pb2.Reply.FromString(done))

    def _attributes(self, query: QueryData) -> dict[str, AttributeValue]:
        kinds = {1: "speech", 2: "face"}
        modalities = (["text"] if query.text else []) + [kinds[ref.kind] for ref in query.media]
        return {
            Attributes.TURN_ID: query.turn_id,
            Attributes.CONVERSATION_ID: query.conversation_id,
            Attributes.SEED: query.seed,
            Attributes.PRESET: self._settings.preset,
            Attributes.MODALITIES: modalities,
            Attributes.INPUT_TEXT: query.text,
            Attributes.KIND: "AGENT",
        }

    def _note(self, event: dialogue_pb2.TurnEvent, root: Span) -> None:
        """Puts what a person looks for first on the root span."""
        if event.HasField("perceived"):
            annotate(root, {Attributes.INPUT_TEXT: event.perceived.text})
        if not event.HasField("reply"):
            return
        reply = event.reply
        timings = reply.timings_ms
        attributes: dict[str, AttributeValue] = {
            Attributes.OUTPUT_TEXT: reply.text,
            Attributes.EMOTION_LABEL: reply.emotion_label,
            Attributes.EMOTION_CLASS: reply.emotion_class,
        }
        if reply.HasField("safety"):
            attributes[Attributes.SAFETY_KIND] = reply.safety.kind
            attributes[Attributes.SAFETY_STAGE] = reply.safety.stage
        if reply.degraded:
            attributes[Attributes.DEGRADED] = [f"{lost.part}: {lost.reason}" for lost in reply.degraded]
        for mark, attribute, metric in (
            ("first_audio", Attributes.FIRST_AUDIO_MS, Metrics.FIRST_AUDIO),
            ("first_frame", Attributes.FIRST_FRAME_MS, Metrics.FIRST_FRAME),
        ):
            if mark in timings:
                attributes[attribute] = timings[mark]
                record(metric, timings[mark], {})
        annotate(root, attributes)


def _config(turn_id: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": turn_id}}
