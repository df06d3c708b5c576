"""EmbeddingGemma, the text tower of the paper's Y-Encoder."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from transformers import Gemma3TextConfig, Gemma3TextModel

from jepa_retrieval.models.config import GemmaConfig


class Gemma(nn.Module):
    """Token ids to contextual tokens, by `transformers`."""

    def __init__(self, config: GemmaConfig) -> None:
        super().__init__()
        self.model = Gemma3TextModel(to_transformers(config))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Int [B, L] ids and their mask (1: a token, 0: padding) to float [B, L, D]."""
        window = self.model.config.sliding_window
        assert window is not None
        # The model makes these masks too, but not in a form that converts to a graph.
        masks = attention_masks(mask, window=window)
        tokens: Tensor = self.model(input_ids=ids, attention_mask=masks, use_cache=False).last_hidden_state
        return tokens


def attention_masks(valid: Tensor, *, window: int) -> dict[str, Tensor]:
    """Which tokens may be attended to, bool [B, 1, L, L] per kind of layer (True: yes), from `valid` [B, L].

    A global layer's token attends to every valid token, a local layer's to those less than `window` away.
    """
    everything = valid.bool()[:, None, None, :].expand(-1, 1, valid.shape[1], -1)
    place = torch.arange(valid.shape[1], device=valid.device)
    distance = (place[:, None] - place[None, :]).abs()
    # Padding may attend to itself: a row that attends to nothing would be NaN, and so would the mean.
    near = (everything & (distance < window)) | (distance == 0)
    return {"full_attention": everything, "sliding_attention": near}


def checkpoint_names(names: Iterable[str]) -> dict[str, str]:
    """Names in `Gemma` to those in a Gemma 3 text checkpoint, with or without a language-model head."""
    return {"model." + name.removeprefix("model."): name for name in names if name != "lm_head.weight"}


def to_transformers(config: GemmaConfig) -> Gemma3TextConfig:
    """The same architecture as a config of `transformers`."""
    layer_types = [
        "full_attention" if (index + 1) % config.sliding_pattern == 0 else "sliding_attention"
        for index in range(config.layers)
    ]
    return Gemma3TextConfig(
        vocab_size=config.vocabulary,
        hidden_size=config.width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.kv_heads,
        head_dim=config.head_width,
        intermediate_size=config.mlp_width,
        max_position_embeddings=config.max_positions,
        rms_norm_eps=config.norm_eps,
        query_pre_attn_scalar=config.query_scale,
        sliding_window=config.sliding_window,
        layer_types=layer_types,
        use_bidirectional_attention=True,
        rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": config.rope_theta},
            "sliding_attention": {"rope_type": "default", "rope_theta": config.rope_local_theta},
        },
    )
