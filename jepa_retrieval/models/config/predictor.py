"""The section `predictor` of a model's config."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.config.ranges import (
    Dropout,
    Epsilon,
    Heads,
    Layers,
    OptionalWidth,
    RopeTheta,
    Share,
    Tokens,
    Vocabulary,
    Width,
    check_multiple,
)
from jepa_retrieval.models.config.text_towers import BertConfig


@dataclass(frozen=True, kw_only=True)
class Llama3RopeConfig:
    """Llama 3's scaling of the rotary frequencies for long contexts."""

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_max_positions: Tokens


@dataclass(frozen=True, kw_only=True)
class TokenTableConfig:
    """Query tokens from an embedding table, as in the paper."""

    kind: Literal["table"]
    source: str | None  # a Llama or BERT checkpoint that holds the table
    tokenizer: str  # tokenizer.json: a path, or the same forms as `source`
    vocabulary: Vocabulary
    width: Width
    frozen: bool = True


QueryTokensConfig = TokenTableConfig | BertConfig


@dataclass(frozen=True, kw_only=True)
class ConceptsConfig:
    """ImageNet's classes as words: for every visual token a second one, the mean of the embeddings of class names.

    The mean is weighted with the probabilities that ImageNet classifiers give the classes: ConSE, Norouzi et al.,
    arXiv 1312.5650. There is one classifier per EfficientNet-Lite tower, and the towers' features must be joined by
    channels.
    """

    sources: tuple[str, ...]  # a checkpoint with the classifier of each tower, in the towers' order
    width: Width  # of the names' embeddings, which the Y-Encoder's text tower makes
    classes: Width = 1000
    dropout: Dropout = 0.0  # share of the concepts that are dropped in training
    fixed_directions: OptionalWidth = (
        0  # dimensions of the shared space that hold the concepts themselves; 0: none
    )
    fixed_share: Share = 0.0  # their share of a vector's squared length


@dataclass(frozen=True, kw_only=True)
class HubnessConfig:
    """A dimension of the shared space that subtracts a share of each picture's hubness from its scores."""

    bank: Tokens  # centres of clusters of captions, which stand for captions in general
    share: Share  # the dimension's share of a text's squared length
    strength: float = 0.5  # share of the hubness that is subtracted

    def __post_init__(self) -> None:
        """Raise `ModelError` unless the bank has a centre and the share is between 0 and 1."""
        if not 0 < self.share < 1 or self.bank < 1:
            raise ModelError("predictor.hubness needs bank >= 1 and share between 0 and 1")


@dataclass(frozen=True, kw_only=True)
class LlamaPredictorConfig:
    """Llama-style layers over visual tokens and then query tokens; the mean of valid positions is Ŝ_Y."""

    kind: Literal["llama"]
    source: str | None  # a full Llama checkpoint: the *last* `layers` layers and the final norm are taken
    query_tokens: QueryTokensConfig
    layers: Layers
    width: Width
    heads: Heads
    kv_heads: Heads
    mlp_width: Width
    rope_theta: RopeTheta
    rope_scaling: Llama3RopeConfig | None = None
    norm_eps: Epsilon = 1e-5
    causal: bool = False  # True only for the ablation
    max_query_tokens: Tokens = 512
    # For a small predictor that is trained on little data; the paper's uses none of these.
    vision_hidden: OptionalWidth = 0  # hidden width of an MLP for visual tokens; 0: a linear layer instead
    vision_norm: bool = False  # standardise each visual channel by its mean and deviation in the training set
    vision_positions: OptionalWidth = 0  # learnt embeddings of a visual token's place in its frame; 0: none
    concepts: ConceptsConfig | None = None  # None: visual tokens only
    # Members of an ensemble, over the same query tokens and concepts, each with its own head of the Y-Encoder. Each
    # gets an equal share of the learnt dimensions, and the cosine is the mean of theirs (modules/ensemble.py).
    members: Layers = 1
    hubness: HubnessConfig | None = None  # None: no correction (modules/hubness.py)
    token_types: bool = False  # learnt embeddings that tell visual from query tokens
    vision_dropout: Dropout = 0.0  # of the channels of visual tokens
    hidden_dropout: Dropout = 0.0  # inside the MLP of `vision_hidden`
    dropout: Dropout = 0.0  # of every layer's update, and of the pooled output
    attention_dropout: Dropout = 0.0
    frozen: bool = False

    def __post_init__(self) -> None:
        """Raise `ModelError` for several members with pretrained layers, which exist only once."""
        if self.members < 1 or (self.members > 1 and self.source is not None):
            raise ModelError(
                f"predictor.members is {self.members} (allowed: 1; more for a predictor without a source)"
            )
        check_multiple("predictor.width", self.width, "predictor.heads", self.heads)
        check_multiple("predictor.heads", self.heads, "predictor.kv_heads", self.kv_heads)


@dataclass(frozen=True, kw_only=True)
class MeanPoolConfig:
    """The predictor of a CLIP-style model: the mean of the unit frame embeddings. It ignores the query."""

    kind: Literal["mean_pool"]


PredictorConfig = LlamaPredictorConfig | MeanPoolConfig
