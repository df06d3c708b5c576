"""Text towers: the Y-Encoder's, and the contextual source of query tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class BertConfig:
    """A BERT-like text encoder, such as MiniLM; also the contextual source of query tokens."""

    kind: Literal["bert"]
    source: str | None
    tokenizer: str
    vocabulary: int
    width: int
    layers: int
    heads: int
    mlp_width: int
    max_positions: int = 512
    norm_eps: float = 1e-12
    frozen: bool = True


@dataclass(frozen=True, kw_only=True)
class GemmaConfig:
    """EmbeddingGemma: a Gemma 3 text model with bidirectional attention."""

    kind: Literal["embedding_gemma"]
    source: str | None
    tokenizer: str
    vocabulary: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    head_width: int
    mlp_width: int
    sliding_window: int = 512  # tokens in all that a token of a local layer attends to
    sliding_pattern: int = 6  # every so many layers one attends to everything
    rope_theta: float = 1_000_000.0
    rope_local_theta: float = 10_000.0
    query_scale: int = 256
    max_positions: int = 2048
    norm_eps: float = 1e-6
    frozen: bool = False


@dataclass(frozen=True, kw_only=True)
class OpenClipTextConfig:
    """The text tower of any open_clip model, pooled as that model pools."""

    kind: Literal["open_clip"]
    architecture: str
    source: str | None
    width: int  # size of the projected embedding
    frozen: bool = True


TextTowerConfig = GemmaConfig | BertConfig | OpenClipTextConfig
