"""A BERT-like text encoder (MiniLM among them)."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn
from transformers import BertConfig as HuggingFaceBertConfig
from transformers import BertModel

from jepa_retrieval.models.config import BertConfig


class Bert(nn.Module):
    """Token ids to contextual tokens, by `transformers`."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.model = BertModel(to_transformers(config), add_pooling_layer=False)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Int [B, L] ids and their mask (1: a token, 0: padding) to float [B, L, D]."""
        tokens: Tensor = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        return tokens


def to_transformers(config: BertConfig) -> HuggingFaceBertConfig:
    """The same architecture as a config of `transformers`."""
    return HuggingFaceBertConfig(
        vocab_size=config.vocabulary,
        hidden_size=config.width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=config.mlp_width,
        max_position_embeddings=config.max_positions,
        layer_norm_eps=config.norm_eps,
    )


def checkpoint_names(names: Iterable[str]) -> dict[str, str]:
    """Names in `Bert` to those in a BERT checkpoint; the pooler and the language-model head are left out."""
    own = {name.removeprefix("bert."): name for name in names if not name.endswith("position_ids")}
    parts = ("embeddings.", "encoder.")
    return {f"model.{name}": theirs for name, theirs in own.items() if name.startswith(parts)}
