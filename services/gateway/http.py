"""The HTTP door: the same turns as over gRPC, for browsers and for scripts."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Protocol

from empatheia.avatar.v1 import avatar_pb2
from empatheia.common.v1 import media_pb2
from empatheia.dialogue.v1 import dialogue_pb2
from fastapi import FastAPI, File, Form, Query, Request, UploadFile, WebSocket, WebSocketDisconnect
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse

from agents.safety.assessment import help_for
from runtime.artifacts import ArtifactStore, new_turn_id
from runtime.errors import EmpatheiaError, Internal, unexpected
from runtime.help_lines import countries, country_of
from runtime.hosting.service import Call
from runtime.reply import MEDIA_CHUNKS, event_json, reply_json
from runtime.request import (
    HEAD_BYTES,
    check_country,
    check_text,
    media_header,
    parse_history,
    parse_json,
    too_large,
)
from runtime.safety import DANGERS
from runtime.settings import LimitSettings, Settings
from services.gateway import http_schemas as schemas
from services.gateway.http_problems import BodyLimit, install, problem
from services.gateway.life import Life, life_start

_STATIC = Path(__file__).parent / "static"
_FORM_BYTES = 4 * 1024 * 1024
"""Room for everything in a request that is no recording."""
_PING_S = 15.0
"""Silence after which a comment is sent, so that proxies keep the connection."""
_NO_BUFFER = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

TurnId = Annotated[str, PathParameter(pattern="^[0-9a-f]{32}$", description="As `started` and `reply` say.")]
Kind = Annotated[
    str, Query(pattern=f"^({'|'.join(DANGERS)})$", description=f"The danger: {', '.join(DANGERS)}.")
]


class Dialogue(Protocol):
    """What the door opens to."""

    settings: Settings
    artifacts: ArtifactStore

    def respond(
        self, request: dialogue_pb2.RespondRequest, call: Call
    ) -> AsyncGenerator[dialogue_pb2.RespondResponse]:
        """Answers one turn."""
        ...

    def life(self, start: avatar_pb2.RenderStart) -> Life:
        """The face while nobody answers."""
        ...

    async def list_avatars(
        self, request: dialogue_pb2.ListAvatarsRequest, call: Call
    ) -> dialogue_pb2.ListAvatarsResponse:
        """Lists the avatars."""
        ...

    def ready(self) -> bool:
        """Whether turns can be taken."""
        ...

    def artifact(self, turn_id: str, name: str) -> Path | None:
        """A file of a turn on this machine."""
        ...


def build_app(dialogue: Dialogue) -> FastAPI:
    """Makes the ASGI app."""
    limits = dialogue.settings.limits
    app = FastAPI(
        title="Empatheia",
        version=version("empatheia"),
        description="Answers a person with empathy in text, speech and video, and shows its reasoning.",
        responses=schemas.PROBLEMS,
        docs_url=None,  # FastAPI's own page fetches its code from elsewhere.
        redoc_url=None,
    )
    install(app)
    app.add_middleware(BodyLimit, max_bytes=limits.max_media_bytes + _FORM_BYTES)

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(_STATIC / "index.html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(_STATIC / "docs.html")

    @app.post("/v1/respond", tags=["turns"], summary="Answer one turn", responses=schemas.RESPOND)
    async def respond(
        http: Request,
        text: Annotated[str, Form(description="What the person writes.")] = "",
        history: Annotated[str, Form(description=schemas.HISTORY)] = "[]",
        audio: Annotated[UploadFile | None, File(description="What the person says.")] = None,
        video: Annotated[UploadFile | None, File(description="The person's face, with its sound.")] = None,
        avatar: Annotated[str, Form(description="Who answers; empty is the default.")] = "",
        seed: Annotated[int, Form(description="Same seed, same reply.", ge=-(2**63), lt=2**63)] = 0,
        conversation_id: Annotated[str, Form(description="As `started` of an earlier turn says.")] = "",
        resume: Annotated[str, Form(description="Id of a turn that broke off.")] = "",
        stream_video: Annotated[bool, Form(description=schemas.STREAM_VIDEO)] = False,
        life_began_s: Annotated[float, Form(description=schemas.LIFE_BEGAN, ge=0)] = 0.0,
        country: Annotated[str, Form(description=schemas.COUNTRY)] = "",
    ) -> Response:
        """Takes text, speech and face video, any of them, and answers.

        Sends each step as a server-sent event when it is done: `started`, `perceived`, `step`, `text`,
        `degraded` and so on, at the end `reply` with the whole reply and the addresses of speech and video,
        or `error` with a problem. With `Accept: application/json` it sends the reply alone.
        """
        options = dialogue_pb2.TurnOptions(
            avatar_id=check_text("avatar", avatar, limits),
            seed=seed,
            conversation_id=check_text("conversation_id", conversation_id, limits),
            resume_turn_id=check_text("resume", resume, limits),
            life_began_s=life_began_s,
            country=_country(country, http, dialogue.settings),
        )
        request = dialogue_pb2.RespondRequest(
            text=check_text("text", text, limits),
            history=parse_history("history", parse_json("history", history or "[]"), limits),
            media=await _recordings({"audio": audio, "video": video}, limits),
            options=options,
        )
        root = http.scope.get("root_path", "")
        events = _events(dialogue, request, root, stream_video)
        if _wants_json(http.headers.get("accept", "")):
            async with aclosing(events):
                async for name, data in events:
                    if name == "reply":
                        return JSONResponse(data)
            raise Internal("the turn ended without a reply", reason="NO_REPLY", service="gateway")
        # What is wrong from the start still gets its own status.
        first = await anext(events)
        return StreamingResponse(_sse(first, events), media_type="text/event-stream", headers=_NO_BUFFER)

    @app.websocket("/v1/life")
    async def life(
        socket: WebSocket, avatar: str = "", seed: int = 0, life_s: float = 0.0, before: str = "{}"
    ) -> None:
        """Shows the face while nobody answers; the person's voice, sent meanwhile, is listened to.

        Query: `avatar`, `seed`, `life_s` and `before` (controls of the face as in the event `style`) as in
        the contract of the avatar. The person sends 16-bit samples, one channel, 24 kHz. Back come
        `mime_type` and `life_began_s` as JSON, then fragments of MP4 with times from `life_s`; or a problem.
        """
        await socket.accept()
        with suppress(WebSocketDisconnect):
            try:
                await _live(socket, dialogue.life(life_start(avatar, seed, life_s, before)))
            except (EmpatheiaError, RuntimeError) as error:
                await socket.send_json(problem(unexpected(error, "gateway")))
            await socket.close()

    @app.get("/v1/turns/{turn_id}", tags=["turns"], response_model=schemas.Reply, summary="Read a reply")
    async def turn(http: Request, turn_id: TurnId) -> Response:
        """The reply of a turn that has ended, as `reply.json`."""
        kept = await dialogue.artifacts.read(turn_id, "reply.pb")
        return JSONResponse(_reply(dialogue_pb2.Reply.FromString(kept), http.scope.get("root_path", "")))

    @app.get("/v1/turns/{turn_id}/audio", tags=["turns"], summary="Hear a reply", responses=schemas.WAV)
    async def audio_of(turn_id: TurnId) -> Response:
        """The speech of a reply; ranges are answered."""
        return await _file(dialogue, turn_id, "reply.wav", "audio/wav")

    @app.get("/v1/turns/{turn_id}/video", tags=["turns"], summary="See a reply", responses=schemas.MP4)
    async def video_of(turn_id: TurnId) -> Response:
        """The talking face of a reply with its sound; ranges are answered."""
        return await _file(dialogue, turn_id, "reply.mp4", "video/mp4")

    @app.get("/v1/avatars", tags=["avatars"], response_model=schemas.Avatars, summary="List the avatars")
    async def avatars() -> dict[str, Any]:
        """Who can answer, the default first."""
        call = Call(new_turn_id(), "list_avatars", None)
        found = await dialogue.list_avatars(dialogue_pb2.ListAvatarsRequest(), call)
        return {"avatars": [_avatar(avatar) for avatar in found.avatars]}

    @app.get("/v1/help", tags=["help"], response_model=schemas.Help, summary="Who can help")
    async def help_lines(
        http: Request,
        kind: Kind = "self_harm",
        country: Annotated[str, Query(description=schemas.COUNTRY)] = "",
    ) -> dict[str, Any]:
        """Who can help somebody in danger, and the countries whose numbers are known."""
        file, asked = dialogue.settings.help.file, _country(country, http, dialogue.settings)
        found = help_for(kind, asked, file)
        return {
            "country": asked.upper() if found[0].number else "",
            "help": [line.model_dump() for line in found],
            "countries": [{"code": code, "name": one.name} for code, one in countries(file).items()],
        }

    @app.get("/healthz", tags=["health"], response_model=schemas.Health, summary="Is the process alive?")
    async def healthz() -> dict[str, str]:
        """Always 200 while the process answers."""
        return {"status": "alive"}

    @app.get("/readyz", tags=["health"], response_model=schemas.Health, summary="Can turns be taken?")
    async def readyz() -> JSONResponse:
        """200 when turns can be taken, else 503."""
        ready = dialogue.ready()
        return JSONResponse({"status": "ready" if ready else "starting"}, 200 if ready else 503)

    return app


def _country(given: str, http: Request, settings: Settings) -> str:
    """Where the person is: as they say, else as the operator does, else as their browser lets one guess."""
    header = http.headers.get("accept-language", "")
    known = countries(settings.help.file)
    return check_country("country", given) or settings.help.country or country_of(header, known)


async def _events(
    dialogue: Dialogue, request: dialogue_pb2.RespondRequest, root: str, stream_video: bool
) -> AsyncGenerator[tuple[str, dict[str, Any]]]:
    """Runs a turn; yields each event by name and data; of the media the video alone, if it is wanted."""
    async with aclosing(dialogue.respond(request, Call(new_turn_id(), "respond", None))) as responses:
        async for response in responses:
            name, data = event_json(response.event)
            if name == "reply":
                data = _reply(response.event.reply, root)
            if name == "video" and stream_video:
                chunk = response.event.video
                yield name, {"data": b64encode(chunk.data).decode(), "pts_s": chunk.pts_s}
            elif name not in MEDIA_CHUNKS:
                yield name, data


async def _live(socket: WebSocket, life: Life) -> None:
    """Shows a life until it ends or the viewer leaves, and lets it hear the viewer meanwhile."""

    async def hear() -> None:
        with suppress(WebSocketDisconnect):
            while True:
                life.hear(await socket.receive_bytes())

    hearing = asyncio.create_task(hear())
    try:
        async with aclosing(life.video()) as pieces:
            async for piece in pieces:
                if hearing.done():
                    return
                if piece.HasField("header"):
                    opening = {"mime_type": piece.header.mime_type, "life_began_s": life.began_s}
                    await socket.send_json(opening)
                else:
                    await socket.send_bytes(piece.chunk.data)
    finally:
        hearing.cancel()
        await asyncio.wait({hearing})


async def _sse(
    first: tuple[str, dict[str, Any]], rest: AsyncGenerator[tuple[str, dict[str, Any]]]
) -> AsyncIterator[str]:
    async with aclosing(rest):
        yield _frame(*first)
        pending = asyncio.ensure_future(anext(rest, None))
        try:
            while True:
                done, _ = await asyncio.wait({pending}, timeout=_PING_S)
                if not done:
                    yield ": still at work\n\n"
                    continue
                event = pending.result()
                if event is None:
                    return
                yield _frame(*event)
                pending = asyncio.ensure_future(anext(rest, None))
        except Exception as error:
            yield _frame("error", problem(unexpected(error, "gateway")))
        finally:
            pending.cancel()
            await asyncio.wait({pending})


def _frame(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


async def _recordings(
    uploads: dict[str, UploadFile | None], limits: LimitSettings
) -> list[dialogue_pb2.MediaFile]:
    kinds = {"audio": media_pb2.MEDIA_KIND_AUDIO, "video": media_pb2.MEDIA_KIND_VIDEO}
    # A form sends a file field that was left alone as an empty file without a name.
    given = {name: upload for name, upload in uploads.items() if upload and (upload.filename or upload.size)}
    total = sum(upload.size or 0 for upload in given.values())
    if total > limits.max_media_bytes:
        raise too_large("+".join(given), total, limits)
    files = []
    for name, upload in given.items():
        data = await upload.read()
        header = media_header(name, kinds[name], upload.filename or name, data[:HEAD_BYTES], len(data))
        files.append(dialogue_pb2.MediaFile(header=header, data=data))
    return files


async def _file(dialogue: Dialogue, turn_id: str, name: str, media_type: str) -> Response:
    path = dialogue.artifact(turn_id, name)
    if path is not None:
        return FileResponse(path, media_type=media_type)
    # The store is elsewhere, or there is no such file, which `read` says.
    return Response(await dialogue.artifacts.read(turn_id, name), media_type=media_type)


def _reply(reply: dialogue_pb2.Reply, root: str) -> dict[str, Any]:
    turn = f"{root}/v1/turns/{reply.turn_id}"
    return reply_json(reply, speech_path=f"{turn}/audio", video_path=f"{turn}/video")


def _avatar(avatar: Any) -> dict[str, Any]:
    profile = {name: getattr(avatar.profile, name) for name in ("age", "gender", "timbre")}
    return {
        "id": avatar.id,
        "name": avatar.name,
        "profile": profile,
        "description": avatar.description,
    }


def _wants_json(accept: str) -> bool:
    return "application/json" in accept and "text/event-stream" not in accept
