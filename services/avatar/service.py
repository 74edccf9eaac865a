"""The avatar service: checks what comes, lets the backend draw it, streams the video back."""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from functools import partial
from importlib.metadata import version
from typing import ClassVar

import numpy as np
from empatheia.avatar.v1 import avatar_pb2
from empatheia.common.v1 import media_pb2, service_pb2
from numpy.typing import NDArray

from runtime.aio import iterate_in_thread
from runtime.errors import InvalidInput, TooMuch
from runtime.hosting.service import Call, Service
from runtime.registry import pick
from runtime.settings import Settings
from runtime.telemetry.busy import Busy
from runtime.telemetry.schema import Attributes, Spans
from services.avatar.backends import BACKENDS, AvatarBackend, Video, VideoForm, VideoPiece
from services.avatar.validation import check_segment, check_start

MAX_AUDIO_S = 30 * 60.0
"""Longest voice of one video."""

PTS_TOLERANCE_S = 0.005
"""How far the time of a chunk may be from the end of the chunk before."""


class AvatarService(Service):
    """Shows a face that speaks."""

    name: ClassVar[str] = "avatar"

    def __init__(self, settings: Settings) -> None:
        """Picks the backend."""
        super().__init__(settings)
        self._backend: AvatarBackend = pick(BACKENDS, self.own.backend, what="avatar backend")(
            self.own.options
        )

    async def start(self) -> None:
        """Loads the backend, which makes one short video."""
        await asyncio.to_thread(self._backend.load)

    def describe(self) -> service_pb2.ServiceDescription:
        """Says what the service is."""
        least, most = self._backend.sizes
        return service_pb2.ServiceDescription(
            name=self.name,
            version=version("empatheia"),
            model=self._backend.model(),
            capabilities=["streaming", "emotion", "head_motion", "fmp4"],
            limits={
                "max_audio_s": MAX_AUDIO_S,
                "min_size": least,
                "max_size": most,
                "max_fps": 60,
                "min_fps": 5,
            },
            notices=["The videos are synthetic, and their metadata says so."],
        )

    async def list_avatars(
        self, request: avatar_pb2.ListAvatarsRequest, call: Call
    ) -> avatar_pb2.ListAvatarsResponse:
        """Answers `ListAvatars`."""
        return avatar_pb2.ListAvatarsResponse(avatars=self._backend.avatars())

    async def render(
        self, requests: AsyncIterator[avatar_pb2.RenderRequest], call: Call
    ) -> AsyncIterator[avatar_pb2.RenderResponse]:
        """Answers `Render`.

        A request is read only when what came before it has been drawn and sent: a client that does not
        read, or sends faster than is drawn, is held back by the transport.

        Raises:
            InvalidInput: A request is wrong or out of place.
            TooMuch: The voice is longer than `MAX_AUDIO_S`.
            UnknownName: There is no such avatar.
        """
        first = await anext(aiter(requests), None)
        if first is None or first.WhichOneof("part") != "start":
            raise InvalidInput.of("start", "must be the first part of the stream", reason="BAD_STREAM")
        form = check_start(first.start, self._backend)
        model = self._backend.model()
        busy = Busy(Spans.MODEL.format(name="avatar"), {Attributes.MODEL_ID: model.model_id})
        with busy.work():
            video = await asyncio.to_thread(self._backend.open, form)
        try:
            header = media_pb2.MediaHeader(
                kind=media_pb2.MEDIA_KIND_VIDEO,
                mime_type=video.mime_type,
                file_name="reply.mp4",
                sample_rate=form.sample_rate,
                channels=1,
                fps=video.fps,
                width=video.size,
                height=video.size,
                life_s=form.life_s,
            )
            yield avatar_pb2.RenderResponse(header=header, model=model)
            sequence = 0
            async with aclosing(_draw(video, form, requests, busy)) as pieces:
                async for piece in pieces:
                    chunk = media_pb2.MediaChunk(data=piece.data, pts_s=piece.pts_s, sequence=sequence)
                    sequence += 1
                    yield avatar_pb2.RenderResponse(chunk=chunk)
            summary = avatar_pb2.RenderSummary(
                frames=video.frames,
                duration_s=video.frames / video.fps,
                render_ms=video.render_ms,
                encode_ms=video.encode_ms,
            )
            yield avatar_pb2.RenderResponse(summary=summary)
        finally:
            busy.close()
            await asyncio.to_thread(video.close)


async def _draw(
    video: Video, form: VideoForm, requests: AsyncIterator[avatar_pb2.RenderRequest], busy: Busy
) -> AsyncGenerator[VideoPiece]:
    """Feeds the requests to a video and yields what it makes."""
    samples, segments, spoken_s = 0, 0, 0.0
    async for request in requests:
        kind = request.WhichOneof("part")
        if kind == "spoken":
            spoken_s = check_segment(request.spoken, f"spoken[{segments}]", spoken_s)
            segments += 1
            video.follow(request.spoken)
        elif kind in ("audio", "heard"):
            take = video.speak if kind == "audio" else video.listen
            voice = _voice(kind, getattr(request, kind), samples, form.sample_rate)
            samples += voice.size
            with busy.work():
                async with aclosing(iterate_in_thread(partial(take, voice))) as pieces:
                    async for piece in pieces:
                        yield piece
        else:
            what = "a second start" if kind == "start" else "an empty part"
            raise InvalidInput.of(kind or "part", f"{what} is out of place", reason="BAD_STREAM")
    if samples == 0:
        raise InvalidInput.of(
            "audio", "no voice came before the end of the stream; send at least one sample", reason="NO_AUDIO"
        )
    with busy.work():
        async with aclosing(iterate_in_thread(video.finish)) as pieces:
            async for piece in pieces:
                yield piece


def _voice(kind: str, chunk: avatar_pb2.VoiceChunk, before: int, sample_rate: int) -> NDArray[np.int16]:
    """Checks a chunk of a voice and reads its samples."""
    if len(chunk.data) % 2:
        raise InvalidInput.of(
            f"{kind}.data",
            f"{len(chunk.data)} bytes are no whole number of 16-bit samples",
            reason="BAD_AUDIO",
        )
    expected = before / sample_rate
    if not math.isfinite(chunk.pts_s) or abs(chunk.pts_s - expected) > PTS_TOLERANCE_S:
        raise InvalidInput.of(
            f"{kind}.pts_s",
            f"the chunk starts at {chunk.pts_s:.3f} s, but the voice so far ends at {expected:.3f} s; "
            "send the samples in order, without gaps, from 0",
            reason="BAD_TIMES",
        )
    samples = np.frombuffer(chunk.data, "<i2")
    if before + samples.size > MAX_AUDIO_S * sample_rate:
        raise TooMuch(
            f"audio: more than {MAX_AUDIO_S / 60:.0f} minutes of voice; make several videos",
            reason="AUDIO_TOO_LONG",
        )
    return samples
