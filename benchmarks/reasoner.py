"""The embedded reasoner by itself: how long it takes to start, and what each kind of product costs and loses.

    python -m benchmarks.reasoner DIALOGUES.jsonl.gz --number 12

Lines of the input hold `turns` of `role` ("speaker" or "listener") and `text`. Needs an idle machine.
"""

import argparse
import gzip
import json
import sys
import time
from pathlib import Path

began = time.perf_counter()

import asyncio  # noqa: E402

import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

from runtime.models import weight_hash  # noqa: E402
from runtime.settings import load_settings  # noqa: E402
from services.reasoning import smollm2  # noqa: E402
from services.reasoning.backends.embedded import Embedded  # noqa: E402
from services.reasoning.linear import FloatLinear, Linear, PackedLinear, fastest  # noqa: E402
from services.reasoning.model import Llama, Shape, Span  # noqa: E402

_IMPORTED_S = time.perf_counter() - began
_WRITTEN = 32


def texts(path: Path, number: int) -> list[str]:
    """The first dialogues, as the reasoner's prompts have them."""
    names = {"speaker": "Person", "listener": "Friend"}
    with gzip.open(path, "rt") as file:
        rows = [json.loads(line) for line, _ in zip(file, range(number), strict=False)]
    return ["\n".join(f"{names[turn['role']]}: {turn['text']}" for turn in row["turns"]) for row in rows]


def starts(home: Path, repeats: int) -> list[float]:
    """Seconds of each start of the backend, hash of the weights and warm-up included."""
    seconds = []
    for _ in range(repeats):
        weight_hash.cache_clear()
        backend = Embedded({}, home)
        before = time.perf_counter()
        asyncio.run(backend.start())
        seconds.append(time.perf_counter() - before)
    return seconds


@torch.inference_mode()
def measure(folder: Path, kind: type[Linear], said: list[str]) -> dict[str, float]:
    """Seconds to prepare the network, tokens read and written a second, nats per token."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    shape = Shape.from_config(json.loads((folder / "config.json").read_text()))
    before = time.perf_counter()
    model = Llama(shape, load_file(folder / "model.safetensors"), kind)
    figures = {"load_s": time.perf_counter() - before}
    count, nats, reading = 0, 0.0, 0.0
    for text in said:
        tokens = torch.tensor(tokenizer.encode(text, add_special_tokens=False).ids)
        buffer = model.buffer(len(tokens) + _WRITTEN)
        before = time.perf_counter()
        hidden = model.read([Span(tokens, buffer, 0)])
        reading += time.perf_counter() - before
        shares = model.logits(hidden[:-1]).log_softmax(-1)
        nats -= float(shares.gather(1, tokens[1:, None]).sum())
        count += len(tokens) - 1
    before = time.perf_counter()
    for place in range(_WRITTEN):
        model.logits(model.read([Span(tokens[-1:], buffer, len(tokens) + place)]))
    writing = time.perf_counter() - before
    return figures | {"read": count / reading, "write": _WRITTEN / writing, "nats": nats / count}


def main() -> None:
    """Reads the command line and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dialogues", type=Path)
    parser.add_argument("--number", type=int, default=12)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    home = load_settings().home
    folder = smollm2.ensure(home)
    sys.stdout.write(
        f"imports {_IMPORTED_S:.2f} s; start {', '.join(f'{s:.2f}' for s in starts(home, 5))} s\n"
    )
    said = texts(arguments.dialogues, arguments.number)
    for kind in (FloatLinear, PackedLinear):
        figures = measure(folder, kind, said)
        mark = " (used here)" if kind is fastest() else ""
        sys.stdout.write(
            f"{kind.__name__}{mark}: load {figures['load_s']:.2f} s, read {figures['read']:.0f}/s,"
            f" write {figures['write']:.1f}/s, {figures['nats']:.3f} nats per token\n"
        )


if __name__ == "__main__":
    main()
