"""What every step of a running turn has at hand."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from empatheia.dialogue.v1 import dialogue_pb2

from agents.listening import Listening
from agents.streams import TurnStreams
from runtime.artifacts import ArtifactStore
from runtime.clients.transport import CallKey, Transport


@dataclass
class Turn:
    """A turn in progress: how its steps call services, stream to each other and tell the person."""

    turn_id: str
    trace_id: str
    transport: Transport
    store: ArtifactStore
    listener: Callable[[dialogue_pb2.TurnEvent], None]
    """Gets every event of the turn as it happens."""
    help_file: Path | None = None
    """Help lines to name instead of the shipped ones."""
    listening: Listening | None = None
    """What has perceived the person while they spoke, in a live conversation."""
    streams: TurnStreams = field(default_factory=TurnStreams)
    text: str = ""
    """Words of the reply that the person was told so far."""
    started: float = field(default_factory=time.monotonic)
    marks: dict[str, float] = field(default_factory=dict)
    """Milliseconds from the start of the turn to its first audio and first frame."""

    def emit(self, **event: Any) -> None:
        """Tells the person of an event, by its name in `TurnEvent`."""
        self.listener(dialogue_pb2.TurnEvent(**event))

    def mark(self, name: str) -> None:
        """Notes the time since the start of the turn, the first time only."""
        self.marks.setdefault(name, (time.monotonic() - self.started) * 1000)

    def key(self, step: str) -> CallKey:
        """The idempotency key of a step's calls."""
        return CallKey(self.turn_id, step)
