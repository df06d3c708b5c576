"""The Predictor: visual tokens and a textual query to the predicted target embedding.

The layers are Llama's (RMSNorm, rotary positions, grouped-query attention, SwiGLU), taken from `transformers` so
that pretrained layers fit exactly. What differs from a language model is the mask: every token attends to every
valid one.

Dimension letters: B batch, N visual tokens, L query tokens, D width of a visual token, E embedding size.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRMSNorm, LlamaRotaryEmbedding

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.config import LlamaPredictorConfig
from jepa_retrieval.models.modules.ensemble import join_members
from jepa_retrieval.models.modules.fixed_directions import FixedDirections
from jepa_retrieval.models.modules.hubness import PredictionHubness
from jepa_retrieval.models.modules.query_tokens import build_query_tokens
from jepa_retrieval.models.modules.vision_input import VisionInput


class Member(nn.Module):
    """Llama-style layers over visual tokens, then query tokens; the mean of valid positions, projected."""

    def __init__(
        self, config: LlamaPredictorConfig, *, token_size: int, embedding_size: int, first: bool = True
    ) -> None:
        super().__init__()
        llama = to_transformers(config)
        self.causal = config.causal
        self.vision_input = VisionInput(config, token_size=token_size, first=first)
        same_width = config.query_tokens.width == config.width
        self.query_projection = (
            nn.Identity() if same_width else nn.Linear(config.query_tokens.width, config.width)
        )
        self.token_types = nn.Embedding(2, config.width) if config.token_types else None
        self.rotary = LlamaRotaryEmbedding(llama)
        self.layers = nn.ModuleList(LlamaDecoderLayer(llama, index) for index in range(config.layers))
        self.norm = LlamaRMSNorm(config.width, eps=config.norm_eps)
        self.dropout = nn.Dropout(config.dropout)
        self.output_projection = nn.Linear(config.width, embedding_size)
        self._initialise_small_tables()
        if config.source is None:
            self._start_layers_as_identity()

    def learnt(
        self, tokens: Tensor, query: Tensor, query_mask: Tensor, token_mask: Tensor, words: Tensor | None
    ) -> Tensor:
        """As `Predictor.predict`, to the dimensions that this member learns; `words` are the tokens' concepts."""
        query = self.query_projection(query)
        vision = self.vision_input(tokens, words)
        if self.token_types is not None:
            vision = vision + self.token_types.weight[0]
            query = query + self.token_types.weight[1]
        if vision.shape[1] > tokens.shape[1]:  # a concept of each visual token, as valid as that token
            token_mask = torch.cat([token_mask, token_mask], dim=1)
        hidden = torch.cat([vision, query.to(vision.dtype)], dim=1)
        valid = torch.cat([token_mask.to(query_mask.dtype), query_mask], dim=1)
        pooled = self.dropout(mean_of_valid(self.attend(hidden, valid), valid))
        predicted: Tensor = self.output_projection(pooled)
        return predicted

    def attend(self, hidden: Tensor, valid: Tensor) -> Tensor:
        """Run the layers over [B, N + L, width]; `valid` [B, N + L] is 0 at padding."""
        # Counting only valid tokens, so that padding does not shift the positions of what follows it.
        positions = (valid.cumsum(dim=1) - 1).clamp(min=0)
        rotary = self.rotary(hidden, positions)
        mask = attention_mask(valid, causal=self.causal)
        for layer in self.layers:
            update = layer(hidden, attention_mask=mask, position_embeddings=rotary) - hidden
            hidden = hidden + self.dropout(update)
        normed: Tensor = self.norm(hidden)
        return normed

    @torch.no_grad()
    def _start_layers_as_identity(self) -> None:
        """New layers start as the identity, so that a small training set is fitted by the simpler modules first."""
        layers: Any = self.layers  # of transformers, whose parts have no types
        for layer in layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()

    def _initialise_small_tables(self) -> None:
        """Learnt position and type embeddings start small compared to the tokens that they are added to."""
        for table in (self.token_types, self.vision_input.positions):
            if table is not None:
                nn.init.normal_(table.weight, std=0.02)


class Predictor(Member):
    """The first member, and what all members share: query tokens, concepts, and the joining of their outputs."""

    def __init__(self, config: LlamaPredictorConfig, *, token_size: int, embedding_size: int) -> None:
        concepts, hubness = config.concepts, config.hubness
        fixed = concepts.fixed_directions if concepts else 0
        learnt = embedding_size - fixed - (1 if hubness else 0)
        size = learnt // config.members
        if size < 1 or learnt % config.members:
            raise ModelError(
                f"embedding_size {embedding_size} leaves {learnt} learnt dimensions, which cannot be divided among "
                f"{config.members} predictor.members"
            )
        super().__init__(config, token_size=token_size, embedding_size=size)
        self.size = size
        self.query_tokens = build_query_tokens(config.query_tokens)
        self.others = nn.ModuleList(
            Member(config, token_size=token_size, embedding_size=size, first=False)
            for _ in range(config.members - 1)
        )
        self.fixed = (
            FixedDirections(concepts.width, size=fixed, share=concepts.fixed_share)
            if concepts and fixed
            else None
        )
        self.hubness = PredictionHubness(hubness, size=embedding_size - 1) if hubness else None

    @property
    def members(self) -> list[Member]:
        """All of them, this one first."""
        return [self, *(member for member in self.others if isinstance(member, Member))]

    def forward(
        self, tokens: Tensor, query_ids: Tensor, query_mask: Tensor, token_mask: Tensor | None = None
    ) -> Tensor:
        """S_V and X_Q to Ŝ_Y.

        Args:
            tokens: S_V, float [B, N, D].
            query_ids: int [B, L].
            query_mask: [B, L], 1 for a query token and 0 for padding.
            token_mask: [B, N], 0 for visual tokens that are padding; None: all are valid.

        Returns:
            Ŝ_Y, float [B, E], not yet of unit length.
        """
        query = self.embed_queries(query_ids, query_mask)
        return self.predict(tokens, query, query_mask, token_mask)

    def embed_queries(self, query_ids: Tensor, query_mask: Tensor) -> Tensor:
        """X_Q, int [B, L], to query tokens [B, L, width], which equal queries can share."""
        embedded: Tensor = self.query_tokens(query_ids, query_mask)
        return embedded

    def predict(
        self, tokens: Tensor, query: Tensor, query_mask: Tensor, token_mask: Tensor | None = None
    ) -> Tensor:
        """As `forward`, from query tokens [B, L, width]."""
        if token_mask is None:
            token_mask = query_mask.new_ones(tokens.shape[:2])
        words = self.vision_input.words(tokens)
        predicted = join_members(
            [member.learnt(tokens, query, query_mask, token_mask, words) for member in self.members]
        )
        if self.fixed is not None and words is not None:
            predicted = self.fixed(predicted, mean_of_valid(words, token_mask))
        return predicted if self.hubness is None else self.hubness(predicted)


def attention_mask(valid: Tensor, *, causal: bool) -> Tensor:
    """Which positions may be attended to: bool [B, 1, S, S] (True: yes) from `valid` [B, S]."""
    length = valid.shape[1]
    mask = valid.bool()[:, None, None, :].expand(-1, 1, length, -1)
    if causal:
        mask = mask & torch.ones(length, length, dtype=torch.bool, device=valid.device).tril()
    return mask


def mean_of_valid(hidden: Tensor, valid: Tensor) -> Tensor:
    """The mean over the valid positions: [B, S, D] and [B, S] to [B, D]."""
    weights = valid.to(hidden.dtype).unsqueeze(-1)
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1.0)


def checkpoint_names(names: Iterable[str], *, layers: int) -> dict[str, str]:
    """Names in `Predictor` to those in a full Llama checkpoint, of which the last `layers` layers are taken."""
    own = {name.removeprefix("model."): name for name in names}
    numbers = [int(name.split(".")[1]) for name in own if name.startswith("layers.")]
    first = max(numbers, default=-1) + 1 - layers
    taken = {"norm.weight": own["norm.weight"]} if "norm.weight" in own else {}
    for name, theirs in own.items():
        if name.startswith("layers.") and (number := int(name.split(".")[1])) >= first:
            taken[f"layers.{number - first}.{name.split('.', 2)[2]}"] = theirs
    return taken


def to_transformers(config: LlamaPredictorConfig) -> LlamaConfig:
    """The same layers as a config of `transformers`."""
    rope: dict[str, object] = {"rope_type": "default", "rope_theta": config.rope_theta}
    if config.rope_scaling is not None:
        rope = {
            "rope_type": "llama3",
            "rope_theta": config.rope_theta,
            "factor": config.rope_scaling.factor,
            "low_freq_factor": config.rope_scaling.low_freq_factor,
            "high_freq_factor": config.rope_scaling.high_freq_factor,
            "original_max_position_embeddings": config.rope_scaling.original_max_positions,
        }
    llama = LlamaConfig(
        hidden_size=config.width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.kv_heads,
        head_dim=config.width // config.heads,
        intermediate_size=config.mlp_width,
        rms_norm_eps=config.norm_eps,
        max_position_embeddings=1 << 17,  # Llama 3.2's; used only by the library's check of `rope`
        rope_parameters=rope,
        attention_dropout=config.attention_dropout,
    )
    llama._attn_implementation = "sdpa"  # as PreTrainedModel sets it; the layers are used without one here
    return llama
