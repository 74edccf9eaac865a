"""Gets a causal language model, its tokenizer and an adapter from this machine; nothing is fetched.

Every fault is one clear line: what is wrong with which folder, and what to do.
"""

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from transformers.utils import logging as transformers_logging

from runtime.errors import EmpatheiaError, InvalidInput, WeightsMissing
from runtime.models import folder_of, weight_files, weight_hash


class Source(BaseModel):
    """Which model, and where it runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(min_length=1)
    """Folder of a saved model, or the hub id of one that is on this machine."""
    revision: str | None = None
    """Of a hub id: branch, tag or commit."""
    adapter: str | None = None
    """Folder, or hub id, of a LoRA adapter made for this model."""
    merge_adapter: bool = True
    """Whether the adapter is added into the weights, which is faster, or kept beside them."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """"auto" is what the weights were saved as; on a CPU, half precision may be slow."""
    device: str = "auto"
    """As torch names it; "auto" is the first GPU where there is one, else the CPU."""
    device_map: str | dict[str, int | str] | None = None
    """Spreads a large model over devices, as accelerate reads it ("auto", ...); replaces `device`."""


@dataclass(frozen=True)
class Loaded:
    """A model that is ready to be asked."""

    model: Any
    tokenizer: Any
    model_id: str
    weight_hash: str


def load(source: Source) -> Loaded:
    """Loads model, tokenizer and adapter.

    Raises:
        WeightsMissing: A folder is missing, not whole, or broken.
        InvalidInput: The model does not write text, or the adapter is another model's.
    """
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder = folder_of(source.model, source.revision)
    _check_architecture(folder, source.model)
    files = weight_files(folder, source.model)
    tokenizer = _tokenizer(folder, source.model)
    model: Any
    report: dict[str, Any]
    with _clear(folder):
        model, report = AutoModelForCausalLM.from_pretrained(  # type: ignore[misc]
            folder,
            local_files_only=True,
            dtype=source.dtype if source.dtype == "auto" else getattr(torch, source.dtype),
            device_map=source.device_map,
            output_loading_info=True,
        )
    if lost := sorted({*report["missing_keys"], *(str(key) for key in report["mismatched_keys"])}):
        raise WeightsMissing(
            f"{len(lost)} of the weights of {source.model} are missing or of another size, among them"
            f" {lost[0]}; get the model again",
            reason="WEIGHTS_BROKEN",
        )
    if source.device_map is None:
        model = model.to(_device(source.device))
    if len(tokenizer) > model.get_input_embeddings().weight.shape[0]:
        raise InvalidInput.of(
            "services.reasoning.options.model",
            f"the tokenizer in {folder} knows {len(tokenizer)} tokens, the model"
            f" {model.get_input_embeddings().weight.shape[0]}: they belong to different models",
            reason="WRONG_MODEL",
        )
    model_id, hashes = source.model, _hash(files)
    if source.adapter:
        model, adapter_hash = _with_adapter(model, source)
        model_id, hashes = f"{model_id} + {source.adapter}", f"{hashes}+{adapter_hash}"
    return Loaded(model.eval(), tokenizer, model_id, hashes)


def _check_architecture(folder: Path, name: str) -> None:
    with _clear(folder):
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
    # Encoders such as BERT are in the table by type, with a head that their weights don't have.
    writers = set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values())
    named = config.architectures or [MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(config.model_type, "")]
    if config.model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES or not writers & set(named):
        raise InvalidInput.of(
            "services.reasoning.options.model",
            f"{name} is a {named[0] or config.model_type}, which does not write text; name a causal language"
            " model, such as a LlamaForCausalLM",
            reason="WRONG_MODEL",
        )


def _tokenizer(folder: Path, name: str) -> Any:
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        if not tokenizer.is_fast:
            raise ValueError("it is not of the fast kind")
        if not tokenizer.encode("a", add_special_tokens=False):
            raise ValueError("it knows no letters")
    except Exception as error:  # Whatever the tokenizer's own parser raises on a file that is none of its.
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsMissing(
            f"{name} has no tokenizer that can be used ({first}); save the tokenizer.json and"
            f" tokenizer_config.json of the same model in {folder}",
            reason="TOKENIZER_MISSING",
        ) from error
    return tokenizer


def _with_adapter(model: Any, source: Source) -> tuple[Any, str]:
    # Only a model with an adapter needs this package.
    from peft import PeftModel, get_peft_model_state_dict

    folder = folder_of(str(source.adapter))
    path = weight_files(folder, str(source.adapter))[0]
    with _clear(folder), warnings.catch_warnings():
        # That keys are missing is only warned of; it is checked below.
        warnings.simplefilter("ignore")
        try:
            adapted = PeftModel.from_pretrained(model, str(folder), local_files_only=True)
        except (ValueError, RuntimeError, KeyError) as error:
            raise _wrong_adapter(source, (str(error).splitlines() or [""])[0]) from error
        with safe_open(path, "pt") as file:
            saved = set(file.keys())
    expected = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    # Whole layers that an adapter may bring along, such as embeddings, are peft's to check.
    if odd := {name for name in saved ^ expected if "lora_" in name}:
        raise _wrong_adapter(source, f"{min(odd)} is in only one of them")
    return (adapted.merge_and_unload() if source.merge_adapter else adapted), weight_hash(path)


def _wrong_adapter(source: Source, why: str) -> InvalidInput:
    return InvalidInput.of(
        "services.reasoning.options.adapter",
        f"{source.adapter} was not made for {source.model}: {why[:200]}",
        reason="WRONG_ADAPTER",
    )


@contextmanager
def _clear(folder: Path) -> Iterator[None]:
    """Turns what the library raises on broken files into one line."""
    try:
        yield
    except EmpatheiaError:
        raise
    except SafetensorError as error:
        raise WeightsMissing(
            f"the weights in {folder} are broken or cut short ({error}); get the model again",
            reason="WEIGHTS_BROKEN",
        ) from error
    except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsMissing(f"{folder} can't be loaded: {first}", reason="WEIGHTS_BROKEN") from error


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise InvalidInput.of(
            "services.reasoning.options.device", f"{name} can't be used: {first}", reason="BAD_DEVICE"
        ) from error
    return device


def _hash(files: list[Path]) -> str:
    each = [weight_hash(path) for path in files]
    return each[0] if len(each) == 1 else hashlib.sha256("".join(each).encode()).hexdigest()[:16]
