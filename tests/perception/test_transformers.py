"""The backend of pretrained models, with tiny random ones that were saved to disk."""

import asyncio
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from empatheia.perception.v1 import perception_pb2

from runtime.errors import InvalidInput, WeightsMissing
from runtime.settings import load_settings
from runtime.tensors import to_array
from services.perception.backends.transformers import TransformersBackend
from services.perception.backends.transformers.projection import Projection
from services.perception.service import PerceptionService
from tests.perception import samples, tiny
from tests.perception.conftest import Perceive
from tests.perception.samples import File


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return tiny.save(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def perceive(models: dict[str, str]):
    settings = load_settings("embedded")
    own = settings.services["perception"].model_copy(update={"backend": "transformers", "options": models})
    service = PerceptionService(
        settings.model_copy(update={"services": {**settings.services, "perception": own}})
    )
    asyncio.run(service.start())
    yield Perceive(service)
    asyncio.run(service.stop())


def film() -> File:
    sound = samples.spoken("one two three four five six")
    return File(samples.video([samples.face()] * int(10 * len(sound) / 22050), sound), "me.mp4")


async def test_all_modalities_go_through_the_pretrained_models(
    perceive: Perceive, models: dict[str, str]
) -> None:
    perception = await perceive("I am so sad", film())
    by_name = {one.modality: one for one in perception.modalities}
    for name, option in (("speech", "speech_emotion"), ("face", "face_emotion")):
        assert by_name[name].present
        assert by_name[name].model.model_id == models[option]
        assert len(by_name[name].model.weight_hash) == 16
        assert by_name[name].affect.evidence
        assert by_name[name].course
        shares = [entry.probability for entry in by_name[name].affect.classes.entries]
        assert sum(shares) == pytest.approx(1)
    assert {f.name: tuple(f.shape) for f in perception.features} == {
        "x_t": (1, 384), "x_s": (1, 16), "x_v": (1, 16),
    }  # fmt: skip
    end = 0.0
    for word in perception.transcript.words:
        assert end - 1e-6 <= word.start_s <= word.end_s <= perception.audio_s + 0.1
        assert 0 <= word.confidence <= 1
        end = word.start_s


async def test_several_persons_go_through_in_batches(
    perceive: Perceive, monkeypatch: pytest.MonkeyPatch
) -> None:
    whisper = perceive.service._backend._whisper
    sizes: list[int] = []
    run = whisper.batcher._run

    def counted(stretches):
        sizes.append(len(stretches))
        return run(stretches)

    monkeypatch.setattr(whisper.batcher, "_run", counted)
    stretches = [
        np.random.default_rng(i).normal(0, 0.1, 8000 + 4000 * i).astype(np.float32) for i in range(6)
    ]
    together = whisper.batcher.all(stretches)
    assert len(sizes) < 6
    alone = [whisper.batcher.all([stretch])[0] for stretch in stretches]
    assert [[w.text for w in words] for words in together] == [[w.text for w in words] for words in alone]


def test_a_vector_does_not_depend_on_who_is_in_the_batch(perceive: Perceive) -> None:
    voice = perceive.service._backend._voice
    short = np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32)
    long = np.random.default_rng(2).normal(0, 0.1, 48000).astype(np.float32)
    alone, with_others = voice._run([short])[0], voice._run([short, long])[0]
    np.testing.assert_allclose(alone.vector, with_others.vector, atol=1e-5)


def test_wavlm_serves_as_well(tmp_path: Path) -> None:
    backend = TransformersBackend(tiny.save(tmp_path, wavlm=True))
    assert "speech_encoder" in backend.info().model_id


async def test_the_projection_leads_into_the_width_of_the_language_model(
    models: dict[str, str], tmp_path: Path
) -> None:
    torch.manual_seed(1)
    projection = Projection(16, 16, 48)
    assert projection.face is projection.speech
    projection.save(tmp_path / "p.safetensors")
    plain, projected = (
        TransformersBackend({**models, **more})
        for more in ({}, {"projection": str(tmp_path / "p.safetensors")})
    )
    sound = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    vectors = []
    for backend in (plain, projected):
        voice = backend.voice()
        voice.begin(0.0)
        voice.feed(sound)
        voice.end(True)
        vectors.append(voice.judgement().feature)
    assert vectors[1].shape == (1, 48)
    expected = projection.speech(torch.from_numpy(vectors[0])).detach().numpy()
    np.testing.assert_allclose(vectors[1], expected, atol=1e-5)
    with pytest.raises(InvalidInput, match="width 16 and 8"):
        Projection.load(tmp_path / "p.safetensors", 16, 8)


def test_two_widths_get_a_layer_each(tmp_path: Path) -> None:
    projection = Projection(16, 8, 24)
    projection.save(tmp_path / "p.safetensors")
    again = Projection.load(tmp_path / "p.safetensors", 16, 8)
    assert torch.equal(again.face.weight, projection.face.weight)
    assert again.speech.weight.shape == (24, 16)


@pytest.mark.parametrize(
    "option", ["asr", "speech_encoder", "speech_emotion", "face_encoder", "face_emotion"]
)
def test_missing_weights_give_one_line_and_exit_code_4(models: dict[str, str], option: str) -> None:
    with pytest.raises(WeightsMissing, match="hf download nobody/nothing") as caught:
        TransformersBackend({**models, option: "nobody/nothing"})
    assert caught.value.exit_code == 4
    assert option in caught.value.message
    assert "\n" not in caught.value.message


def test_missing_projection(models: dict[str, str]) -> None:
    with pytest.raises(WeightsMissing, match="can't be loaded"):
        TransformersBackend({**models, "projection": "/nowhere.safetensors"})


def test_half_a_model_is_refused(models: dict[str, str], tmp_path: Path) -> None:
    shutil.copytree(models["speech_emotion"], tmp_path / "half")
    shutil.copy(Path(models["speech_encoder"]) / "model.safetensors", tmp_path / "half" / "model.safetensors")
    with pytest.raises(WeightsMissing, match="lacks weights"):
        TransformersBackend({**models, "speech_emotion": str(tmp_path / "half")})


def test_a_model_of_something_else_is_refused(models: dict[str, str], tmp_path: Path) -> None:
    shutil.copytree(models["face_emotion"], tmp_path / "cats")
    config = tmp_path / "cats" / "config.json"
    config.write_text(config.read_text().replace('"angry"', '"tabby cat"'))
    with pytest.raises(InvalidInput, match="'tabby cat' is none of the 7 classes"):
        TransformersBackend({**models, "face_emotion": str(tmp_path / "cats")})


@pytest.mark.parametrize(("options", "problem"), [({"nope": 1}, "nope"), ({"device": "abacus"}, "abacus")])
def test_wrong_options(models: dict[str, str], options: dict[str, object], problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        TransformersBackend({**models, **options})


def test_perception_messages_carry_the_vectors(perceive: Perceive) -> None:
    perception = asyncio.run(perceive("hello there", film()))
    (vector,) = [f for f in perception.features if f.name == "x_v"]
    assert to_array(vector).dtype == np.float32
    assert isinstance(perception, perception_pb2.Perception)
