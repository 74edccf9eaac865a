"""Tiny language models with random weights, saved as real ones are."""

import json
from pathlib import Path
from typing import Any

CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_TEXT = (
    "A person talks with a friend. My dog died last night and I can't stop crying. I got the job I always"
    " wanted! What happened? How do they feel? They feel sad, joyful, angry, proud, lonely. Person: Friend:"
)


def save_tokenizer(folder: Path, *, chat: bool) -> int:
    """Trains and saves a byte-level tokenizer; returns its size."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    tokenizer.train_from_iterator([_TEXT] * 4, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=special[0],
        pad_token=special[0],
        additional_special_tokens=special[1:],
    )
    if chat:
        fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(folder)
    return len(fast)


def save_model(
    folder: Path, kind: str = "llama", *, chat: bool = False, seed: int = 0, layers: int = 2
) -> Path:
    """Saves a model of one architecture ("llama", "qwen2", "gpt_neox" or "bert") with its tokenizer."""
    import torch
    import transformers

    torch.manual_seed(seed)
    size = save_tokenizer(folder, chat=chat)
    common: dict[str, Any] = {
        "vocab_size": size, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": layers,
        "num_attention_heads": 4, "max_position_embeddings": 4096, "bos_token_id": 0, "eos_token_id": 0,
        "initializer_range": 0.3,
    }  # fmt: skip
    model: Any
    if kind == "llama":
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**common, num_key_value_heads=2))
    elif kind == "qwen2":
        model = transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**common, num_key_value_heads=2))
    elif kind == "gpt_neox":
        model = transformers.GPTNeoXForCausalLM(transformers.GPTNeoXConfig(**common))
    else:
        model = transformers.BertModel(transformers.BertConfig(**common))
    model.save_pretrained(folder)
    return folder


def save_adapter(folder: Path, base: Path, seed: int = 1) -> Path:
    """Saves a LoRA adapter with random, not small, weights."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, local_files_only=True)
    torch.manual_seed(seed)
    names = ["q_proj", "v_proj"] if model.config.model_type != "gpt_neox" else ["query_key_value"]
    config = LoraConfig(
        r=4, lora_alpha=16, target_modules=names, init_lora_weights=False, task_type="CAUSAL_LM"
    )
    get_peft_model(model, config).save_pretrained(folder)
    readme = folder / "README.md"
    readme.unlink(missing_ok=True)
    settings = folder / "adapter_config.json"
    assert json.loads(settings.read_text())["r"] == 4
    return folder
