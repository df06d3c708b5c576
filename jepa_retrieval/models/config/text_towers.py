"""Text towers: the Y-Encoder's, and the contextual source of query tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jepa_retrieval.models.config.ranges import (
    Epsilon,
    Heads,
    Layers,
    RopeTheta,
    Tokens,
    Vocabulary,
    Width,
    check_multiple,
)


@dataclass(frozen=True, kw_only=True)
class BertConfig:
    """A BERT-like text encoder, such as MiniLM; also the contextual source of query tokens."""

    kind: Literal["bert"]
    source: str | None
    tokenizer: str
    vocabulary: Vocabulary
    width: Width
    layers: Layers
    heads: Heads
    mlp_width: Width
    max_positions: Tokens = 512
    norm_eps: Epsilon = 1e-12
    frozen: bool = True

    def __post_init__(self) -> None:
        """Raise `ModelError` unless the width is a multiple of the number of heads."""
        check_multiple("the width of a bert", self.width, "its heads", self.heads)


@dataclass(frozen=True, kw_only=True)
class GemmaConfig:
    """EmbeddingGemma: a Gemma 3 text model with bidirectional attention."""

    kind: Literal["embedding_gemma"]
    source: str | None
    tokenizer: str
    vocabulary: Vocabulary
    width: Width
    layers: Layers
    heads: Heads
    kv_heads: Heads
    head_width: Width
    mlp_width: Width
    sliding_window: Tokens = 512  # how many tokens a token of a local layer attends to
    sliding_pattern: Layers = 6  # one layer in this many attends to all tokens
    rope_theta: RopeTheta = 1_000_000.0
    rope_local_theta: RopeTheta = 10_000.0
    query_scale: Width = 256
    max_positions: Tokens = 2048
    norm_eps: Epsilon = 1e-6
    frozen: bool = False

    def __post_init__(self) -> None:
        """Raise `ModelError` unless heads can share keys and values."""
        check_multiple("y_encoder.tower.heads", self.heads, "y_encoder.tower.kv_heads", self.kv_heads)


@dataclass(frozen=True, kw_only=True)
class OpenClipTextConfig:
    """The text tower of any open_clip model, pooled as that model pools."""

    kind: Literal["open_clip"]
    architecture: str
    source: str | None
    width: Width  # size of the projected embedding
    frozen: bool = True


TextTowerConfig = GemmaConfig | BertConfig | OpenClipTextConfig
