"""Tiny random models of the classes that the `transformers` backend loads, saved to disk as real ones are."""

import json
from pathlib import Path

import torch
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    CLIPVisionModel,
    HubertConfig,
    HubertForSequenceClassification,
    HubertModel,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
    Wav2Vec2FeatureExtractor,
    WavLMConfig,
    WavLMModel,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizer,
)

_WAVE = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "conv_dim": (8, 8),
    "conv_kernel": (10, 8),
    "conv_stride": (80, 4),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "classifier_proj_size": 8,
}
SPEECH_LABELS = {0: "neu", 1: "hap", 2: "ang", 3: "sad"}
FACE_LABELS = dict(enumerate(("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")))


def save(folder: Path, *, wavlm: bool = False) -> dict[str, str]:
    """Saves one model of each kind; returns the backend's options."""
    torch.manual_seed(0)
    _whisper(folder / "asr")
    extractor = Wav2Vec2FeatureExtractor(return_attention_mask=False)
    encoder = WavLMModel(WavLMConfig(**_WAVE)) if wavlm else HubertModel(HubertConfig(**_WAVE))
    classifier = HubertForSequenceClassification(HubertConfig(**_WAVE, id2label=SPEECH_LABELS))
    for name, model in (("speech_encoder", encoder), ("speech_emotion", classifier)):
        model.save_pretrained(folder / name)
        extractor.save_pretrained(folder / name)
    small = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "image_size": 32,
        "patch_size": 16,
    }
    CLIPVisionModel(CLIPVisionConfig(**small)).save_pretrained(folder / "face_encoder")
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32).save_pretrained(folder / "face_encoder")
    vit = ViTForImageClassification(ViTConfig(**small, id2label=FACE_LABELS))
    vit.save_pretrained(folder / "face_emotion")
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder / "face_emotion")
    names = ("asr", "speech_encoder", "speech_emotion", "face_encoder", "face_emotion")
    return {name: str(folder / name) for name in names}


def _whisper(folder: Path) -> None:
    folder.mkdir(parents=True)
    # GPT-2's alphabet of bytes writes a space as Ġ.
    letters = [chr(code) for code in range(33, 127)] + ["Ġ"]
    special = ["<|endoftext|>", "<|startoftranscript|>", "<|notimestamps|>"]
    vocabulary = {token: index for index, token in enumerate([*letters, *special])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = WhisperTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    end, start, plain = (vocabulary[token] for token in special)
    config = WhisperConfig(
        vocab_size=len(vocabulary),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        max_target_positions=64,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=start,
    )
    model = WhisperForConditionalGeneration(config)
    model.generation_config.alignment_heads = [[0, 0]]
    model.generation_config.no_timestamps_token_id = plain
    model.generation_config.is_multilingual = False
    model.generation_config.update(
        bos_token_id=end, eos_token_id=end, pad_token_id=end, decoder_start_token_id=start
    )
    WhisperProcessor(WhisperFeatureExtractor(), tokenizer).save_pretrained(folder)
    model.save_pretrained(folder)
