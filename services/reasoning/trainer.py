"""The loop of a training: steps, checkpoints, and the adapter that comes out."""

import hashlib
import math
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, distributed, nn

from runtime.errors import InvalidInput
from services.reasoning.adapter import SHIPPED, WEIGHTS
from services.reasoning.samples import IGNORED, Sample, batches
from services.reasoning.training_config import TrainingConfig

_CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class Progress:
    """Where a training is."""

    step: int
    steps: int
    loss: float
    """Mean per token, of this step."""
    tokens_per_s: float


def loss_of(model: nn.Module, batch: Sequence[Sample], device: torch.device) -> tuple[Tensor, float]:
    """Sum of the weighted losses of a batch's answers, and the sum of their weights."""
    width = max(len(sample.tokens) for sample in batch)

    def padded(rows: list[list[Any]], fill: float, dtype: torch.dtype) -> Tensor:
        return torch.tensor([row + [fill] * (width - len(row)) for row in rows], dtype=dtype, device=device)

    tokens = padded([sample.tokens for sample in batch], 0, torch.long)
    mask = padded([[1] * len(sample.tokens) for sample in batch], 0, torch.long)
    labels = padded([sample.labels for sample in batch], IGNORED, torch.long)[:, 1:]
    weights = padded([sample.weights for sample in batch], 0.0, torch.float32)[:, 1:]
    # Only where there is loss are scores computed: the output layer is a good part of a small model.
    wanted = labels != IGNORED
    base: Any = model.get_base_model()  # type: ignore[operator]
    hidden = base.base_model(input_ids=tokens, attention_mask=mask, use_cache=False).last_hidden_state
    scores = base.get_output_embeddings()(hidden[:, :-1][wanted]).float()
    each = nn.functional.cross_entropy(scores, labels[wanted], reduction="none")
    chosen = weights[wanted]
    return (each * chosen).sum(), float(chosen.sum())


def started_from(config: TrainingConfig) -> Path:
    """The weights of the adapter that a training goes on from."""
    return (SHIPPED if config.start_from == "shipped" else Path(config.start_from)) / WEIGHTS


def _take_over(model: Any, path: Path) -> None:
    """Gives a fresh adapter the weights of another of the same model and size."""
    from peft import set_peft_model_state_dict

    try:
        fitting: Any = set_peft_model_state_dict(model, load_file(path))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise InvalidInput.of("config.start_from", f"{path}: {error}", reason="BAD_ADAPTER") from error
    if fitting.unexpected_keys or any("lora_" in name for name in fitting.missing_keys):
        raise InvalidInput.of(
            "config.start_from", f"{path} is an adapter of another model", reason="BAD_ADAPTER"
        )


class Trainer:
    """A training in progress."""

    def __init__(
        self, config: TrainingConfig, found: Sequence[Sample], model: nn.Module, device: torch.device
    ) -> None:
        """Puts an adapter on the model: a fresh one, or the one to go on from.

        Args:
            config: How to train.
            found: What to learn.
            model: The base model; it is changed.
            device: Where it is.

        Raises:
            InvalidInput: The adapter to go on from is none, or does not fit.
        """
        from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

        torch.manual_seed(config.seed)
        if config.quantised:
            model = prepare_model_for_kbit_training(model)  # type: ignore[no-untyped-call]
        self.config = config
        self._found = found
        self._device = device
        lora = LoraConfig(
            r=config.lora.rank,
            lora_alpha=config.lora.alpha,
            lora_dropout=config.lora.dropout,
            target_modules=config.lora.targets,
            task_type="CAUSAL_LM",
        )
        self.model: Any = get_peft_model(model, lora, autocast_adapter_dtype=False)
        if config.start_from:
            _take_over(self.model, started_from(config))
        self.model.train()
        # A step of the optimizer can be too small for bfloat16 to see; it is taken in float32 and rounded.
        self._live = [weight for weight in self.model.parameters() if weight.requires_grad]
        self._master = [nn.Parameter(weight.detach().float().clone()) for weight in self._live]
        self._optimizer = torch.optim.AdamW(
            self._master, lr=config.rate, weight_decay=config.decay, betas=(0.9, 0.98)
        )
        self.rank = distributed.get_rank() if distributed.is_initialized() else 0
        self._workers = distributed.get_world_size() if distributed.is_initialized() else 1
        self._plan = [
            batch
            for epoch in range(config.epochs)
            for batch in batches(found, config.batch_tokens, config.seed + epoch)
        ]
        self._step = 0

    @property
    def steps(self) -> int:
        """How many steps there are, each a batch for every worker."""
        return math.ceil(len(self._plan) / self._workers)

    def run(self, out: Path | None = None, *, until: int | None = None) -> Iterator[Progress]:
        """Trains on from where it is, telling of every step; keeps checkpoints under `out`.

        Args:
            out: Folder of the checkpoint; a finished run leaves none.
            until: Step to stop before.
        """
        kept = time.monotonic()
        while self._step < min(self.steps, until if until is not None else self.steps):
            yield self._advance()
            if out and self.rank == 0 and time.monotonic() - kept > self.config.checkpoint_s:
                self.keep(out)
                kept = time.monotonic()

    def _advance(self) -> Progress:
        began = time.monotonic()
        index = self._step * self._workers + self.rank
        # The last step may lack a batch for some workers: they then repeat one at no weight.
        batch = [self._found[i] for i in self._plan[min(index, len(self._plan) - 1)]]
        total, weight = loss_of(self.model, batch, self._device)
        if index >= len(self._plan):
            total, weight = total * 0, 0.0
        total.backward()  # type: ignore[no-untyped-call]
        sums = torch.tensor([float(total.detach()), weight], device=self._device)
        if self._workers > 1:
            for live in self._live:
                distributed.all_reduce(live.grad)
            distributed.all_reduce(sums)
        for live, master in zip(self._live, self._master, strict=True):
            assert live.grad is not None
            master.grad = live.grad.float() / float(sums[1])
            live.grad = None
        nn.utils.clip_grad_norm_(self._master, self.config.clip)
        for group in self._optimizer.param_groups:
            group["lr"] = self.config.rate * self._share(self._step)
        self._optimizer.step()
        self._publish()
        self._step += 1
        tokens = sum(len(sample.tokens) for sample in batch) * self._workers
        return Progress(self._step, self.steps, float(sums[0] / sums[1]), tokens / (time.monotonic() - began))

    def _share(self, step: int) -> float:
        rise = max(1, round(self.config.warmup * self.steps))
        if step < rise:
            return (step + 1) / rise
        return 0.1 + 0.45 * (1 + math.cos(math.pi * (step - rise) / max(1, self.steps - rise)))

    def _publish(self) -> None:
        with torch.no_grad():
            for live, master in zip(self._live, self._master, strict=True):
                live.copy_(master)

    def keep(self, out: Path) -> None:
        """Writes a checkpoint from which an interrupted run goes on as if nothing had happened."""
        out.mkdir(parents=True, exist_ok=True)
        state = {
            "config": self._print(),
            "step": self._step,
            "weights": [master.detach() for master in self._master],
            "optimizer": self._optimizer.state_dict(),
            "chance": torch.get_rng_state(),
        }
        partial = out / f".{_CHECKPOINT}"
        torch.save(state, partial)
        partial.replace(out / _CHECKPOINT)

    def resume(self, out: Path) -> bool:
        """Goes back to the checkpoint under `out`, if there is one.

        Raises:
            InvalidInput: It is of another training.
        """
        path = out / _CHECKPOINT
        if not path.is_file():
            return False
        state = torch.load(path, weights_only=True)
        if state["config"] != self._print():
            raise InvalidInput.of(
                "out", f"{path} is of another config or other data; remove it or choose another folder",
                reason="OTHER_CHECKPOINT",
            )  # fmt: skip
        with torch.no_grad():
            for master, weight in zip(self._master, state["weights"], strict=True):
                master.copy_(weight)
        self._optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["chance"])
        self._step = state["step"]
        self._publish()
        return True

    def _print(self) -> str:
        """Tells trainings apart: config, data and number of workers."""
        text = f"{self.config.model_dump_json()} {self._workers}"
        text += "".join(str(asdict(sample)) for sample in self._found[:: max(1, len(self._found) // 64)])
        return hashlib.sha256(f"{text} {len(self._found)}".encode()).hexdigest()

    def save(self, out: Path, card: str) -> None:
        """Writes the adapter (float16, as peft loads it) with its card, and lets the checkpoint go.

        The folder appears whole: what is half-written never passes for an adapter.
        """
        partial = out.parent / f".{out.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        for live, master in zip(self._live, self._master, strict=True):
            live.data = master.detach().to(torch.float16)
        # A path of this machine would mean nothing elsewhere.
        self.model.peft_config["default"].base_model_name_or_path = self.config.model
        self.model.save_pretrained(str(partial))
        (partial / "README.md").unlink(missing_ok=True)
        (partial / "README.md").write_text(card, encoding="utf-8")
        shutil.rmtree(out, ignore_errors=True)
        partial.rename(out)
