"""`empatheia speak`: the voice by itself."""

import asyncio
import wave
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from cli.options import Config, Preset

if TYPE_CHECKING:
    from empatheia.common.v1 import content_pb2, dialogue_pb2, style_pb2

    from runtime.clients.in_process import InProcessTransport
    from runtime.settings import Settings


def speak(
    text: Annotated[str, typer.Argument(help="What to say.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The WAV to write.")],
    emotion: Annotated[
        Optional[str],  # noqa: UP045 - Typer reads it at run time
        typer.Option(help="What the voice shows: neutral, happy, surprised, angry, fear, sad, ..."),
    ] = None,
    answer: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="What the listener feels: the voice meets it as a reply would (sad: comforts)."),
    ] = None,
    intensity: Annotated[float, typer.Option(min=0.01, max=1, help="How strongly `--emotion` shows.")] = 1.0,
    profile: Annotated[
        str, typer.Option(help="Who speaks: AGE-GENDER-TIMBRE, such as young-female-mid or elderly-male-low.")
    ] = "young-female-mid",
    language: Annotated[str, typer.Option(help="en-us or en-gb.")] = "en-us",
    seed: Annotated[int, typer.Option(help="Same seed, same sound.")] = 0,
    plot: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Also draw spectrogram and pitch into this PNG or JPG."),
    ] = None,
    preset: Preset = None,
    config: Config = None,
) -> None:
    """Say a text in one of the voices; needs no running system."""
    from cli.options import settings_of

    who = profile_of(profile)
    _check(emotion, answer, output, plot)
    settings = settings_of(preset, config)
    rate, pcm = asyncio.run(_speak(settings, text, who, emotion, answer, intensity, language, seed))
    part = output.with_name(f".{output.name}.part")
    with wave.open(str(part), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(pcm)
    part.replace(output)
    if plot:
        from benchmarks.voice_plot import draw_one

        draw_one(plot, pcm, rate, f"{emotion or (f'answer to {answer}' if answer else 'neutral')}, {profile}")
    typer.echo(f"{output}  {len(pcm) / 2 / rate:.1f} s, synthetic voice")


def profile_of(name: str) -> "dialogue_pb2.Profile":
    """Reads AGE-GENDER-TIMBRE.

    Raises:
        InvalidInput: A part is unknown.
    """
    from empatheia.common.v1 import dialogue_pb2

    from runtime.errors import InvalidInput
    from services.disentangler.tables import AGES, GENDERS, TIMBRES

    parts = name.rsplit("-", 2)
    if len(parts) != 3 or any(p not in k for p, k in zip(parts, (AGES, GENDERS, TIMBRES), strict=True)):
        known = " - ".join("|".join(kind) for kind in (AGES, GENDERS, TIMBRES))
        raise InvalidInput.of("--profile", f"{name!r} is unknown; write {known}", reason="UNKNOWN_PROFILE")
    return dialogue_pb2.Profile(age=parts[0], gender=parts[1], timbre=parts[2])


def _check(emotion: str | None, answer: str | None, output: Path, plot: Path | None) -> None:
    from runtime.emotions import CLASSES, NEUTRAL
    from runtime.errors import InvalidInput

    if emotion and answer:
        raise InvalidInput.of("--answer", "give either --emotion or --answer", reason="BAD_OPTION")
    for option, value in (("--emotion", emotion), ("--answer", answer)):
        if value and value not in (*CLASSES, NEUTRAL):
            known = ", ".join((*CLASSES, NEUTRAL))
            raise InvalidInput.of(
                option, f"{value!r} is unknown; there are: {known}", reason="UNKNOWN_EMOTION"
            )
    for option, path in (("--output", output), ("--plot", plot)):
        if path and not path.parent.is_dir():
            raise InvalidInput.of(option, f"there is no folder {path.parent}", reason="NO_FOLDER")
    if plot and plot.suffix not in (".png", ".jpg"):
        raise InvalidInput.of("--plot", "must end in .png or .jpg", reason="BAD_OPTION")
    if plot and find_spec("matplotlib") is None:
        raise InvalidInput.of(
            "--plot", "drawing needs matplotlib; install it, or leave the option out", reason="BAD_OPTION"
        )


async def _speak(
    settings: "Settings",
    text: str,
    profile: "dialogue_pb2.Profile",
    emotion: str | None,
    answer: str | None,
    intensity: float,
    language: str,
    seed: int,
) -> tuple[int, bytes]:
    """Plans, styles and speaks a text in this process: sample rate and 16-bit samples."""
    from empatheia.speech.v1 import speech_pb2

    from runtime.clients.in_process import InProcessTransport
    from runtime.clients.transport import CallKey
    from runtime.errors import InvalidInput
    from runtime.rpc import SYNTHESIZE
    from services.disentangler.service import DisentanglerService
    from services.speech.service import SpeechService
    from services.synchronizer.service import SynchronizerService

    transport = InProcessTransport(
        {
            "synchronizer": SynchronizerService(settings),
            "disentangler": DisentanglerService(settings),
            "speech": SpeechService(settings),
        }
    )
    await transport.start()
    try:
        style = await _style(transport, profile, emotion, answer, intensity)

        async def requests() -> AsyncIterator[speech_pb2.SynthesizeRequest]:
            start = speech_pb2.SynthesizeStart(style=style, profile=profile, seed=seed, language=language)
            yield speech_pb2.SynthesizeRequest(start=start)
            async for segment in _planned(transport, text, language):
                yield speech_pb2.SynthesizeRequest(segment=segment)

        pcm, rate = bytearray(), 0
        async for response in transport.stream(SYNTHESIZE, requests(), CallKey("speak", "speak")):
            rate = response.header.sample_rate or rate
            pcm += response.audio.data
        if not any(pcm):
            raise InvalidInput.of("TEXT", "holds nothing that can be read aloud", reason="NOTHING_TO_SAY")
        return rate, bytes(pcm)
    finally:
        await transport.stop()


async def _style(
    transport: "InProcessTransport",
    profile: "dialogue_pb2.Profile",
    emotion: str | None,
    answer: str | None,
    intensity: float,
) -> "style_pb2.Style":
    from empatheia.common.v1 import affect_pb2
    from empatheia.disentangler.v1 import disentangler_pb2

    from runtime.clients.transport import CallKey
    from runtime.emotions import NEUTRAL
    from runtime.rpc import DISENTANGLE

    affect = affect_pb2.Affect(confidence=1.0)
    if answer and answer != NEUTRAL:
        affect.classes.entries.add(label=answer, probability=1.0)
    shown = "" if answer else emotion or NEUTRAL
    request = disentangler_pb2.DisentangleRequest(
        affect=affect, profile=profile, emotion_override=shown, intensity_override=intensity
    )
    return (await transport.unary(DISENTANGLE, request, CallKey("speak", "disentangle"))).style


async def _planned(
    transport: "InProcessTransport", text: str, language: str
) -> AsyncIterator["content_pb2.ContentSegment"]:
    from empatheia.synchronizer.v1 import synchronizer_pb2

    from agents.words import sentences
    from runtime.clients.transport import CallKey
    from runtime.rpc import SYNCHRONIZE

    async def requests() -> AsyncIterator[synchronizer_pb2.SynchronizeRequest]:
        start = synchronizer_pb2.SynchronizeStart(language=language)
        yield synchronizer_pb2.SynchronizeRequest(start=start)
        for index, sentence in enumerate(sentences(text)):
            yield synchronizer_pb2.SynchronizeRequest(
                sentence=synchronizer_pb2.Sentence(index=index, text=sentence)
            )

    async for response in transport.stream(SYNCHRONIZE, requests(), CallKey("speak", "synchronize")):
        yield response.segment
