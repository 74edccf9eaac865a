"""A gateway that answers from a script: everything a turn may send, without any model."""

import asyncio
import struct
from pathlib import Path

from empatheia.avatar.v1 import avatar_pb2
from empatheia.common.v1 import affect_pb2, content_pb2, media_pb2, service_pb2, style_pb2
from empatheia.common.v1 import dialogue_pb2 as common_pb2
from empatheia.dialogue.v1 import dialogue_pb2 as pb
from empatheia.perception.v1 import perception_pb2
from empatheia.speech.v1 import speech_pb2

from runtime.artifacts import ArtifactStore
from runtime.emotions import LABELS
from runtime.hosting.service import Service
from runtime.settings import load_settings

TURN_ID = "0123456789abcdef0123456789abcdef"
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
RATE = 16000
VIDEO = b"\x00\x00\x00\x18ftypiso5" + bytes(range(256)) * 40
WORDS = ["I am ", "so sorry. ", "He was ", "loved."]
MODEL = service_pb2.ModelInfo(backend="fake", model_id="fake-1", weight_hash="0" * 16)
SAMPLES = struct.pack("<800h", *range(800))


def distribution():
    rest = 0.1 / (len(LABELS) - 1)
    labels = ["sad", *(label for label in LABELS if label != "sad")]
    return affect_pb2.Distribution(
        entries=[
            affect_pb2.LabelProbability(label=x, probability=0.9 if x == "sad" else rest) for x in labels
        ]
    )


def evidence():
    text = affect_pb2.TextSpan(utterance=0, start=3, end=10, text="dog died")
    return [
        affect_pb2.Evidence(text=text, weight=0.8),
        affect_pb2.Evidence(
            audio=affect_pb2.TimeSpan(start_s=1.2, end_s=2.4), note="speaks slowly", weight=0.5
        ),
        affect_pb2.Evidence(
            face=affect_pb2.TimeSpan(start_s=0, end_s=1), note="brows drawn together", weight=0.3
        ),
    ]


def chain():
    conclusions = {
        "event_scenario": "The person's dog has died.",
        "user_emotion": "They feel sad.",
        "emotion_cause": "The dog died.",
        "response_goal": "To comfort.",
        "response": "".join(WORDS),
    }
    return [
        pb.ChainStep(
            name=name,
            text=text,
            evidence=evidence(),
            confidence=0.9 if name == "user_emotion" else 0,
            distribution=distribution() if name == "user_emotion" else None,
            model=MODEL,
            elapsed_ms=12.5,
            attempts=1,
            alternatives=[pb.Alternative(text="To listen.", confidence=0.25)]
            if name == "response_goal"
            else [],
        )
        for name, text in conclusions.items()
    ]


def events(*, lose=(), seed=0, avatar="", video_restarts=False, safety=None):
    """A whole turn; `lose` names the parts that fail on the way, `safety` is a danger that is seen."""
    style = style_pb2.Style(
        voice=style_pb2.VoiceControls(rate=-0.2), face=style_pb2.FaceControls(smile=0.1), emotion="sad"
    )
    yield pb.TurnEvent(started=pb.TurnStarted(turn_id=TURN_ID, trace_id=TRACE_ID, conversation_id="c1"))
    yield pb.TurnEvent(step_started=pb.StepStarted(name="perceive"))
    affect = affect_pb2.Affect(
        classes=affect_pb2.Distribution(entries=[affect_pb2.LabelProbability(label="sad", probability=1)])
    )
    yield pb.TurnEvent(
        perceived=perception_pb2.Perception(
            text="my dog died",
            transcript=perception_pb2.Transcript(text="my dog died", confidence=0.7),
            modalities=[
                perception_pb2.ModalityAffect(modality="speech", present=True, affect=affect),
                perception_pb2.ModalityAffect(modality="face", present=False, reason="no face found"),
            ],
        )
    )
    if safety:
        yield pb.TurnEvent(safety=safety)
    steps = chain()
    for step in steps[:-1]:
        yield pb.TurnEvent(step_started=pb.StepStarted(name=step.name))
        yield pb.TurnEvent(step=step)
    yield pb.TurnEvent(style=style)
    for word in WORDS:
        yield pb.TurnEvent(text=pb.TextDelta(text=word))
    yield pb.TurnEvent(step=steps[-1])
    yield pb.TurnEvent(audio_header=speech_pb2.AudioHeader(sample_rate=RATE, channels=1, synthetic=True))
    for index in range(3):
        chunk = speech_pb2.AudioChunk(data=SAMPLES, pts_s=index * 0.1, segment=0)
        yield pb.TurnEvent(audio=chunk)
        if "speech" in lose:
            break
    yield pb.TurnEvent(spoken=content_pb2.ContentSegment(text="I am so sorry.", duration_s=0.3))
    header = media_pb2.MediaHeader(kind=media_pb2.MEDIA_KIND_VIDEO, mime_type="video/mp4")
    if video_restarts:
        yield pb.TurnEvent(video_header=header)
        yield pb.TurnEvent(video=media_pb2.MediaChunk(data=b"broken off"))
    yield pb.TurnEvent(video_header=header)
    half = len(VIDEO) // 2
    for number, data in enumerate((VIDEO[:half], VIDEO[half:])):
        yield pb.TurnEvent(video=media_pb2.MediaChunk(data=data, sequence=number))
        if "video" in lose:
            break
    lost = [pb.Degradation(part=part, reason="it [died]", service=part) for part in lose]
    for part in lost:
        yield pb.TurnEvent(degraded=part)
    reply = pb.Reply(
        turn_id=TURN_ID,
        trace_id=TRACE_ID,
        text="".join(WORDS),
        emotion_label="sad",
        emotion_class="sad",
        emotion_confidence=0.9,
        emotion_distribution=distribution(),
        chain=steps,
        style=style,
        degraded=lost,
        timings_ms={"first_audio": 900.0, "first_frame": 1100.5, "total": 2000.0, "perceive": 10.0},
        seed=seed,
        avatar_id=avatar,
        notices=["The voice and the face are synthetic."],
    )
    if safety:
        reply.safety.CopyFrom(safety)
    if "speech" not in lose:
        reply.speech.CopyFrom(pb.SpeechFile(uri="file:///x/reply.wav", sample_rate=RATE, duration_s=0.25))
    if "video" not in lose:
        size = {"width": 512, "height": 512}
        reply.video.CopyFrom(pb.VideoFile(uri="file:///x/reply.mp4", fps=25, duration_s=0.25, **size))
    yield pb.TurnEvent(reply=reply)


class FakeDialogue(Service):
    """The gateway, as gRPC hosts and the HTTP door know it."""

    name = "gateway"

    def __init__(self, folder: Path | None = None, **script):
        super().__init__(load_settings("embedded").model_copy(update={"home": folder} if folder else {}))
        self.artifacts = ArtifactStore(self.settings) if folder else None
        self.script = script
        self.requests = []
        self.is_ready = True
        self.fail_before = None
        self.fail_at = {}
        self.hang_at = ""
        self.cancelled = asyncio.Event()

    async def start(self):
        return

    def describe(self):
        return service_pb2.ServiceDescription(name="gateway", version="1", model=MODEL, limits={"turns": 32})

    def ready(self):
        return self.is_ready

    def artifact(self, turn_id, name):
        return self.artifacts.local_path(turn_id, name)

    async def respond(self, request, call):
        self.requests.append(request)
        if self.fail_before:
            raise self.fail_before
        options = request.options
        try:
            for event in events(seed=options.seed, avatar=options.avatar_id, **self.script):
                name = event.WhichOneof("event")
                if name in self.fail_at:
                    raise self.fail_at[name]
                if name == self.hang_at:
                    await asyncio.sleep(60)
                if name == "reply" and self.artifacts:
                    await self.keep(event.reply)
                await asyncio.sleep(0)
                yield pb.RespondResponse(event=event)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def keep(self, reply):
        files = {"reply.pb": reply.SerializeToString()}
        files |= {"reply.wav": b"RIFF" + SAMPLES, "reply.mp4": VIDEO}
        for name, data in files.items():
            await self.artifacts.write(reply.turn_id, name, data)

    def life(self, start):
        raise NotImplementedError

    async def list_avatars(self, request, call):
        profile = common_pb2.Profile(age="young", gender="female", timbre="mid")
        avatar = avatar_pb2.Avatar(id="mira", name="Mira", profile=profile, description="A calm face.")
        return pb.ListAvatarsResponse(avatars=[avatar])
