"""PL-BERT (Li et al. 2023, arXiv 2301.08810): an ALBERT that reads phonemes."""

from typing import Any

from torch import Tensor, nn

from services.speech.backends.styletts2.config import BertConfig
from services.speech.backends.styletts2.layers import padding_mask


def make_bert(config: BertConfig, symbols: int) -> nn.Module:
    """Builds the network; the one place that needs `transformers`."""
    from transformers import AlbertConfig, AlbertModel

    shape = AlbertConfig(
        vocab_size=symbols,
        hidden_size=config.hidden,
        embedding_size=config.embedding,
        num_attention_heads=config.heads,
        intermediate_size=config.intermediate,
        num_hidden_layers=config.layers,
        max_position_embeddings=config.positions,
    )
    model: nn.Module = AlbertModel(shape)
    return model.eval()


def read(bert: Any, tokens: Tensor, lengths: Tensor) -> Tensor:
    """Maps tokens (B, T) to (B, T, hidden); what lies past the lengths is not meant to be read."""
    mask = (~padding_mask(lengths, tokens.shape[1])).long()
    hidden: Tensor = bert(tokens, attention_mask=mask).last_hidden_state
    return hidden
