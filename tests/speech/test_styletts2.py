"""StyleTTS2 with random weights of tiny widths: times, styles and pitfalls; what it says is noise."""

import json
import math
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from empatheia.common.v1 import dialogue_pb2, style_pb2
from scipy.io import wavfile

from runtime.clients.in_process import InProcessTransport
from runtime.errors import InvalidInput, WeightsMissing
from runtime.rpc import SYNTHESIZE
from runtime.settings import load_settings
from runtime.tensors import to_proto
from services.speech.backends import Manner
from services.speech.backends.styletts2.backend import StyleTTS2Backend
from services.speech.backends.styletts2.batching import Together
from services.speech.backends.styletts2.checkpoint import import_checkpoint, load
from services.speech.backends.styletts2.config import (
    BertConfig,
    Config,
    DecoderConfig,
    DiffusionConfig,
    parse,
    read_public,
)
from services.speech.backends.styletts2.diffusion import karras
from services.speech.backends.styletts2.model import StyleTTS2
from services.speech.backends.styletts2.planning import Planner, Question
from services.speech.backends.styletts2.text import ids, parts, phrased, symbols
from services.speech.backends.styletts2.voices import embed, shelve
from services.speech.phrases import phrases
from services.speech.service import SpeechService
from tests.speech.conftest import KEY, LONG, Spoken, planned, requests

ROOT = Path(__file__).parents[2]
ENV = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "protos" / "gen")))}
RATE = 24000
TEXT = "Well, I am so sorry to hear that you lost your dog."
TINY = Config(
    DiffusionConfig(0.2, layers=1, heads=2, head_features=4),
    hidden=16,
    style=8,
    text_layers=1,
    max_duration=8,
    encoder_base=4,
    encoder_max=8,
    bert=BertConfig(hidden=16, embedding=8, heads=2, intermediate=16, layers=1, positions=96),
    decoder=DecoderConfig(trunk=16, residual=4, initial=16, kernels=(3,), dilations=((1, 3),)),
)


def checkpoint(folder, **changes):
    """A file in the public layout, with its configuration beside it."""
    torch.manual_seed(1)
    model = StyleTTS2(TINY)
    nets = {
        name: {f"module.{key}": value for key, value in part.state_dict().items()}
        for name, part in model.named_children()
    }
    nets["text_aligner"] = {"module.weight": torch.zeros(3)}
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"net": nets, "epoch": 20} | changes, folder / "epochs.pth")
    (folder / "shape.json").write_text(json.dumps({"config": asdict(TINY)}))
    return folder / "epochs.pth", folder / "shape.json"


def clip(path, seconds, rate=RATE):
    times = np.arange(round(seconds * rate)) / rate
    tone = sum(np.sin(2 * np.pi * 140 * k * times) / k for k in range(1, 12))
    wavfile.write(path, rate, (3000 * tone * (1 + np.sin(9 * times))).astype(np.int16))
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("styletts2")
    import_checkpoint(*checkpoint(folder), folder / "model")
    clip(folder / "voice.wav", 2.0)
    return folder


def backend(home, **options):
    return StyleTTS2Backend({"model": home / "model", "reference": home / "voice.wav"} | options)


@pytest.fixture(scope="module")
def voice(home):
    return backend(home, style="S_s")


def said(speaker, text=TEXT, seed=1, profile=None, **style):
    manner = Manner(style_pb2.Style(**style), profile or dialogue_pb2.Profile(), seed, "en-us")
    take = speaker.speak(planned(text), manner, threading.Event())
    return take.segment, np.concatenate(list(take.blocks))


def style_of(values):
    return [to_proto("S_s", np.full(2 * TINY.style, values, np.float32))]


async def test_the_service_speaks_with_it(home):
    settings = load_settings()
    options = {"model": str(home / "model"), "reference": str(home / "voice.wav")}
    own = settings.service("speech").model_copy(update={"backend": "styletts2", "options": options})
    service = SpeechService(settings.model_copy(update={"services": {**settings.services, "speech": own}}))
    await service.start()
    stream = InProcessTransport({"speech": service}).stream(
        SYNTHESIZE, requests(planned(TEXT), planned("Tell me.", 1), planned("...", 2), seed=3), KEY
    )
    spoken = Spoken([response async for response in stream])
    assert spoken.header.synthetic
    assert spoken.header.model.backend == "styletts2"
    assert any("synthetic" in notice for notice in service.describe().notices)
    total = sum(s.duration_s + s.pause_s for s in spoken.segments)
    assert len(spoken.samples) == pytest.approx(total * RATE, abs=3)
    assert np.abs(spoken.samples).max() > 0.01
    assert [s.index for s in spoken.segments] == [0, 1, 2]


def test_times_are_those_of_the_durations(voice):
    spoken, samples = said(voice)
    assert [p.ipa for p in spoken.phonemes if p.ipa] == [p.ipa for p in planned(TEXT).phonemes if p.ipa]
    for row in (spoken.phonemes, spoken.visemes):
        assert row[0].start_s == 0
        assert row[-1].end_s == pytest.approx(spoken.duration_s)
        assert all(a.end_s == pytest.approx(b.start_s) for a, b in pairwise(row))
    for phoneme in spoken.phonemes:
        frames = (phoneme.end_s - phoneme.start_s) * RATE / TINY.frame
        assert frames == pytest.approx(round(frames), abs=1e-6)
        assert frames > 0.5
    for i, word in enumerate(spoken.words):
        own = [p for p in spoken.phonemes if p.ipa and p.word == i]
        if not own:
            continue  # espeak-ng reads "I am" and its like as one word
        assert (word.start_s, word.end_s) == pytest.approx((own[0].start_s, own[-1].end_s))
    assert len(samples) == round((spoken.duration_s + spoken.pause_s) * RATE)


def test_same_seed_same_bytes_other_seed_other_sound(voice):
    (_, first), (_, second), (_, other) = (said(voice, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_every_source_of_a_style_is_heard(home, tmp_path):
    model, _ = load(home / "model")
    shelf = tmp_path / "styles.safetensors"
    for i, (emotion, gender) in enumerate((("neutral", ""), ("sad", ""), ("sad", "female"))):
        shelve(shelf, model, clip(tmp_path / "one.wav", 1.5 + i), emotion, gender=gender)
    voice = backend(home, styles=shelf, alpha=0, beta=0, style="S_s")
    woman = dialogue_pb2.Profile(age="young", gender="female")

    def chosen(style, profile):
        return voice._voices.choose(style, profile)

    nobody = dialogue_pb2.Profile()
    neutral, sad, hers, own, missing = (
        chosen(style_pb2.Style(), nobody),
        chosen(style_pb2.Style(emotion="sad"), nobody),
        chosen(style_pb2.Style(emotion="sad"), woman),
        chosen(style_pb2.Style(emotion="sad", tensors=style_of(0.3)), woman),
        chosen(style_pb2.Style(emotion="angry"), nobody),
    )
    assert not torch.equal(neutral.style, sad.style)
    assert not torch.equal(sad.style, hers.style)
    assert own.style.unique().tolist() == pytest.approx([0.3])
    torch.testing.assert_close(missing.style, neutral.style)
    assert (sad.expressive, own.expressive, missing.expressive) == (True, True, False)
    sounds = [said(voice, tensors=style_of(v))[1].tobytes() for v in (0.0, 0.5)]
    assert sounds[0] != sounds[1]


def test_a_style_of_another_width_is_passed_over_and_a_broken_one_refused(voice):
    other = [to_proto("S_s", np.zeros(3, np.float32))]
    np.testing.assert_array_equal(said(voice, tensors=other)[1], said(voice)[1])
    with pytest.raises(InvalidInput, match="S_s"):
        said(voice, tensors=style_of(math.nan))


def test_readable_controls_spread_over_numbers_are_not_taken_for_a_style(home, voice):
    plain = backend(home)
    np.testing.assert_array_equal(said(plain, tensors=style_of(0.3))[1], said(voice)[1])


def test_a_style_tensor_whose_shape_does_not_fit_its_bytes_is_refused(voice):
    broken = style_of(0.1)
    broken[0].shape[0] += 1
    with pytest.raises(InvalidInput, match=r"S_s|shape|bytes"):
        said(voice, tensors=broken)


def test_controls_move_a_voice_that_does_not_say_the_feeling_itself(voice):
    plain, slow = said(voice)[0], said(voice, voice={"rate": -0.8})[0]
    assert slow.duration_s > 1.2 * plain.duration_s
    style = style_of(0.1)
    assert said(voice, tensors=style, voice={"rate": -0.8})[0].duration_s == pytest.approx(
        said(voice, tensors=style)[0].duration_s
    )


def test_one_diffusion_step_is_refused(home):
    with pytest.raises(ValueError, match="diffusion_steps"):
        backend(home, diffusion_steps=1)
    with pytest.raises(ValueError, match="at least 2"):
        karras(1)
    assert torch.isfinite(karras(2)).all()


@pytest.mark.parametrize("text", ["No.", "Oh, I see."])
def test_short_texts_keep_the_reference_style_whatever_the_scale(home, voice, text):
    """Guidance makes noise of them in the public weights."""
    guided = backend(home, embedding_scale=3.0)
    np.testing.assert_array_equal(said(guided, text)[1], said(voice, text)[1])
    assert not np.array_equal(said(guided)[1], said(voice)[1])


@pytest.mark.parametrize(("seconds", "rate"), [(0.3, 24000), (0.6, 16000), (1.01, 44100), (3.0, 8000)])
def test_references_of_any_length_and_rate_give_a_style(home, tmp_path, seconds, rate):
    style = embed(load(home / "model")[0], clip(tmp_path / "short.wav", seconds, rate))
    assert style.shape == (1, 2 * TINY.style)
    assert torch.isfinite(style).all()


def test_a_reference_without_a_voice_is_refused(home, tmp_path):
    model, _ = load(home / "model")
    wavfile.write(tmp_path / "silent.wav", RATE, np.zeros(RATE, np.int16))
    (tmp_path / "text.wav").write_text("hello")
    for name, says in (("silent", "0.00 s of sound"), ("text", "not a WAV"), ("none", "not a WAV")):
        with pytest.raises(InvalidInput, match=says):
            embed(model, tmp_path / f"{name}.wav")
    with pytest.raises(InvalidInput, match=r"0\.\d\d s of sound"):
        embed(model, clip(tmp_path / "blip.wav", 0.05))


def test_no_voice_at_all_is_refused(home):
    with pytest.raises(ValueError, match="reference"):
        StyleTTS2Backend({"model": home / "model"})


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_sentences_planned_together_are_planned_as_if_alone(home, scale):
    model, _ = load(home / "model")
    planner = Planner(model, "cpu", 0.3, 0.7, scale)
    rng = np.random.default_rng(0)

    def question(*texts, drawn=True):
        style = torch.from_numpy(rng.standard_normal((1, 2 * TINY.style), np.float32))
        noise = torch.from_numpy(rng.standard_normal((3, 1, 1, 2 * TINY.style), np.float32))
        return Question([[0, *ids(text)] for text in texts], style, noise if drawn else None)

    asked = [
        question("aɪ æm sˈɑːɹi tə hˈɪɹ ðˈæt ."),
        question("nˈoʊ .", drawn=False),
        question("wˈɛl ,", "ænd ðˈɛn , maɪ fɹˈɛnd , wi wɜː hˈoʊm ."),
    ]
    together = planner.plan(asked)
    for one, (alone,) in zip(together, (planner.plan([question]) for question in asked), strict=True):
        torch.testing.assert_close(one.style, alone.style, rtol=1e-4, atol=1e-5)
        for mine, its in zip((one.readings, one.timed), (alone.readings, alone.timed), strict=True):
            for a, b in zip(mine, its, strict=True):
                for field in vars(a):
                    torch.testing.assert_close(getattr(a, field), getattr(b, field), rtol=1e-4, atol=1e-5)
    assert torch.equal(together[1].style, asked[1].style)
    assert not torch.equal(together[0].style, asked[0].style)


def test_calls_at_once_share_a_batch_and_sound_as_if_alone(home, monkeypatch):
    shared, sizes = backend(home, batch=8), []
    work, together, others = shared._plan._work, threading.Event(), threading.Event()

    def counted(asked):
        sizes.append(len(asked))
        if len(sizes) == 1:
            others.set()
            together.wait(10)
        return work(asked)

    alone = [said(shared, text)[1] for text in (TEXT, "Tell me all about it, please.", "Is that so?")]
    monkeypatch.setattr(shared._plan, "_work", counted)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(said, shared, TEXT)
        assert others.wait(10)
        rest = [pool.submit(said, shared, text) for text in ("Tell me all about it, please.", "Is that so?")]
        while len(shared._plan._waiting) < 2:
            time.sleep(0.001)
        together.set()
        for future, expected in zip((first, *rest), alone, strict=True):
            samples = future.result()[1]
            assert len(samples) == len(expected)
            assert np.abs(samples.astype(int) - expected).max() < 330  # 1 % of full scale
    assert sizes == [1, 2]


def test_a_batch_that_fails_fails_for_all_in_it_and_the_next_one_is_answered():
    def work(questions):
        if 0 in questions:
            raise ValueError("no zero")
        return [10 / question for question in questions]

    ask = Together(work, 4)
    with pytest.raises(ValueError, match="no zero"):
        ask(0)
    assert ask(5) == 2


def test_long_sentences_are_spoken_phrase_by_phrase(voice):
    plan = planned(LONG)
    cut = phrased(plan, 512)
    assert len(cut) == len(phrases(plan)) > 1
    assert all(part[0].id == 0 and len(part) > 5 for part in cut)
    assert [s for part in cut for s in part[1:]] == symbols(plan)[1:]
    take = voice.speak(plan, Manner(style_pb2.Style(), dialogue_pb2.Profile(), 1, "en-us"), threading.Event())
    pieces = list(take.blocks)
    assert len(pieces) == len(cut) + 1
    assert sum(map(len, pieces)) == round((take.segment.duration_s + take.segment.pause_s) * RATE)


def test_compiled_it_sounds_the_same(home, voice, monkeypatch):
    """As far as torch reads the networks; making machine code of them takes minutes, and is torch's own."""
    whole = StyleTTS2.fuse
    monkeypatch.setattr(StyleTTS2, "fuse", lambda model: whole(model, "eager"))
    compiled = backend(home, compile=True, style="S_s")
    expected, found = said(voice, "Is that so?"), said(compiled, "Is that so?")
    assert [p.end_s for p in found[0].phonemes] == [p.end_s for p in expected[0].phonemes]
    assert np.abs(found[1].astype(int) - expected[1]).max() < 330


def test_a_text_longer_than_the_network_is_cut_between_words(voice):
    text = "and so it went on and on, " * 8
    cut = parts(symbols(planned(text)), TINY.bert.positions)
    assert len(cut) > 1
    assert all(len(part) <= TINY.bert.positions and part[0].id == 0 for part in cut)
    assert [s for part in cut for s in part[1:]] == symbols(planned(text))[1:]
    spoken, samples = said(voice, text)
    assert len(samples) == round((spoken.duration_s + spoken.pause_s) * RATE)


def test_a_plan_is_written_as_the_weights_were_taught():
    found = symbols(planned("Hello, my friend!"))
    assert [s.id for s in found[1:]] == ids("həlˈoʊ , maɪ fɹˈɛnd !")
    assert [s.owner for s in found] == sorted(s.owner for s in found)


def test_nobody_listening_stops_the_work(voice):
    stopped = threading.Event()
    manner = Manner(style_pb2.Style(), dialogue_pb2.Profile(), 1, "en-us")
    take = voice.speak(planned(TEXT), manner, stopped)
    stopped.set()
    assert list(take.blocks) == []


def test_what_is_no_such_checkpoint_is_refused_and_leaves_nothing(tmp_path):
    whole, shape = checkpoint(tmp_path / "from")
    cut = tmp_path / "cut.pth"
    cut.write_bytes(whole.read_bytes()[:-2000])
    other, _ = checkpoint(tmp_path / "other", net={"bert": {"module.weight": torch.zeros(2)}})
    foreign = tmp_path / "foreign.pth"
    torch.save({"model_state_dict": {}}, foreign)
    code = tmp_path / "code.pth"
    torch.save({"net": threading.Thread}, code)
    for file, says in (
        (cut, "cut short"),
        (other, "another model.*missing"),
        (foreign, "no `net` part"),
        (code, "more than tensors"),
        (tmp_path / "none.pth", "no such file"),
    ):
        with pytest.raises(InvalidInput, match=says):
            import_checkpoint(file, shape, tmp_path / "to")
    with pytest.raises(InvalidInput, match="SHA-256"):
        import_checkpoint(whole, shape, tmp_path / "to", sha256="0" * 64)
    wide = json.loads(shape.read_text())
    wide["config"]["hidden"] = 32
    shape.write_text(json.dumps(wide))
    with pytest.raises(InvalidInput, match="of another shape"):
        import_checkpoint(whole, shape, tmp_path / "to")
    assert not (tmp_path / "to").exists()
    assert not list(tmp_path.glob(".import*"))


def test_missing_and_tampered_weights_are_told_apart(tmp_path):
    with pytest.raises(WeightsMissing, match="import"):
        load(tmp_path / "model")
    digest = import_checkpoint(*checkpoint(tmp_path), tmp_path / "model")
    import_checkpoint(*checkpoint(tmp_path), tmp_path / "model", sha256=digest)
    weights = tmp_path / "model" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(InvalidInput, match="was changed since its import"):
        load(tmp_path / "model")


def test_only_pl_bert_needs_transformers():
    code = "import sys; sys.modules['transformers'] = None; import services.speech.backends.styletts2.backend"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=ENV)


def public():
    return {
        "preprocess_params": {
            "sr": RATE,
            "spect_params": {"n_fft": 2048, "win_length": 1200, "hop_length": 300},
        },
        "model_params": {
            "multispeaker": True,
            **{"dim_in": 64, "hidden_dim": 512, "max_conv_dim": 512, "n_layer": 3, "n_mels": 80},
            **{"n_token": 178, "max_dur": 50, "style_dim": 128},
            "decoder": {
                "type": "hifigan",
                "upsample_initial_channel": 512,
                "upsample_rates": [10, 5, 3, 2],
                "upsample_kernel_sizes": [20, 10, 6, 4],
                "resblock_kernel_sizes": [3, 7, 11],
                "resblock_dilation_sizes": [[1, 3, 5]] * 3,
            },
            "diffusion": {
                "transformer": {"num_layers": 3, "num_heads": 8, "head_features": 64, "multiplier": 2},
                "dist": {"sigma_data": 0.199},
            },
        },
    }


def test_a_public_configuration_is_read_and_others_are_refused(tmp_path):
    file = tmp_path / "config.yml"
    file.write_text(yaml.safe_dump(public()))
    assert read_public(file) == Config(DiffusionConfig(0.199)) == parse(asdict(read_public(file)), "x")
    for change, says in (
        (lambda d: d["model_params"]["diffusion"]["dist"].clear(), "sigma_data"),
        (lambda d: d["model_params"]["decoder"].update(type="istftnet"), "iSTFT"),
        (lambda d: d["model_params"].update(hidden_dim="wide"), "hidden"),
        (lambda d: d["preprocess_params"].update(sr=22050), "24 kHz"),
    ):
        document = public()
        change(document)
        file.write_text(yaml.safe_dump(document))
        with pytest.raises(InvalidInput, match=says):
            read_public(file)
