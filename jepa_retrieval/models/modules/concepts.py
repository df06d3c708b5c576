"""Concepts: what ImageNet classifiers see in a visual token, as words."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from jepa_retrieval.models.config import EFFICIENTNET_LITE_WIDTH, ConceptsConfig

TEMPLATES = ("{}", "a {}", "a photo of a {}.", "a photo of the {}.")


class ConceptInput(nn.Module):
    """Concepts lifted to the Predictor's width."""

    def __init__(self, config: ConceptsConfig, *, width: int) -> None:
        super().__init__()
        self.projection = nn.Linear(config.width, width)
        # The probabilities identify each picture of a small training set, so whole concepts are dropped.
        self.dropout = nn.Dropout1d(config.dropout)

    def forward(self, words: Tensor) -> Tensor:
        """Concepts as words, [B, N, width of the names], to [B, N, width]."""
        lifted: Tensor = self.projection(self.dropout(words))
        return lifted


class Concepts(ConceptInput):
    """The mean embedding of the classes' names, weighted by the classes' probabilities, lifted to the width.

    ConSE (Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings", arXiv 1312.5650).
    The classifiers are those that the X-Encoder was trained with, and stay frozen. So a picture of a class is found
    by words like the class's name, even if no caption of the training set has them.
    """

    names: Tensor

    def __init__(self, config: ConceptsConfig, *, width: int) -> None:
        super().__init__(config, width=width)
        self.classifiers = nn.ModuleList(
            nn.Linear(EFFICIENTNET_LITE_WIDTH, config.classes) for _ in config.sources
        )
        self.classifiers.requires_grad_(False)
        self.register_buffer("names", torch.zeros(config.classes, config.width))
        self.log_scale = nn.Parameter(torch.zeros(()))

    def words(self, tokens: Tensor) -> Tensor:
        """S_V [B, N, D] to the mean embedding of the names that fit, [B, N, width of the names]."""
        # The towers' last maps come first, in the towers' order.
        parts = tokens.split(EFFICIENTNET_LITE_WIDTH, dim=-1)[: len(self.classifiers)]
        logits = [classifier(part) for classifier, part in zip(self.classifiers, parts, strict=True)]
        mean = torch.stack(logits).mean(dim=0).float()
        shares = (mean * self.log_scale.exp()).softmax(dim=-1).to(self.names.dtype)
        return shares @ self.names

    @torch.no_grad()
    def fit(self, embeddings: Tensor) -> None:
        """Set the names' embeddings, float [classes, width]; they are standardised."""
        self.names.copy_((embeddings - embeddings.mean(dim=0)) / embeddings.std())


def class_names() -> list[str]:
    """The first name of each of ImageNet's 1,000 classes, from WordNet, in the usual order."""
    from timm.data.imagenet_info import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    return [info.index_to_description(index).split(",")[0] for index in range(info.num_classes())]


def checkpoint_names(names: Iterable[str]) -> dict[str, str]:
    """Names in a classifier to those in an EfficientNet checkpoint, timm's or one of the packages'."""
    heads = {"classifier", "_fc"}
    return {name.split(".")[-1]: name for name in names if name.split(".")[0] in heads}
