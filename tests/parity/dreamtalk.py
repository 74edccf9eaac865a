"""Adapter of the DreamTalk backend for the parity data's checker: one function for each part."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from services.avatar.backends.dreamtalk.config import DreamTalkConfig
from services.avatar.backends.dreamtalk.content import ContentEncoder, audio_windows
from services.avatar.backends.dreamtalk.ddim import DiffusionNet
from services.avatar.backends.dreamtalk.renderer.editing import EditingNet
from services.avatar.backends.dreamtalk.renderer.generator import FaceGenerator
from services.avatar.backends.dreamtalk.renderer.mapping import MappingNet, motion_windows
from services.avatar.backends.dreamtalk.renderer.warping import WarpingNet
from services.avatar.backends.dreamtalk.style import StyleEncoder, style_clip

Inputs = dict[str, NDArray[Any]]
Fill = Callable[[dict[str, Tensor], str], dict[str, Tensor]]
Outputs = dict[str, Any]

Net = TypeVar("Net", bound=nn.Module)

CONFIG = DreamTalkConfig()


def _filled(net: Net, fill: Fill, prefix: str) -> Net:
    net.load_state_dict(fill(net.state_dict(), prefix))
    return net.eval().requires_grad_(False)


def _tensors(inputs: Inputs, *names: str) -> list[Tensor]:
    return [torch.from_numpy(np.array(inputs[name])) for name in names]


def dreamtalk_audio_window(inputs: Inputs, fill: Fill) -> Outputs:
    (features,) = _tensors(inputs, "features")
    return {"windows": audio_windows(features, CONFIG.denoiser.radius, 0, len(features) // 2)}


def dreamtalk_style_clip(inputs: Inputs, fill: Fill) -> Outputs:
    out = {}
    for name in ("short", "long"):
        (rows,) = _tensors(inputs, name)
        out[f"{name}_clip"], out[f"{name}_mask"] = style_clip(rows, CONFIG.denoiser.style_frames)
    return out


def dreamtalk_buffers(inputs: Inputs, fill: Fill) -> Outputs:
    return dict(DiffusionNet(CONFIG.denoiser).named_buffers())


def dreamtalk_content_encoder(inputs: Inputs, fill: Fill) -> Outputs:
    net = _filled(ContentEncoder(CONFIG.denoiser), fill, "diff_net.net.content_encoder.")
    return {"content": net(*_tensors(inputs, "windows"))}


def dreamtalk_style_encoder(inputs: Inputs, fill: Fill) -> Outputs:
    net = _filled(StyleEncoder(CONFIG.denoiser), fill, "diff_net.net.style_encoder.")
    return {"code": net(*_tensors(inputs, "style_clip", "pad_mask"))}


def dreamtalk_denoiser(inputs: Inputs, fill: Fill) -> Outputs:
    net = _filled(DiffusionNet(CONFIG.denoiser), fill, "diff_net.").net
    x, t, windows, clip, mask = _tensors(inputs, "x", "t", "windows", "style_clip", "pad_mask")
    x0 = net(x, t, net.content_encoder(windows), net.style_encoder(clip, mask))
    return {"x0": x0, "time_embedding": net.time_embedding(t)}


def dreamtalk_ddim(inputs: Inputs, fill: Fill) -> Outputs:
    net = _filled(DiffusionNet(CONFIG.denoiser), fill, "diff_net.")
    noise, windows, clip, mask = _tensors(inputs, "noise", "windows", "style_clip", "pad_mask")
    code, steps = net.net.style_encoder(clip, mask), int(inputs["num_steps"])
    return {f"cfg{s}": net.sample(noise, windows, code, steps=steps, guidance=float(s)) for s in (1, 2)}


def dreamtalk_motion_window(inputs: Inputs, fill: Fill) -> Outputs:
    motion, short = _tensors(inputs, "motion", "short")
    radius = CONFIG.renderer.radius
    return {"windows": motion_windows(motion, radius), "short_windows": motion_windows(short, radius)}


def dreamtalk_mapping_net(inputs: Inputs, fill: Fill) -> Outputs:
    net = _filled(MappingNet(CONFIG.renderer), fill, "net_G_ema.mapping_net.")
    return {"descriptor": net(*_tensors(inputs, "window"))}


def dreamtalk_warp(inputs: Inputs, fill: Fill) -> Outputs:
    net = _filled(WarpingNet(CONFIG.renderer), fill, "net_G_ema.warpping_net.")
    flow, warped = net(*_tensors(inputs, "image", "descriptor"))
    return {"flow": flow, "warp": warped}


def dreamtalk_editing(inputs: Inputs, fill: Fill) -> Outputs:
    net = _filled(EditingNet(CONFIG.renderer), fill, "net_G_ema.editing_net.")
    return {"image": net(*_tensors(inputs, "image", "warp", "descriptor"))}


def dreamtalk_renderer(inputs: Inputs, fill: Fill) -> Outputs:
    net = _filled(FaceGenerator(CONFIG.renderer), fill, "net_G_ema.")
    return {"fake": net(*_tensors(inputs, "image", "window"))}


def state_dicts() -> dict[str, dict[str, Tensor]]:
    return {
        "diff_net": DiffusionNet(CONFIG.denoiser).state_dict(),
        "net_G_ema": FaceGenerator(CONFIG.renderer).state_dict(),
    }
