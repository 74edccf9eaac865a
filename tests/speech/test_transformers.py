import json
import threading

import numpy as np
import pytest
from empatheia.common.v1 import style_pb2
from empatheia.speech.v1 import speech_pb2

from runtime.errors import InvalidInput, WeightsMissing
from services.speech.backends.transformers_tts import TransformersBackend
from services.speech.checks import checked_manner
from tests.speech.conftest import planned

TEXT = "I am so sorry to hear that."


@pytest.fixture(scope="module", autouse=True)
def offline():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A tiny VITS with random weights."""
    import torch
    from transformers import VitsConfig, VitsModel, VitsTokenizer

    folder = tmp_path_factory.mktemp("vits")
    letters = {c: i for i, c in enumerate("_abcdefghijklmnopqrstuvwxyz '")}
    (folder / "letters.json").write_text(json.dumps(letters))
    VitsTokenizer(
        str(folder / "letters.json"), pad_token="_", unk_token="_", phonemize=False
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = VitsConfig(
        vocab_size=len(letters), hidden_size=16, num_hidden_layers=1, ffn_dim=16, flow_size=16,
        spectrogram_bins=9, prior_encoder_num_flows=1, prior_encoder_num_wavenet_layers=1,
        posterior_encoder_num_wavenet_layers=1, duration_predictor_num_flows=1,
        duration_predictor_filter_channels=16, depth_separable_num_layers=1, upsample_initial_channel=16,
        upsample_rates=[8, 8], upsample_kernel_sizes=[16, 16], resblock_kernel_sizes=[3],
        resblock_dilation_sizes=[[1]], sampling_rate=16000,
    )  # fmt: skip
    VitsModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def backend(saved):
    return TransformersBackend({"model": str(saved)})


def take(backend, text=TEXT, seed=1, **voice):
    start = speech_pb2.SynthesizeStart(
        style=style_pb2.Style(voice=style_pb2.VoiceControls(**voice)), seed=seed
    )
    made = backend.speak(planned(text), checked_manner(start, backend.languages), threading.Event())
    return made.segment, np.concatenate(list(made.blocks))


def test_times_are_those_of_the_samples(backend):
    segment, samples = take(backend)
    assert len(samples) == pytest.approx((segment.duration_s + segment.pause_s) * 24000, abs=1)
    assert segment.phonemes[-1].end_s == pytest.approx(segment.duration_s)
    assert segment.words[-1].end_s <= segment.duration_s
    assert np.abs(samples).max() > 100


def test_same_seed_same_bytes_and_slower_is_longer(backend):
    assert take(backend)[1].tobytes() == take(backend)[1].tobytes()
    assert take(backend)[1].tobytes() != take(backend, seed=2)[1].tobytes()
    assert take(backend, rate=-1)[0].duration_s > 1.5 * take(backend)[0].duration_s


def test_nothing_to_say_is_silence(backend):
    assert not take(backend, "...")[1].any()


def test_a_stopped_call_makes_nothing(backend):
    stopped = threading.Event()
    stopped.set()
    manner = checked_manner(speech_pb2.SynthesizeStart(), backend.languages)
    assert not list(backend.speak(planned(TEXT), manner, stopped).blocks)


def test_a_missing_model_says_what_to_do(tmp_path, saved):
    with pytest.raises(WeightsMissing, match="save the whole model there"):
        TransformersBackend({"model": str(tmp_path / "none")})
    with pytest.raises(WeightsMissing, match="hf download nobody/nothing"):
        TransformersBackend({"model": "nobody/nothing"})
    (tmp_path / "config.json").write_bytes((saved / "config.json").read_bytes())
    with pytest.raises(WeightsMissing) as caught:
        TransformersBackend({"model": str(tmp_path)})
    assert "\n" not in caught.value.message
    assert caught.value.exit_code == 4


def test_a_model_that_does_not_speak_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(InvalidInput, match=r"is a bert, which does not speak.*vits"):
        TransformersBackend({"model": str(tmp_path)})
