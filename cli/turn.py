"""Sends one turn to the gateway and passes its events on as they come."""

import uuid
from contextlib import aclosing
from typing import TYPE_CHECKING, Protocol

from empatheia.dialogue.v1 import dialogue_pb2

from runtime.clients.transport import CallKey, Transport
from runtime.errors import Internal
from runtime.rpc import RESPOND
from runtime.settings import Settings

if TYPE_CHECKING:
    from runtime.clients.grpc_transport import GrpcTransport


class EventSink(Protocol):
    """Takes the events of a turn."""

    def add(self, event: dialogue_pb2.TurnEvent) -> None:
        """Takes the next event."""
        ...


def open_transport(settings: Settings) -> "GrpcTransport":
    """Opens the way to the gateway; to be closed by the caller."""
    from runtime.clients.grpc_transport import GrpcTransport

    return GrpcTransport(settings)


async def play(
    transport: Transport, request: dialogue_pb2.RespondRequest, *sinks: EventSink
) -> dialogue_pb2.Reply:
    """Runs a turn to its end.

    Args:
        transport: The way to the gateway.
        request: The turn.
        sinks: Take each event, in order.

    Raises:
        EmpatheiaError: The turn failed.
    """
    key = CallKey(request.options.resume_turn_id or uuid.uuid4().hex, "respond")
    reply: dialogue_pb2.Reply | None = None
    async with aclosing(transport.stream(RESPOND, request, key)) as responses:  # type: ignore[type-var]
        async for response in responses:
            for sink in sinks:
                sink.add(response.event)
            if response.event.HasField("reply"):
                reply = response.event.reply
    if reply is None:
        raise Internal("the gateway ended the turn without a reply", reason="NO_REPLY", service="gateway")
    return reply
