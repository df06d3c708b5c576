"""The section `y_encoder` of a model's config."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jepa_retrieval.models.config.text_towers import TextTowerConfig


@dataclass(frozen=True, kw_only=True)
class YEncoderConfig:
    """A text tower, pooled, and a head into the shared space."""

    tower: TextTowerConfig
    max_tokens: int = 512
    pooling: Literal["mean", "first", "tower"] = "mean"  # "tower": the tower pools by itself (open_clip)
    head: Literal["linear", "mlp", "none"] = "linear"  # "none": the tower's embedding is the shared space
    head_hidden: int = 0  # hidden width of "mlp", a linear layer with an MLP beside it
    dropout: float = 0.0  # of the channels that enter the head
    hidden_dropout: float = 0.0  # inside the MLP
