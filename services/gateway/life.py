"""The face while nobody answers: it lives, listens to whoever speaks, and is drawn as time passes."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from empatheia.avatar.v1 import avatar_pb2
from empatheia.common.v1 import style_pb2
from google.protobuf.json_format import Parse, ParseError

from runtime.artifacts import new_turn_id
from runtime.clients.transport import CallKey, Transport
from runtime.errors import InvalidInput
from runtime.rpc import RENDER

RATE = 24000
"""Samples a second of the voice that is listened to."""

_TICK_S = 0.2
_AHEAD_S = 0.5
"""How far ahead of its time the face is drawn, so that a player can start at once."""

_LONGEST_S = 45.0
"""Then the viewer asks for the next part; a call may not last for ever."""

_HEARD_BYTES = 2 * RATE
"""What is kept of a voice that comes faster than it is spoken."""


def life_start(avatar: str, seed: int, life_s: float, before: str) -> avatar_pb2.RenderStart:
    """Reads what opens a life.

    Args:
        avatar: Key; empty is the default.
        seed: As of the replies that it leads to.
        life_s: Where its clock stands.
        before: Controls of the face as it looked so far, as JSON.

    Raises:
        InvalidInput: `before` is none.
    """
    try:
        face = Parse(before, style_pb2.FaceControls())
    except ParseError as error:
        raise InvalidInput.of("before", f"are no controls of a face: {error}", reason="BAD_STYLE") from error
    return avatar_pb2.RenderStart(
        avatar_id=avatar, seed=seed, life_s=life_s, before=style_pb2.Style(face=face), sample_rate=RATE
    )


class Life:
    """One stretch of a face's life."""

    def __init__(self, transport: Transport, start: avatar_pb2.RenderStart) -> None:
        """Draws nothing yet."""
        self._transport = transport
        self._start = start
        self._heard = bytearray()
        self.began_s = 0.0
        """When its clock stood at 0, as Unix time in seconds; known once it is drawn."""

    def hear(self, samples: bytes) -> None:
        """Takes what the person says next: 16-bit samples at `RATE`."""
        self._heard += samples[: len(samples) // 2 * 2]
        del self._heard[:-_HEARD_BYTES]

    async def video(self) -> AsyncGenerator[avatar_pb2.RenderResponse]:
        """Header and chunks, as time passes."""
        key = CallKey(new_turn_id(), "life")
        async with aclosing(self._transport.stream(RENDER, self._requests(), key)) as responses:  # type: ignore[type-var]
            async for response in responses:
                if response.WhichOneof("part") != "summary":
                    yield response

    async def _requests(self) -> AsyncIterator[avatar_pb2.RenderRequest]:
        began = time.monotonic() - _AHEAD_S
        self.began_s = time.time() - self._start.life_s
        yield avatar_pb2.RenderRequest(start=self._start)
        sent = 0
        while sent < _LONGEST_S * RATE:
            size = 2 * (round((time.monotonic() - began) * RATE) - sent)
            heard = bytes(self._heard[:size])
            del self._heard[:size]
            chunk = avatar_pb2.VoiceChunk(data=heard.ljust(size, b"\0"), pts_s=sent / RATE)
            yield avatar_pb2.RenderRequest(heard=chunk)
            sent += size // 2
            await asyncio.sleep(_TICK_S)
