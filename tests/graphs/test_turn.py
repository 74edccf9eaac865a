"""A whole turn on scripted services: order, overlap, failures, resumption."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from empatheia.common.v1 import media_pb2
from empatheia.dialogue.v1 import dialogue_pb2

from runtime.errors import EmpatheiaError, Internal, InvalidInput, ServiceDown, UnknownName
from runtime.settings import Settings
from runtime.telemetry.schema import Metrics
from services.gateway.service import DialogueService
from tests.fakes import RATE, FakeSystem, broken

CHAIN = ["event_scenario", "user_emotion", "emotion_cause", "response_goal", "response"]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.clients.retry._PAUSES_S", (0.0, 0.0, 0.0))


@pytest.fixture
def system(settings: Settings) -> FakeSystem:
    return FakeSystem(settings)


@pytest.fixture
async def gateway(system: FakeSystem) -> AsyncIterator[DialogueService]:
    service = DialogueService(system.settings, system.transport())
    await service.start()
    yield service
    await service.stop()


def request(text: str = "My dog died last night.", **options: object) -> dialogue_pb2.RespondRequest:
    return dialogue_pb2.RespondRequest(
        text=text,
        options=dialogue_pb2.TurnOptions(seed=7, **options),  # type: ignore[arg-type]
    )


async def collect(
    service: DialogueService, asked: dialogue_pb2.RespondRequest
) -> list[dialogue_pb2.TurnEvent]:
    return [event async for event in service.turn(asked)]


def kinds(events: list[dialogue_pb2.TurnEvent]) -> list[str | None]:
    return [event.WhichOneof("event") for event in events]


async def test_a_turn_tells_every_step_and_ends_with_the_reply(
    gateway: DialogueService, system: FakeSystem
) -> None:
    events = await collect(gateway, request())
    assert kinds(events)[0] == "started"
    assert kinds(events)[-1] == "reply"
    assert [event.step.name for event in events if event.HasField("step")] == CHAIN
    reply = events[-1].reply
    assert reply.text == reply.chain[-1].text
    assert reply.emotion_label == "sad"
    assert reply.emotion_class == "sad"
    assert [step.name for step in reply.chain] == CHAIN
    assert all(step.model.model_id for step in reply.chain)
    assert all(step.text for step in reply.chain)
    assert not reply.degraded
    assert reply.avatar_id == "ada"
    assert reply.speech.sample_rate == RATE
    assert reply.speech.duration_s == pytest.approx(0.8)
    assert reply.notices
    for name in ("perceive", "respond", "render", "first_audio", "first_frame", "total"):
        assert reply.timings_ms[name] >= 0
    said = "".join(event.text.text for event in events if event.HasField("text"))
    assert said.split() == reply.text.split()
    assert system.perception.finished == 1


async def test_a_turn_is_measured(gateway: DialogueService, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: dict[str, float] = {}
    for module in ("graphs.nodes", "agents.speak", "agents.render", "services.gateway.runner"):
        monkeypatch.setattr(
            f"{module}.record", lambda metric, value, _: measured.update({metric.name: value})
        )
    await collect(gateway, request())
    wanted = (Metrics.NODE, Metrics.TURN, Metrics.FIRST_AUDIO, Metrics.REAL_TIME_FACTOR, Metrics.TOKENS)
    assert {metric.name for metric in wanted} <= set(measured)
    assert measured[Metrics.TOKENS.name] > 0


async def test_the_files_of_a_turn_are_kept(gateway: DialogueService) -> None:
    events = await collect(gateway, request())
    turn_id = events[-1].reply.turn_id
    wav = await gateway.artifacts.read(turn_id, "reply.wav")
    pcm = b"".join(event.audio.data for event in events if event.HasField("audio"))
    assert wav.endswith(pcm)
    video = await gateway.artifacts.read(turn_id, "reply.mp4")
    assert video == b"".join(event.video.data for event in events if event.HasField("video"))


async def test_the_first_sentence_is_heard_while_the_second_is_planned(
    gateway: DialogueService, system: FakeSystem
) -> None:
    async def wait_for_the_voice() -> None:
        await asyncio.wait_for(system.avatar.heard.wait(), 5)

    system.synchronizer.before_second_sentence = wait_for_the_voice
    events = await collect(gateway, request())
    assert sum(event.HasField("spoken") for event in events) == 2


@pytest.mark.parametrize(
    ("service", "lost"),
    [
        ("avatar", ["video"]),
        ("speech", ["speech", "video"]),
        ("synchronizer", ["speech", "video"]),
        ("disentangler", ["style"]),
    ],
)
async def test_what_fails_takes_only_its_part_away(
    gateway: DialogueService, system: FakeSystem, service: str, lost: list[str]
) -> None:
    error = Internal("out of order", reason="BROKEN", service=service)
    getattr(system, service).begin = _raising(error, but="list_avatars")
    reply = (await collect(gateway, request()))[-1].reply
    assert sorted(part.part for part in reply.degraded) == lost
    assert {part.service for part in reply.degraded} == {service}
    assert reply.text
    assert reply.HasField("speech") == ("speech" not in lost)
    assert reply.HasField("video") == ("video" not in lost)


async def test_without_reasoning_there_is_no_reply(gateway: DialogueService, system: FakeSystem) -> None:
    system.reasoning.begin = _raising(Internal("no model", reason="BROKEN"))  # type: ignore[method-assign]
    with pytest.raises(Internal, match="no model"):
        await collect(gateway, request())


async def test_a_refusal_is_not_retried(gateway: DialogueService, system: FakeSystem) -> None:
    system.perception.failures = [InvalidInput.of("media[0]", "can't be read", reason="BAD_MEDIA")]
    with pytest.raises(InvalidInput, match="can't be read"):
        await collect(gateway, request())
    assert system.perception.calls["perceive"] == 1


async def test_a_service_that_is_down_for_a_moment_is_called_again(
    gateway: DialogueService, system: FakeSystem
) -> None:
    system.perception.failures = [broken("perception")]
    assert (await collect(gateway, request()))[-1].HasField("reply")
    assert system.perception.calls["perceive"] == 2


async def test_speech_that_dies_goes_on_without_a_gap(gateway: DialogueService, system: FakeSystem) -> None:
    whole = await collect(gateway, request())
    system.speech.die_after = 6
    mended = await collect(gateway, request())
    assert system.speech.calls["synthesize"] == 3
    for events in (whole, mended):
        audio = [event.audio for event in events if event.HasField("audio")]
        assert [round(chunk.pts_s, 3) for chunk in audio] == [round(0.1 * i, 3) for i in range(8)]
    pcm = [b"".join(e.audio.data for e in events if e.HasField("audio")) for events in (whole, mended)]
    assert pcm[0] == pcm[1]
    assert not mended[-1].reply.degraded


async def test_video_that_dies_starts_again(gateway: DialogueService, system: FakeSystem) -> None:
    system.avatar.die_after = 3
    events = await collect(gateway, request())
    headers = [i for i, event in enumerate(events) if event.HasField("video_header")]
    assert len(headers) == 2
    second = b"".join(event.video.data for event in events[headers[1] :] if event.HasField("video"))
    assert await gateway.artifacts.read(events[-1].reply.turn_id, "reply.mp4") == second
    assert not events[-1].reply.degraded


async def test_a_turn_goes_on_from_its_checkpoint_after_a_crash(system: FakeSystem) -> None:
    first = DialogueService(system.settings, system.transport())
    await first.start()
    turn_id = ""
    events = first.turn(request())
    async for event in events:
        turn_id = turn_id or event.started.turn_id
        if event.HasField("step") and event.step.name == "user_emotion":
            break
    await events.aclose()
    await first.stop()
    assert system.perception.calls["perceive"] == 1
    asked = system.reasoning.calls["event_scenario"]

    second = DialogueService(system.settings, system.transport())
    await second.start()
    resumed = await collect(second, request("", resume_turn_id=turn_id))
    await second.stop()
    assert system.perception.calls["perceive"] == 1
    assert system.reasoning.calls["event_scenario"] == asked
    assert [event.step.name for event in resumed if event.HasField("step")] == CHAIN
    assert resumed[-1].reply.turn_id == turn_id
    assert resumed[-1].reply.text


async def test_speech_made_before_a_crash_is_not_made_again(system: FakeSystem) -> None:
    system.avatar.hang = True
    first = DialogueService(system.settings, system.transport())
    await first.start()
    turn_id = ""
    events = first.turn(request())
    async for event in events:
        turn_id = turn_id or event.started.turn_id
        if event.HasField("audio") and event.audio.pts_s > 0.65:
            break
    await asyncio.sleep(0.2)
    await events.aclose()
    await first.stop()
    spoken = system.speech.calls["synthesize"]
    assert spoken == 1

    system.avatar.hang = False
    second = DialogueService(system.settings, system.transport())
    await second.start()
    reply = (await collect(second, request("", resume_turn_id=turn_id)))[-1].reply
    await second.stop()
    assert system.speech.calls["synthesize"] == spoken
    assert reply.speech.duration_s == pytest.approx(0.8)
    assert reply.video.duration_s > 0


async def test_hanging_up_reaches_the_model(gateway: DialogueService, system: FakeSystem) -> None:
    system.avatar.hang = True
    events = gateway.turn(request())
    async for event in events:
        if event.HasField("audio"):
            await asyncio.wait_for(system.avatar.heard.wait(), 5)
            break
    await events.aclose()
    assert system.avatar.cancelled == 1


@pytest.mark.parametrize(
    ("bad", "error", "says"),
    [
        (request(""), InvalidInput, "say something"),
        (request("x" * 100_000), EmpatheiaError, "100,000 characters"),
        (request(avatar_id="nobody"), UnknownName, "there are: ada, bea"),
        (request("", resume_turn_id="0" * 32), UnknownName, "no turn"),
        (
            dialogue_pb2.RespondRequest(media=[dialogue_pb2.MediaFile(data=b"")]),
            InvalidInput,
            "empty",
        ),
        (
            dialogue_pb2.RespondRequest(media=[dialogue_pb2.MediaFile(data=b"\x89PNG....")]),
            InvalidInput,
            "PNG picture",
        ),
        (
            dialogue_pb2.RespondRequest(
                media=[
                    dialogue_pb2.MediaFile(
                        header=media_pb2.MediaHeader(kind="MEDIA_KIND_AUDIO"), data=b"fLaC...."
                    )
                ]
                * 2
            ),
            InvalidInput,
            "second recording",
        ),
    ],
)
async def test_bad_input_is_refused_before_any_work(
    gateway: DialogueService,
    system: FakeSystem,
    bad: dialogue_pb2.RespondRequest,
    error: type[EmpatheiaError],
    says: str,
) -> None:
    with pytest.raises(error, match=says):
        await collect(gateway, bad)
    assert not system.perception.calls


async def test_odd_characters_pass_and_control_characters_are_taken_out(gateway: DialogueService) -> None:
    events = await collect(gateway, request("\x00I'm 😢\u200d, \x1b[31mשלום"))
    perceived = next(event.perceived for event in events if event.HasField("perceived"))
    assert perceived.text == "I'm 😢\u200d, [31mשלום"


async def test_an_avatar_service_that_is_down_costs_the_video_only(
    gateway: DialogueService, system: FakeSystem
) -> None:
    system.avatar.begin = _raising(ServiceDown("avatar is down", reason="UNAVAILABLE", service="avatar"))  # type: ignore[method-assign]
    reply = (await collect(gateway, request()))[-1].reply
    assert [part.part for part in reply.degraded] == ["video"]


def _raising(error: EmpatheiaError, but: str = "") -> object:
    def begin(method: str) -> None:
        if method != but:
            raise error

    return begin
