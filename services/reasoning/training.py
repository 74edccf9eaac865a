"""Chain-of-Empathy learning: a LoRA adapter (Hu et al. 2022) for any causal language model of transformers.

The text of a turn is the one that inference writes (`prompt.py`), part by part. Loss is cross-entropy on the
answers alone: the steps of the chain that are known, and the reply. `empatheia train coe` runs it; on several
workers, `distributed.py` does.
"""

import hashlib
import math
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from empatheia.common.v1 import dialogue_pb2
from empatheia.reasoning.v1 import reasoning_pb2
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, distributed, nn

from runtime.chain_of_empathy import QUESTIONS, SYSTEM, felt
from runtime.errors import InvalidInput
from services.reasoning.corpus import Annotation, Turn, load
from services.reasoning.curation import curated
from services.reasoning.prompt import END, render

IGNORED = -100
"""Label of a token without loss."""
_ROLES = {"speaker": dialogue_pb2.ROLE_SPEAKER, "listener": dialogue_pb2.ROLE_LISTENER}
_CHECKPOINT = "checkpoint.pt"
CONFIGS = Path(__file__).with_name("configs")
EXEMPLARS = Path(__file__).with_name("exemplars.jsonl")
"""Turns written for this project."""


class LoraSettings(BaseModel):
    """Size of the adapter, by peft's names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    targets: str | list[str] = "all-linear"


class Curation(BaseModel):
    """How much to keep where only a part can be learned (`curation.py`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chains: int = Field(ge=0)
    replies: int = Field(ge=0)


class TrainingConfig(BaseModel):
    """What to train and how; the YAML files in `configs/` hold it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    """`embedded`, a folder, or an id of a model hub."""
    lora: LoraSettings = Field(default_factory=lambda: LoraSettings.model_validate({}))
    quantised: bool = False
    """4-bit base weights (QLoRA, Dettmers et al. 2023); needs bitsandbytes and a GPU."""
    dtype: Literal["float32", "bfloat16"] = "bfloat16"
    """Of the base weights and the products; what is learned is kept in float32 beside it."""
    curation: Curation | None = None
    exemplars: int = Field(0, ge=0)
    """How often an epoch holds each turn of `exemplars.jsonl`, which shows the manner that is wanted."""
    epochs: int = Field(1, ge=1)
    rate: float = Field(1e-3, gt=0)
    warmup: float = Field(0.05, ge=0, lt=1)
    """Share of the steps in which the rate rises; then it falls along a cosine to a tenth."""
    decay: float = Field(0.0, ge=0)
    clip: float = Field(1.0, gt=0)
    batch_tokens: int = Field(1600, ge=8)
    """Tokens of a step, padding included."""
    most_tokens: int = Field(512, ge=8)
    """Of one turn; the oldest utterances of a longer one are left out."""
    balance: float = Field(0.5, ge=0, le=1)
    """Power of a label's rarity that weighs its token: 0 not at all, 1 wholly."""
    shown: float = Field(0.3, ge=0, le=1)
    """Share of turns whose earlier utterances show what the person felt, as a running dialogue knows it."""
    checkpoint_s: float = Field(180, gt=0)
    seed: int = 0

    @classmethod
    def read(cls, path: Path) -> "TrainingConfig":
        """Reads a YAML file.

        Raises:
            InvalidInput: There is none, or a field is wrong.
        """
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, yaml.YAMLError) as error:
            raise InvalidInput.of("config", f"{path}: {error}", reason="BAD_CONFIG") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise InvalidInput.of(
                f"config.{where}", f"{first['msg']} ({path})", reason="BAD_CONFIG"
            ) from error


@dataclass(frozen=True)
class Sample:
    """A turn in tokens."""

    tokens: list[int]
    labels: list[int]
    """The token itself where there is loss, else `IGNORED`."""
    weights: list[float]


@dataclass(frozen=True)
class Progress:
    """Where a training is."""

    step: int
    steps: int
    loss: float
    """Mean per token, of this step."""
    tokens_per_s: float


def encode(
    turn: Turn,
    tokenize: Callable[[str], Sequence[int]],
    *,
    most_tokens: int,
    label_weight: float = 1.0,
    show_felt: bool = False,
) -> Sample:
    """Writes a turn as inference does, with the answers in their places.

    Args:
        turn: With at least one step or a reply.
        tokenize: Token ids of a text, without special tokens.
        most_tokens: Room for all of it; the oldest utterances go first.
        label_weight: Of the loss of the emotion's tokens.
        show_felt: Whether earlier utterances of the person show the emotion.
    """
    noted = turn.annotation or Annotation("", "", "")
    answers = {
        "event_scenario": noted.event_scenario,
        "user_emotion": felt(turn.emotion) if turn.emotion else "",
        "emotion_cause": noted.emotion_cause,
        "response_goal": noted.goal,
    }
    known = [name for name, answer in answers.items() if answer]
    dialogue = [
        dialogue_pb2.Utterance(
            role=_ROLES[said.role],
            text=said.text,
            emotion=turn.emotion
            if show_felt and said.role == "speaker" and index < len(turn.history) - 1
            else "",
        )
        for index, said in enumerate(turn.history)
    ]
    context = reasoning_pb2.ReasoningContext(
        system=SYSTEM,
        dialogue=dialogue,
        steps=[
            reasoning_pb2.CompletedStep(name=name, instruction=QUESTIONS[name], text=answers[name])
            for name in known
        ],
        instruction=QUESTIONS["response"] if turn.response else "",
    )
    fixed = sum(len(tokenize(f"{QUESTIONS[name]} {answers[name]}{END}")) for name in known)
    fixed += len(tokenize(f"{SYSTEM}{END}{END}{QUESTIONS['response']} {turn.response}{END}"))
    room = max(most_tokens - fixed, 16)
    parts = render(context, "", room, lambda text: len(tokenize(text))).parts
    learned = {len(parts) - 2 - 2 * back for back in range(len(known))}  # each answer follows its question
    weigh = {len(parts) - 2 - 2 * (len(known) - 1 - known.index("user_emotion"))} if turn.emotion else set()
    if turn.response:
        learned.add(len(parts))
        parts.append(f" {' '.join(turn.response.split())}{END}")
    tokens: list[int] = []
    labels: list[int] = []
    weights: list[float] = []
    for index, part in enumerate(parts):
        ids = list(tokenize(part))
        tokens += ids
        labels += ids if index in learned else [IGNORED] * len(ids)
        weights += [label_weight if index in weigh else 1.0] * len(ids)
    return Sample(tokens, labels, weights)


def turns_of(paths: Sequence[Path], config: TrainingConfig) -> list[Turn]:
    """What there is to learn in these files.

    Raises:
        InvalidInput: A file or a row is wrong.
    """
    turns = _load(paths)
    if config.curation:
        turns = curated(
            turns, chains=config.curation.chains, replies=config.curation.replies, seed=config.seed
        )
    return turns + _load([EXEMPLARS]) * config.exemplars if config.exemplars else turns


def _load(paths: Sequence[Path]) -> list[Turn]:
    return [turn for path in paths for conversation in load(path) for turn in conversation.turns]


def samples(
    turns: Sequence[Turn], tokenize: Callable[[str], Sequence[int]], config: TrainingConfig
) -> list[Sample]:
    """Encodes all turns; rare emotions weigh more.

    Raises:
        InvalidInput: There is nothing to learn.
    """
    counts = Counter(turn.emotion for turn in turns if turn.emotion)
    mean = sum(counts.values()) / len(counts) if counts else 0.0
    weight = {label: min(max((mean / count) ** config.balance, 0.33), 3.0) for label, count in counts.items()}
    chance = random.Random(config.seed)
    found = [
        encode(
            turn,
            tokenize,
            most_tokens=config.most_tokens,
            label_weight=weight.get(turn.emotion, 1.0),
            show_felt=chance.random() < config.shown,
        )
        for turn in turns
        if turn.response or turn.annotation or turn.emotion
    ]
    if not found:
        raise InvalidInput.of("data", "holds no turn with a chain or a reply", reason="NO_DATA")
    return found


def batches(found: Sequence[Sample], batch_tokens: int, seed: int) -> list[list[int]]:
    """Indices of the samples of each step of an epoch: of like length, in random order."""
    chance = random.Random(seed)
    order = sorted(range(len(found)), key=lambda index: (len(found[index].tokens), chance.random()))
    made: list[list[int]] = [[]]
    for index in order:
        if made[-1] and (len(made[-1]) + 1) * len(found[index].tokens) > batch_tokens:
            made.append([])
        made[-1].append(index)
    chance.shuffle(made)
    return made


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


def load_base(config: TrainingConfig, home: Path) -> tuple[nn.Module, Any, torch.device]:
    """Loads the base model and its tokenizer.

    Raises:
        InvalidInput: There is no such model, or bitsandbytes is missing for a quantised one.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    options: dict[str, Any] = {"dtype": getattr(torch, config.dtype)}
    name = config.model
    if name == "embedded":
        from services.reasoning import smollm2

        name = str(smollm2.ensure(home))
    if config.quantised:
        if find_spec("bitsandbytes") is None:
            raise InvalidInput.of(
                "config.quantised", "needs bitsandbytes: pip install bitsandbytes", reason="MISSING_PACKAGE"
            )
        from transformers import BitsAndBytesConfig

        options["quantization_config"] = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=options["dtype"]
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        model: Any = AutoModelForCausalLM.from_pretrained(name, **options)
    except (OSError, ValueError) as error:
        raise InvalidInput.of("config.model", f"{name}: {error}", reason="BAD_MODEL") from error
    return model if config.quantised else model.to(device), tokenizer, device


class Trainer:
    """A training in progress."""

    def __init__(
        self, config: TrainingConfig, found: Sequence[Sample], model: nn.Module, device: torch.device
    ) -> None:
        """Puts a fresh adapter on the model.

        Args:
            config: How to train.
            found: What to learn.
            model: The base model; it is changed.
            device: Where it is.
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
        self.model.save_pretrained(str(partial), safe_serialization=True)
        (partial / "README.md").write_text(card, encoding="utf-8")
        shutil.rmtree(out, ignore_errors=True)
        partial.rename(out)


def card(config: TrainingConfig, paths: Sequence[Path], progress: Progress, found: Sequence[Sample]) -> str:
    """The model card of a finished training, in Markdown."""
    learned = sum(label != IGNORED for sample in found for label in sample.labels)
    data = "\n".join(f"- `{path.name}`, {_sha256(path)}" for path in paths)
    if config.exemplars:
        data += (
            f"\n- `exemplars.jsonl` of this project, sha256 {_sha256(EXEMPLARS)}, {config.exemplars} times"
        )
    settings = yaml.safe_dump(config.model_dump(), sort_keys=False).rstrip()
    return f"""# Chain-of-Empathy adapter

A LoRA adapter for `{config.model}` that writes the event scenario, the emotion, its cause, the goal of
the reply and the reply to a dialogue, in the format of `services/reasoning/prompt.py`.

## Data
{data}

{len(found)} turns an epoch: {sum(len(sample.tokens) for sample in found)} tokens, {learned} of them learned.
EmpatheticDialogues and the sets built on it (AvaMERG, EED6000) and RECCON are for non-commercial use: so
is an adapter that learned from them.

## Training
Loss at the last step {progress.loss:.3f} per token; {progress.steps} steps.

```yaml
{settings}
```

## Limits
English. A small model makes things up: what it writes is checked against the dialogue before anybody reads it
(`agents/validation.py`). It is no therapist, and crisis is not left to it.
"""


def _sha256(path: Path) -> str:
    return f"sha256 {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"


def learn(
    config: TrainingConfig, paths: Sequence[Path], home: Path, out: Path, tell: Callable[[Progress], None]
) -> Progress:
    """Trains an adapter from data files to a finished folder, going on where a stopped run left off.

    Args:
        config: How.
        paths: Data files (`corpora.py`).
        home: Where the embedded model is kept.
        out: Folder of the adapter; the checkpoint stands beside it until it is done.
        tell: Told of every step.

    Raises:
        InvalidInput: The config, the data or the model is wrong.
    """
    turns = turns_of(paths, config)
    model, tokenizer, device = load_base(config, home)
    found = samples(turns, lambda text: tokenizer(text, add_special_tokens=False).input_ids, config)
    trainer = Trainer(config, found, model, device)
    kept = out.with_name(f"{out.name}.checkpoint")
    trainer.resume(kept)
    last = Progress(trainer.steps, trainer.steps, math.nan, 0.0)
    for last in trainer.run(kept):
        tell(last)
    if trainer.rank == 0:
        trainer.save(out, card(config, paths, last, found))
        shutil.rmtree(kept, ignore_errors=True)
    return last
