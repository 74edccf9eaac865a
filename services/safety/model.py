"""The network that sees danger: a pretrained encoder, low-rank changes (LoRA, Hu et al. 2022), and a head.

The encoder reads what was said before and the newest utterance as a pair, so that each word is weighed in the
light of the others. The head takes its first state and the mean over the newest utterance.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from runtime.errors import WeightsMissing
from runtime.folding import fold, tidy
from runtime.safety import KINDS, STAGES
from runtime.weights import read_weights, save_weights
from services.safety.encoders import Encoder, load_encoder

WEIGHTS = Path(__file__).parent / "weights"
ENGLISH, MULTILINGUAL = WEIGHTS / "english.safetensors", WEIGHTS / "multilingual.safetensors"
MAKER = "services.safety.training"

_MOST_CHARS, _MOST_TOKENS = 400, 120
"""Of an utterance that count: a disclosure may stand anywhere, so both ends are kept."""
_MOST_BEFORE, _TURNS_BEFORE, _TOKENS_BEFORE = 160, 4, 90
"""Characters of each utterance before it, how many of those are read with it, and their tokens together."""
_SCALE = 2.0
"""Of the low-rank changes."""
_DOWN, _UP = "down.", "up."

Talk = Sequence[str]
"""The person and the listener by turns, the person first and last."""


class Lora(torch.nn.Module):
    """A linear layer, and a change of low rank beside it that learns."""

    def __init__(self, linear: torch.nn.Linear, rank: int, dropout: float) -> None:
        """Starts without a change."""
        super().__init__()
        self.linear = linear
        self.down = torch.nn.Parameter(torch.randn(rank, linear.in_features) / math.sqrt(linear.in_features))
        self.up = torch.nn.Parameter(torch.zeros(linear.out_features, rank))
        self.drop = torch.nn.Dropout(dropout)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(..., in) -> (..., out)."""
        changed = self.drop(inputs) @ self.down.T.to(inputs.dtype) @ self.up.T.to(inputs.dtype)
        result: torch.Tensor = self.linear(inputs) + _SCALE * changed
        return result


class DangerNet(torch.nn.Module):
    """Kinds and stages of danger from talks."""

    def __init__(self, encoder: Encoder, hidden: int = 256, dropout: float = 0.2) -> None:
        """Starts from the package's encoder and a random head."""
        super().__init__()
        self.encoder = encoder
        self.model = encoder.model
        self.drop = torch.nn.Dropout(dropout)
        self.first = torch.nn.Linear(2 * encoder.width, hidden)
        self.second = torch.nn.Linear(hidden, len(KINDS) + len(STAGES))

    def tokens(self, talk: Talk) -> tuple[list[int], int]:
        """Token ids of a talk, and where its newest utterance begins."""
        of = self.encoder
        before = talk[:-1][-_TURNS_BEFORE:]
        said = " ".join(
            f"{'Listener' if (len(before) - place) % 2 else 'Person'}: {self._shortened(text, _MOST_BEFORE)}"
            for place, text in enumerate(before)
        )
        context = of.ids(said)[-_TOKENS_BEFORE:]
        newest = of.ids(self._shortened(talk[-1], _MOST_CHARS))[:_MOST_TOKENS]
        start = [of.begin, *of.prefix, *context, *((of.end, of.end) if context else ())]
        return [*start, *newest, of.end], len(start)

    def forward(
        self, inputs: Mapping[str, torch.Tensor], mask: torch.Tensor, starts: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of the kinds, (N, 7), and of the stages, (N, 4).

        Args:
            inputs: What the encoder takes in: `input_ids`, (N, T), or `inputs_embeds`, (N, T, width).
            mask: 1 where there is a token, (N, T).
            starts: Where the newest utterance begins, (N).
        """
        last = self.model(**inputs, attention_mask=mask).last_hidden_state.float()
        own = ((torch.arange(last.shape[1]) >= starts[:, None]) & (mask > 0)).unsqueeze(-1)
        mean = (last * own).sum(1) / own.sum(1).clamp_min(1)
        hidden = torch.tanh(self.first(self.drop(torch.cat((last[:, 0], mean), dim=1))))
        logits = self.second(self.drop(hidden)).float()
        return logits[:, : len(KINDS)], logits[:, len(KINDS) :]

    def judge(self, talks: Sequence[Talk]) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of the kinds and of the stages of talks."""
        read = [self.tokens(talk) for talk in talks]
        longest = max(len(ids) for ids, _ in read)
        padded = torch.tensor([ids + [self.encoder.pad] * (longest - len(ids)) for ids, _ in read])
        mask = torch.arange(longest) < torch.tensor([[len(ids)] for ids, _ in read])
        starts = torch.tensor([start for _, start in read])
        kinds: torch.Tensor
        stages: torch.Tensor
        kinds, stages = self({"input_ids": padded}, mask.long(), starts)
        return kinds, stages

    def _shortened(self, text: str, most: int) -> str:
        text = tidy(text) if self.encoder.cased else fold(text)
        if len(text) <= most:
            return text
        half = most // 2
        return f"{text[:half]} {text[-half:]}"

    def adapt(self, layers: int, rank: int, dropout: float = 0.05) -> None:
        """Puts low-rank changes beside the linear layers of the encoder's upper layers; only they learn."""
        self.model.requires_grad_(False)
        for layer in self.model.encoder.layer[self.encoder.layers - layers :]:
            for owner, name, linear in list(_linears(layer)):
                setattr(owner, name, Lora(linear, rank, dropout))

    def save(self, path: Path, about: Mapping[str, Any]) -> None:
        """Writes head and low-rank changes, for `load`."""
        arrays: dict[str, NDArray[Any]] = {}
        for name, module in self.model.named_modules():
            if isinstance(module, Lora):
                arrays[_DOWN + name] = module.down.detach().numpy().astype(np.float16)
                arrays[_UP + name] = module.up.detach().numpy().astype(np.float16)
        for name, tensor in self.state_dict().items():
            if name.startswith(("first.", "second.")):
                arrays[name] = tensor.numpy().astype(np.float16)
        path.parent.mkdir(exist_ok=True)
        save_weights(path, arrays, {**about, "encoder": self.encoder.name, "source": self.encoder.source})

    @classmethod
    def load(cls, path: Path) -> tuple["DangerNet", dict[str, Any]]:
        """Reads what `save` wrote: the network, ready to judge, and what was said about it.

        Raises:
            WeightsMissing: The file or the package is missing or damaged, or they do not belong together.
        """
        arrays, about = read_weights(path, MAKER)
        encoder = load_encoder(str(about["encoder"]))
        if encoder.source != about["source"]:
            raise WeightsMissing(
                f"{path.name} was tuned from {about['source']}, but the package holds {encoder.source}; "
                "install the version that constraints.txt names",
                reason="WEIGHTS_DAMAGED",
            )
        floats = {name: torch.from_numpy(array.astype(np.float32)) for name, array in arrays.items()}
        net = cls(encoder, hidden=len(floats["first.bias"]))
        modules = dict(net.model.named_modules())
        with torch.no_grad():
            for name in (name.removeprefix(_UP) for name in floats if name.startswith(_UP)):
                modules[name].weight += _SCALE * (floats[_UP + name] @ floats[_DOWN + name])
        head = {name: value for name, value in floats.items() if name.startswith(("first.", "second."))}
        net.load_state_dict(head, strict=False)
        net.requires_grad_(False)
        return net.eval(), about


def _linears(module: torch.nn.Module) -> Iterator[tuple[torch.nn.Module, str, torch.nn.Linear]]:
    for name, child in module.named_children():
        if isinstance(child, torch.nn.Linear):
            yield module, name, child
        else:
            yield from _linears(child)
