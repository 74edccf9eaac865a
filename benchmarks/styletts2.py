"""What a second of StyleTTS2 speech costs at full width, with random weights.

On the CPU it is CPU time on one thread, since other programs may keep the machine busy.

python -m benchmarks.styletts2 [--device cpu] [--symbols 60]
"""

import argparse
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import torch

from services.speech.backends.styletts2.config import Config, DiffusionConfig
from services.speech.backends.styletts2.layers import fold
from services.speech.backends.styletts2.model import StyleTTS2

_FRAMES_PER_SYMBOL = 3
"""As in English speech: some 13 sounds a second, and marks and stresses beside them."""
_STEPS = 5

T = TypeVar("T")


def _timed(work: Callable[[], T], device: str) -> tuple[T, float]:
    """What the work gives, and the least of two runs after one that is not counted, in seconds."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    times = []
    for _ in range(3):
        began = clock()
        result = work()
        if device != "cpu":
            torch.cuda.synchronize()
        times.append(clock() - began)
    return result, min(times[1:])


@torch.inference_mode()
def main() -> None:
    """Prints the cost of each step of one sentence, and the real-time factor of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--symbols", type=int, default=60, help="length of the sentence")
    args = parser.parse_args()
    device: str = args.device
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = Config(DiffusionConfig(0.2))
    model = StyleTTS2(config).eval()
    fold(model)
    model.to(device)
    tokens = torch.randint(1, config.symbols, (1, args.symbols), device=device)
    lengths = torch.tensor([args.symbols], device=device)
    frames = torch.full((args.symbols,), _FRAMES_PER_SYMBOL, device=device)
    samples = args.symbols * _FRAMES_PER_SYMBOL * config.frame
    noise = torch.randn(1, samples, config.decoder.harmonics + 1, device=device)
    step_noise = torch.randn(_STEPS, 1, 1, 2 * config.style, device=device)
    reference = torch.randn(1, 2 * config.style, device=device)

    reading, read_s = _timed(lambda: model.read(tokens, lengths), device)
    style, draw_s = _timed(
        lambda: model.diffusion.sample(step_noise[0], step_noise[1:], reading.bert, reference), device
    )
    times, time_s = _timed(lambda: model.time(reading, style, lengths), device)
    melody, melody_s = _timed(lambda: model.melody(times, frames, style), device)
    steps, sound_s = _timed(lambda: list(model.sound(reading, frames, melody, style, noise)), device)
    seconds = steps[-1].numel() / config.sample_rate
    total = read_s + draw_s + time_s + melody_s + sound_s
    rows = {
        "text": read_s,
        f"style, {_STEPS} steps": draw_s,
        "durations": time_s,
        "pitch and energy": melody_s,
        "sound": sound_s,
        "all": total,
    }
    sys.stdout.write(f"{args.symbols} symbols, {seconds:.2f} s of speech, {device}\n")
    for name, spent in rows.items():
        sys.stdout.write(f"{name:20s} {1000 * spent:8.0f} ms   real-time factor {spent / seconds:.3f}\n")


if __name__ == "__main__":
    main()
