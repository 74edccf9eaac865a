"""Shows a face that speaks the reply, and keeps the video."""

import time
from collections.abc import AsyncIterator

from empatheia.avatar.v1 import avatar_pb2
from empatheia.common.v1 import media_pb2
from pydantic import BaseModel, ConfigDict

from agents.step import ModelRef
from agents.turn import Turn
from runtime.clients.retry import resuming
from runtime.errors import Internal
from runtime.rpc import RENDER
from runtime.telemetry.metrics import record
from runtime.telemetry.schema import Attributes, Metrics


class VideoData(BaseModel):
    """The reply's video, as plain data."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    uri: str
    fps: float
    width: int
    height: int
    duration_s: float
    frames: int
    model: ModelRef


_LEAD_S = 0.6
"""How far ahead of the clock a video begins that goes on from a live one: until then that one is seen."""


async def render(turn: Turn, avatar_id: str, seed: int, life_began_s: float = 0.0) -> VideoData:
    """Sends speech to the avatar service as it comes and passes its video on.

    When the service dies, the video starts again from its first picture: a second `video_header` says so.

    Args:
        turn: The turn.
        avatar_id: Who speaks.
        seed: Of the avatar's life.
        life_began_s: When that life began, if the person already sees it; else 0.

    Raises:
        EmpatheiaError: The video is broken off, or what it needs was.
    """
    style = await turn.streams.style.first()

    async def requests() -> AsyncIterator[avatar_pb2.RenderRequest]:
        async for response in turn.streams.speech:
            kind = response.WhichOneof("part")
            if kind == "header":
                start = avatar_pb2.RenderStart(
                    avatar_id=avatar_id, style=style, seed=seed, sample_rate=response.header.sample_rate
                )
                if life_began_s:
                    start.life_s = max(0.0, time.time() - life_began_s) + _LEAD_S
                    start.before.SetInParent()
                yield avatar_pb2.RenderRequest(start=start)
            elif kind == "audio":
                voice = avatar_pb2.VoiceChunk(data=response.audio.data, pts_s=response.audio.pts_s)
                yield avatar_pb2.RenderRequest(audio=voice)
            elif kind == "spoken":
                yield avatar_pb2.RenderRequest(spoken=response.spoken)

    header: media_pb2.MediaHeader | None = None
    summary: avatar_pb2.RenderSummary | None = None
    model = ModelRef(backend="", model_id="", weight_hash="")
    video = bytearray()
    async for response in resuming(turn.transport, RENDER, requests, turn.key("render")):
        kind = response.WhichOneof("part")
        if kind == "header":
            header, model = response.header, ModelRef.from_proto(response.model)
            video.clear()
            turn.emit(video_header=header)
        elif kind == "chunk":
            if video and response.chunk.sequence > 0:
                turn.mark("first_frame")
            video += response.chunk.data
            turn.emit(video=response.chunk)
        else:
            summary = response.summary
    if header is None or summary is None:
        raise Internal("the avatar ended without a video", reason="NO_RESULT", service="avatar")
    if summary.duration_s:
        worked_s = (summary.render_ms + summary.encode_ms) / 1000
        record(Metrics.REAL_TIME_FACTOR, worked_s / summary.duration_s, {Attributes.SERVICE: "avatar"})
    uri = await turn.store.write(turn.turn_id, "reply.mp4", bytes(video))
    return VideoData(
        uri=uri,
        fps=header.fps,
        width=header.width,
        height=header.height,
        duration_s=summary.duration_s,
        frames=summary.frames,
        model=model,
    )
