"""Chain-of-Empathy learning: a LoRA adapter (Hu et al. 2022) for any causal language model of transformers.

Loss is cross-entropy on the answers alone: the steps of the chain that are known, and the reply. `empatheia
train coe` runs it; on several workers, `distributed.py` does.
"""

import hashlib
import math
import shutil
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from runtime.errors import InvalidInput
from services.reasoning import smollm2
from services.reasoning.corpus import Turn, load
from services.reasoning.curation import curated
from services.reasoning.samples import IGNORED, Sample, samples
from services.reasoning.trainer import Progress, Trainer, started_from
from services.reasoning.training_config import TrainingConfig

CONFIGS = Path(__file__).with_name("configs")
EXEMPLARS = Path(__file__).with_name("exemplars.jsonl")
"""Turns written for this project."""


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


def card(config: TrainingConfig, paths: Sequence[Path], progress: Progress, found: Sequence[Sample]) -> str:
    """The model card of a finished training, in Markdown."""
    learned = sum(label != IGNORED for sample in found for label in sample.labels)
    data = "\n".join(f"- `{path.parent.name}/{path.name}`, {_sha256(path)}" for path in paths)
    if config.exemplars:
        data += f"""
- `exemplars.jsonl`, {_sha256(EXEMPLARS)}: {len(_load([EXEMPLARS]))} turns with chains, each
  {config.exemplars} times an epoch. No person said them: they were composed for this project, with a large
  language model, to show the manner that is wanted where the data above seldom do: warm, to the person, about
  what they said, without advice."""
    begun = f"Went on from an adapter, {_sha256(started_from(config))}.\n" if config.start_from else ""
    # A path of this machine would mean nothing elsewhere.
    named = config.model_copy(update={"start_from": Path(config.start_from).name})
    settings = yaml.safe_dump(named.model_dump(), sort_keys=False).rstrip()
    return f"""# Chain-of-Empathy adapter

A LoRA adapter for {_model(config)} that writes the event scenario, the emotion, its cause, the goal of
the reply and the reply to a dialogue, in the format of `services/reasoning/prompt.py`.

## Data
{data}

{len(found)} turns an epoch: {sum(len(sample.tokens) for sample in found)} tokens, {learned} of them learned.
EmpatheticDialogues and the sets built on it (AvaMERG, EED6000) and RECCON are for non-commercial use: so
is an adapter that learned from them.

## Training
{begun}Loss at the last step {progress.loss:.3f} per token; {progress.steps} steps.

```yaml
{settings}
```

## Limits
English. A small model makes things up: what it writes is checked against the dialogue before anybody reads it
(`agents/validation.py`). It is no therapist, and crisis is not left to it.
"""


def _model(config: TrainingConfig) -> str:
    return smollm2.MODEL_ID if config.model == "embedded" else f"`{config.model}`"


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
