"""The benchmark of live conversations, on scripted services."""

import wave
from pathlib import Path

import pytest

from benchmarks.converse import measure, recording
from runtime.clients.in_process import InProcessTransport
from runtime.errors import InvalidInput
from runtime.settings import Settings
from services.gateway.service import DialogueService
from tests.fakes import FakeSystem


async def test_both_ways_are_timed_from_the_last_part(settings: Settings, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "said.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(32000))
    system = FakeSystem(settings)
    transport = InProcessTransport({"gateway": DialogueService(settings, system.transport())})
    await transport.start()
    said_wav = {"said.wav": recording(tmp_path / "said.wav", 0.5)}
    result = await measure(transport, said_wav, 1, lambda _: None)
    await transport.stop()
    said = result["said.wav"]
    assert 0.4 < said["length_s"] < 0.6
    assert said["partials"] >= 1
    for way in ("whole", "spoken"):
        assert 0 < said[way]["perceived_ms"]["median"] <= said[way]["first_audio_ms"]["median"]
    assert system.perception.calls["perceive"] == 4


@pytest.mark.parametrize("content", [None, b"hi"], ids=["missing", "no media"])
def test_what_is_no_recording_is_said_in_one_line(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "said.wav"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"said\.wav can't be read"):
        recording(file, 0.5)
