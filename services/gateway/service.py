"""The servicer of the gateway: admits a turn, runs it, tells each step as it happens."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from empatheia.avatar.v1 import avatar_pb2
from empatheia.common.v1 import dialogue_pb2 as common_dialogue_pb2
from empatheia.common.v1 import service_pb2
from empatheia.dialogue.v1 import dialogue_pb2
from empatheia.perception.v1 import perception_pb2

from agents.listening import Listening
from agents.perceive import MediaRef
from agents.safety import care
from graphs.state import ProfileData, QueryData, query_of, update_of
from runtime.artifacts import ArtifactStore, new_turn_id
from runtime.clients.grpc_transport import GrpcTransport
from runtime.clients.transport import CallKey, Transport
from runtime.errors import EmpatheiaError, InvalidInput, UnknownName, is_retryable
from runtime.help_lines import countries
from runtime.hosting.service import Call, Service
from runtime.request import check_country
from runtime.rpc import LIST_AVATARS
from runtime.settings import Settings
from runtime.telemetry.tracing import within
from services.gateway.conversation import Conversation
from services.gateway.door import admit_history, admit_media, admit_text
from services.gateway.http import build_app
from services.gateway.life import Life
from services.gateway.live import LiveTurn, begun
from services.gateway.runner import TurnRunner
from services.gateway.webhook import Webhook

if TYPE_CHECKING:
    from fastapi import FastAPI


class DialogueService(Service):
    """Answers people."""

    name: ClassVar[str] = "gateway"
    traced: ClassVar[bool] = False

    def __init__(self, settings: Settings, transport: Transport | None = None) -> None:
        """Stores what it needs.

        Args:
            settings: Settings of the system.
            transport: How it reaches the other services; gRPC if not given.
        """
        super().__init__(settings)
        self._own_transport = None if transport else GrpcTransport(settings)
        self._transport: Transport = transport or self._own_transport  # type: ignore[assignment]
        self.artifacts = ArtifactStore(settings)
        self._webhook = Webhook(settings.webhook)
        self._runner = TurnRunner(settings, self._transport, self.artifacts)
        self._ready = False

    async def start(self) -> None:
        """Opens checkpoints, and reads what is said to a person in danger; there are no weights to load.

        Raises:
            InvalidInput: The operator's own help lines can't be read.
        """
        await asyncio.to_thread(countries, self.settings.help.file)
        await asyncio.to_thread(care.warm_up)
        await self._runner.start()
        self._ready = True

    async def stop(self) -> None:
        """Closes checkpoints and channels."""
        self._ready = False
        await self._runner.stop()
        await self._webhook.close()
        if self._own_transport is not None:
            await self._own_transport.close()

    def describe(self) -> service_pb2.ServiceDescription:
        """See `Service.describe`."""
        limits = self.settings.limits
        return service_pb2.ServiceDescription(
            name=self.name,
            version=version("empatheia"),
            model=service_pb2.ModelInfo(backend=self.own.backend, model_id="graphs.turn"),
            capabilities=["streaming", "resume", "interrupt", "http"],
            limits={name: float(value) for name, value in limits.model_dump().items()},
            languages=["en"],
        )

    def asgi_app(self) -> "FastAPI":
        """The HTTP door."""
        return build_app(self)

    def ready(self) -> bool:
        """Whether turns can be taken."""
        return self._ready

    def artifact(self, turn_id: str, name: str) -> Path | None:
        """A file of a turn on this machine; None if there is none."""
        return self.artifacts.local_path(turn_id, name)

    async def respond(
        self, request: dialogue_pb2.RespondRequest, call: Call
    ) -> AsyncGenerator[dialogue_pb2.RespondResponse]:
        """Answers one turn."""
        async with aclosing(self.turn(request)) as events:
            async for event in events:
                yield dialogue_pb2.RespondResponse(event=event)

    async def converse(
        self, requests: AsyncIterator[dialogue_pb2.ConverseRequest], call: Call
    ) -> AsyncGenerator[dialogue_pb2.ConverseResponse]:
        """Holds a live conversation."""
        conversation = Conversation(self.turn, self.listen, self.settings.limits)
        async with aclosing(conversation.run(requests)) as events:
            async for event in events:
                yield dialogue_pb2.ConverseResponse(event=event)

    async def list_avatars(
        self, request: dialogue_pb2.ListAvatarsRequest, call: Call
    ) -> dialogue_pb2.ListAvatarsResponse:
        """Lists the avatars of the avatar service."""
        return dialogue_pb2.ListAvatarsResponse(avatars=await self._avatars(call.turn_id))

    def life(self, start: avatar_pb2.RenderStart) -> Life:
        """The face while nobody answers; see `Life`."""
        return Life(self._transport, start)

    def listen(
        self,
        history: Sequence[common_dialogue_pb2.Utterance],
        heard: Callable[[perception_pb2.Transcript], None],
        refused: Callable[[EmpatheiaError], None],
    ) -> LiveTurn:
        """Begins a turn whose person still speaks: perception listens from now on.

        Args:
            history: What was said before.
            heard: See `Listening`.
            refused: See `Listening`.

        Raises:
            EmpatheiaError: The history can't be used.
        """
        said = admit_history(history, self.settings.limits)
        return LiveTurn.begin(lambda: Listening(new_turn_id(), self._transport, said, heard, refused))

    async def turn(
        self, request: dialogue_pb2.RespondRequest, live: LiveTurn | None = None
    ) -> AsyncGenerator[dialogue_pb2.TurnEvent]:
        """Admits a turn and runs it.

        Args:
            request: What the person said.
            live: What has listened to them while they said it, if anything has.

        Raises:
            EmpatheiaError: It was refused, or it failed.
        """
        async with begun(live) as root:
            perceived = None
            if request.options.resume_turn_id:
                state = await self._runner.find(request.options.resume_turn_id)
                query, perceived = query_of(state), update_of(state).perception
                events = self._runner.run(query, root, resumed=state)
            else:
                listening = live.listening if live else None
                with within(root):
                    query = await self._admit(request, listening.turn_id if listening else new_turn_id())
                events = self._runner.run(query, root, listening=listening)
            words = _words(perceived.text, perceived.transcript) if perceived else query.text
            async with aclosing(events):
                async for event in events:
                    if event.HasField("perceived"):
                        words = _words(event.perceived.text, event.perceived.transcript.text)
                    elif event.HasField("safety"):
                        # Also of a turn that goes on after a break: nobody may have been told before it.
                        self._webhook.tell(query.turn_id, query.conversation_id, event.safety, words)
                    yield event

    async def _admit(self, request: dialogue_pb2.RespondRequest, turn_id: str) -> QueryData:
        limits, options = self.settings.limits, request.options
        text = admit_text(request.text, limits)
        check_country("options.country", options.country)
        history = admit_history(request.history, limits)
        media = admit_media(request.media, limits)
        if not text and not media:
            raise InvalidInput.of(
                "text", "is empty, and no recording was sent: say something", reason="NOTHING_SAID"
            )
        avatar = await self._choose_avatar(options.avatar_id, turn_id)
        profile = ProfileData(
            age=options.profile.age or avatar.profile.age,
            gender=options.profile.gender or avatar.profile.gender,
            timbre=options.profile.timbre or avatar.profile.timbre,
        )
        refs = []
        for index, file in enumerate(media):
            name = f"query-{index}"
            await self.artifacts.write(turn_id, name, file.data)
            header = file.header
            refs.append(
                MediaRef(name=name, kind=header.kind, mime_type=header.mime_type, file_name=header.file_name)
            )
        return QueryData(
            turn_id=turn_id,
            conversation_id=options.conversation_id or turn_id,
            seed=options.seed,
            history=history,
            text=text,
            media=refs,
            avatar_id=avatar.id,
            profile=profile,
            life_began_s=options.life_began_s,
            country=options.country or self.settings.help.country,
        )

    async def _choose_avatar(self, avatar_id: str, turn_id: str) -> avatar_pb2.Avatar:
        try:
            avatars = await self._avatars(turn_id)
        except EmpatheiaError as error:
            if not is_retryable(error):
                raise
            # The turn goes on without a face; the node that renders says so.
            return avatar_pb2.Avatar(id=avatar_id)
        if not avatar_id:
            return avatars[0]
        chosen = next((avatar for avatar in avatars if avatar.id == avatar_id), None)
        if chosen is None:
            known = ", ".join(avatar.id for avatar in avatars)
            raise UnknownName(
                f"there is no avatar {avatar_id!r}; there are: {known}", reason="UNKNOWN_AVATAR"
            )
        return chosen

    async def _avatars(self, turn_id: str) -> list[avatar_pb2.Avatar]:
        key = CallKey(turn_id, "list_avatars")
        response = await self._transport.unary(LIST_AVATARS, avatar_pb2.ListAvatarsRequest(), key)
        return list(response.avatars)


def _words(typed: str, heard: str) -> str:
    """What a person said, by whatever way; of a turn with a voice alone, both are the same."""
    return " ".join(dict.fromkeys(filter(None, (typed, heard))))
