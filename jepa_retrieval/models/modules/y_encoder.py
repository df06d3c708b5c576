"""The Y-Encoder: target text Y to S_Y."""

from __future__ import annotations

from torch import Tensor, nn

from jepa_retrieval.models.config import (
    BertConfig,
    ConceptsConfig,
    GemmaConfig,
    HubnessConfig,
    TextTowerConfig,
    YEncoderConfig,
)
from jepa_retrieval.models.modules.ensemble import EnsembleHeads
from jepa_retrieval.models.modules.fixed_directions import FixedDirections, HeadWithFixedDirections
from jepa_retrieval.models.modules.hubness import TextHubness
from jepa_retrieval.models.modules.predictor import mean_of_valid


class YEncoder(nn.Module):
    """A text tower, pooled, and a head into the shared space."""

    def __init__(
        self,
        config: YEncoderConfig,
        *,
        embedding_size: int,
        concepts: ConceptsConfig | None = None,
        hubness: HubnessConfig | None = None,
        members: int = 1,
    ) -> None:
        """`concepts`, `hubness` and `members` are the Predictor's: both sides of the space must have them."""
        super().__init__()
        self.hubness = TextHubness(hubness) if hubness else None
        fixed = concepts.fixed_directions if concepts else 0
        learnt = embedding_size - fixed - (1 if hubness else 0)
        self.pooling = config.pooling
        self.tower = build_text_tower(config.tower)
        heads = [build_head(config, embedding_size=learnt // members) for _ in range(members)]
        self.head = heads[0] if members == 1 else EnsembleHeads(heads)
        if concepts and fixed:
            directions = FixedDirections(concepts.width, size=fixed, share=concepts.fixed_share)
            self.head = HeadWithFixedDirections(self.head, directions)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Int [B, L] ids and their mask (1: a token, 0: padding) to S_Y [B, E], not yet of unit length."""
        return self.embed(self.pool(self.tower(ids, mask), mask))

    def embed(self, pooled: Tensor) -> Tensor:
        """Pooled texts, float [B, F], to S_Y [B, E], not yet of unit length."""
        embeddings: Tensor = self.head(pooled)
        return embeddings if self.hubness is None else self.hubness(embeddings)

    def pool(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """[B, L, D] to [B, D]: the mean over tokens that are not padding, or the first token."""
        if self.pooling == "tower":
            return tokens
        return mean_of_valid(tokens, mask) if self.pooling == "mean" else tokens[:, 0]


class MlpHead(nn.Module):
    """A linear layer and, beside it, an MLP that starts at zero: what a frozen tower needs to fit new texts."""

    def __init__(self, config: YEncoderConfig, *, embedding_size: int) -> None:
        super().__init__()
        width = config.tower.width
        self.dropout = nn.Dropout(config.dropout)
        self.linear = nn.Linear(width, embedding_size)
        last = nn.Linear(config.head_hidden, embedding_size)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, config.head_hidden),
            nn.GELU(),
            nn.Dropout(config.hidden_dropout),
            last,
        )

    def forward(self, pooled: Tensor) -> Tensor:
        """Float [B, D] to [B, E]."""
        pooled = self.dropout(pooled)
        embeddings: Tensor = self.linear(pooled) + self.mlp(pooled)
        return embeddings


def build_head(config: YEncoderConfig, *, embedding_size: int) -> nn.Module:
    """The layer from a pooled text to the shared space."""
    if config.head == "mlp":
        return MlpHead(config, embedding_size=embedding_size)
    if config.head == "linear":
        return nn.Linear(config.tower.width, embedding_size)
    return nn.Identity()


def build_text_tower(config: TextTowerConfig) -> nn.Module:
    """The module of the section `y_encoder.tower`."""
    return _build(config).requires_grad_(not config.frozen)


def _build(config: TextTowerConfig) -> nn.Module:
    # Each kind needs another library, and none is imported before a config asks for it.
    if isinstance(config, GemmaConfig):
        from jepa_retrieval.models.modules.gemma import Gemma

        return Gemma(config)
    if isinstance(config, BertConfig):
        from jepa_retrieval.models.modules.bert import Bert

        return Bert(config)
    from jepa_retrieval.models.modules.open_clip_towers import OpenClipText

    return OpenClipText(config)
