"""What a second of DreamTalk video costs at full width, with random weights.

On the CPU it is CPU time, since other programs may keep the machine busy.

python -m benchmarks.dreamtalk [--pictures 1] [--device cpu]
"""

import argparse
import sys
import time
from collections.abc import Callable

import torch
from torch import nn
from transformers import Wav2Vec2Config, Wav2Vec2Model

from services.avatar.backends.dreamtalk.config import DreamTalkConfig
from services.avatar.backends.dreamtalk.ddim import DiffusionNet
from services.avatar.backends.dreamtalk.features import RATE, Stretch
from services.avatar.backends.dreamtalk.renderer.generator import FaceGenerator

_FPS = 25


def _seconds(work: Callable[[], object], device: str) -> float:
    """Least of two runs, after one that is not counted."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    times = []
    for _ in range(3):
        began = clock()
        work()
        if device != "cpu":
            torch.cuda.synchronize()
        times.append(clock() - began)
    return min(times[1:])


@torch.inference_mode()
def main() -> None:
    """Prints the cost of each network for one second of video."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1, help="drawn in one batch")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    device = args.device
    config, stretch = DreamTalkConfig(), Stretch()
    wide = Wav2Vec2Config(
        hidden_size=config.denoiser.features,
        num_hidden_layers=24,
        num_attention_heads=16,
        intermediate_size=4096,
        do_stable_layer_norm=True,
        feat_extract_norm="layer",
        conv_bias=True,
    )
    hearing: nn.Module = Wav2Vec2Model(wide)
    hearing.eval().to(device)
    diffusion = DiffusionNet(config.denoiser).eval().to(device)
    renderer = FaceGenerator(config.renderer).eval().to(device)
    heard = torch.randn(1, (stretch.left + stretch.block + stretch.right) * RATE // 50, device=device)
    noise = torch.randn(_FPS, 1, config.denoiser.expression, device=device)
    windows = torch.randn(_FPS, 1, config.denoiser.window, config.denoiser.features, device=device)
    style = torch.randn(_FPS, config.denoiser.width, device=device)
    size = config.renderer.size
    image = torch.randn(args.pictures, 3, size, size, device=device)
    motion = torch.randn(args.pictures, config.renderer.motion, 2 * config.renderer.radius + 1, device=device)
    costs: dict[str, Callable[[], float]] = {
        "wav2vec2, overlapping stretches": lambda: (
            _seconds(lambda: hearing(heard), device) * 50 / stretch.block
        ),
        "expressions, 10 steps": lambda: _seconds(lambda: diffusion.sample(noise, windows, style), device),
        "expressions, 10 steps, guidance 2": lambda: _seconds(
            lambda: diffusion.sample(noise, windows, style, guidance=2.0), device
        ),
        "pictures": lambda: _seconds(lambda: renderer(image, motion), device) * _FPS / args.pictures,
    }
    for name, cost in costs.items():
        sys.stdout.write(f"{name:36s}{cost():9.3f} s a second of video\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
