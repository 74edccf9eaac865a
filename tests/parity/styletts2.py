"""Runs this project's StyleTTS2 on stored inputs of the public one.

An adapter for the parity data's `check.py`: one function for each part, `(inputs, fill) -> arrays`.
"""

from functools import cache

import torch

from services.speech.backends.styletts2 import text as symbols
from services.speech.backends.styletts2.bert import make_bert, read
from services.speech.backends.styletts2.config import Config, DiffusionConfig
from services.speech.backends.styletts2.decoder import Decoder
from services.speech.backends.styletts2.diffusion import StyleDiffusion, karras
from services.speech.backends.styletts2.layers import padding_mask
from services.speech.backends.styletts2.mel import filterbank, log_mel
from services.speech.backends.styletts2.model import StyleTTS2
from services.speech.backends.styletts2.predictor import Melody, ProsodyPredictor
from services.speech.backends.styletts2.style_encoder import StyleEncoder
from services.speech.backends.styletts2.text_encoder import TextEncoder

CONFIG = Config(DiffusionConfig(sigma_data=0.2))


def filled(make, prefix, fill):
    """A network with the weights that its names imply."""
    with torch.device("meta"):
        net = make().eval()
    empty = {key: torch.zeros(x.shape, dtype=x.dtype) for key, x in net.state_dict().items()}
    net.load_state_dict(fill(empty, prefix), strict=True, assign=True)
    return net.requires_grad_(False)


def bert(fill):
    net = make_bert(CONFIG.bert, CONFIG.symbols)
    net.load_state_dict(fill(net.state_dict(), "bert."), strict=True)
    return net.requires_grad_(False)


def tensors(inputs):
    return {k: torch.from_numpy(x) if getattr(x, "shape", ()) else x.item() for k, x in inputs.items()}


@cache
def predictor(fill):
    return filled(lambda: ProsodyPredictor(CONFIG), "predictor.", fill)


@cache
def decoder(fill):
    return filled(lambda: Decoder(CONFIG), "decoder.", fill)


def diffusion(fill, sigma_data=0.2):
    return filled(lambda: StyleDiffusion(Config(DiffusionConfig(sigma_data))), "diffusion.", fill)


def styletts2_mel(inputs, fill):
    return {"log_mel": log_mel(torch.from_numpy(inputs["wave"])), "filterbank": filterbank(80)}


def styletts2_style_encoder(inputs, fill, prefix="style_encoder."):
    net = filled(lambda: StyleEncoder(CONFIG), prefix, fill)
    given = tensors(inputs)
    return {"style_a": net(given["mel_a"]), "style_b": net(given["mel_b"])}


def styletts2_predictor_encoder(inputs, fill):
    return styletts2_style_encoder(inputs, fill, "predictor_encoder.")


def styletts2_text_encoder(inputs, fill):
    given = tensors(inputs)
    net = filled(lambda: TextEncoder(CONFIG), "text_encoder.", fill)
    return {"hidden": net(given["tokens"], given["lengths"])}


def styletts2_bert(inputs, fill):
    given = tensors(inputs)
    hidden = read(bert(fill), given["tokens"], given["lengths"])
    past = padding_mask(given["lengths"], hidden.shape[1])[..., None]
    project = filled(lambda: torch.nn.Linear(CONFIG.bert.hidden, CONFIG.hidden), "bert_encoder.", fill)
    projected = project(hidden).masked_fill(past, 0).transpose(1, 2)
    return {"hidden": hidden.masked_fill(past, 0), "projected": projected}


def styletts2_duration_encoder(inputs, fill):
    given = tensors(inputs)
    return {"d": predictor(fill).text_encoder(given["d_en"], given["style"], given["lengths"])}


def styletts2_duration(inputs, fill):
    d = torch.from_numpy(inputs["d"])
    return {"duration": predictor(fill).durations(d, torch.tensor([d.shape[1]]))}


def styletts2_f0n(inputs, fill):
    given = tensors(inputs)
    melody = predictor(fill).melody(given["en"], given["style"])
    return {"f0": melody.pitch, "n": melody.energy}


def styletts2_source(inputs, fill):
    given = tensors(inputs)
    return {"source": decoder(fill).generator.m_source(given["f0"], given["noise"], given["phase"])}


def styletts2_decoder(inputs, fill):
    given = tensors(inputs)
    melody = Melody(given["f0"], given["n"])
    steps = list(decoder(fill).steps(given["asr"], melody, given["style"], given["noise"], given["phase"]))
    return {"wave": steps[-1], "trunk": steps[0]}


def styletts2_decoder_trunk(inputs, fill):
    given = tensors(inputs)
    return {"trunk": decoder(fill).trunk(given["asr"], Melody(given["f0"], given["n"]), given["style"])}


def styletts2_style_denoiser(inputs, fill):
    given = tensors(inputs)
    net = diffusion(fill, given["sigma_data"])
    rows = len(given["x"])
    shared = given["embedding"].expand(rows, -1, -1), given["features"].expand(rows, -1)
    return {
        f"denoised_scale{scale}": net.diffusion(given["x"], given["sigma"], *shared, float(scale))
        for scale in (1, 2)
    }


def styletts2_style_sampler(inputs, fill):
    given = tensors(inputs)
    net = diffusion(fill, given["sigma_data"])
    noises = given["noise"], given["step_noise"]
    return {
        "sigmas": karras(given["num_steps"]),
        **{
            f"style_scale{scale}": net.sample(*noises, given["embedding"], given["features"], float(scale))
            for scale in (1, 2)
        },
    }


def whole(fill, sigma_data=0.2):
    """The model with every part filled."""
    with torch.device("meta"):
        model = StyleTTS2(Config(DiffusionConfig(sigma_data))).eval()
    for name, part in model.named_children():
        empty = {key: torch.zeros(x.shape, dtype=x.dtype) for key, x in part.state_dict().items()}
        part.load_state_dict(fill(empty, f"{name}."), strict=True, assign=True)
    return model.requires_grad_(False)


def styletts2_end_to_end(inputs, fill):
    given = tensors(inputs)
    model = whole(fill, given["sigma_data"])
    lengths = torch.tensor([given["tokens"].shape[1]])
    reading = model.read(given["tokens"], lengths)
    drawn = model.diffusion.sample(
        given["noise"], given["step_noise"], reading.bert, given["ref_s"], given["embedding_scale"]
    )
    half = CONFIG.style
    share = torch.cat([torch.full((half,), given["alpha"]), torch.full((half,), given["beta"])]).float()
    style = share * drawn + (1 - share) * given["ref_s"]
    timed = model.time(reading, style, lengths)
    frames = timed.durations[0].round().clamp_min(1).long()
    melody = model.melody(timed, frames, style)
    steps = model.sound(reading, frames, melody, style, given["source_noise"], given["source_phase"])
    *_, wave = steps
    return {
        "wave": wave,
        "durations": frames,
        "duration": timed.durations,
        "style": drawn,
        "f0": melody.pitch,
        "n": melody.energy,
    }


def styletts2_text_cleaner(inputs, fill):
    rows = [symbols.ids(text) for text in inputs["phonemes"]]
    longest = max(map(len, rows))
    return {"ids": torch.tensor([row + [-1] * (longest - len(row)) for row in rows])}


def state_dicts():
    with torch.device("meta"):
        model = StyleTTS2(CONFIG)
    return {name: part.state_dict() for name, part in model.named_children()}
