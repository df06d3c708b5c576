"""What other networks know of the pictures that a small network of caption_networks.py is trained on.

Letters: B pictures of a batch, U different texts of a batch, C features of a picture, E size of a teacher's
embedding, W of the student's. A picture whose row is not a number has no teacher: it is learnt from its captions
alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

SELF = -1e4  # logit of a picture with itself, where only the others count


@dataclass(frozen=True, eq=False)
class Teachers:
    """What to distil: embeddings of models, one after the other, each of unit length; their cosine is the mean."""

    count: int
    pictures: dict[str, Tensor]  # by source, float16 [pictures, views, sum of E]
    texts: Tensor  # float16 [T, sum of E]


@dataclass(frozen=True, eq=False)
class Guide:
    """Features of the pictures by another network, and what each use of them weighs in the loss."""

    features: dict[str, Tensor]  # by source, float [pictures, C], unit length; not every source must be there
    shared_texts: float = 0.0  # share of the targets: pictures that look alike share their texts
    relations: float = 0.0  # the cosines of pictures with each other follow those of the features
    prediction: float = 0.0  # the features are predicted, against those of the batch's other pictures
    temperature: float = 0.1  # of the features' cosines
    predicted_temperature: float = 0.07

    @property
    def size(self) -> int:
        """C."""
        return next(iter(self.features.values())).shape[1]

    def rows(self, source: str, pictures: Tensor) -> Tensor:
        """Float [B, C] of some pictures of a source."""
        if source not in self.features:
            return torch.full((len(pictures), self.size), torch.nan)
        return self.features[source][pictures].float()


def standardised(features: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Features [pictures, C] by source with mean 0 and deviation 1 in every channel over all, then of unit length."""
    together = torch.cat(list(features.values())).float()
    together = together[~together.isnan().any(dim=1)]
    mean, deviation = together.mean(0), together.std(0).clamp(min=1e-6)
    return {
        name: functional.normalize((of.float() - mean) / deviation, dim=1) for name, of in features.items()
    }


def taught_targets(
    teachers: Teachers, taught: Tensor, texts: Tensor, right: Tensor, temperature: float
) -> list[Tensor]:
    """The teachers' choice of texts for pictures, [B, U], and of pictures for texts, [U, B]; rows may be NaN.

    Args:
        teachers: whose texts are used.
        taught: their embeddings of the pictures [B, sum of E].
        texts: rows of the U texts, int64.
        right: 1 where a text belongs to a picture, else 0, [B, U].
        temperature: of the mean cosine.
    """
    known = ~taught.isnan().any(dim=1)
    logits = taught.nan_to_num() @ teachers.texts[texts].float().T / (teachers.count * temperature)
    of_pictures = logits.softmax(1)
    of_pictures[~known] = torch.nan
    of_texts = logits.T.masked_fill(~known, SELF).softmax(1)
    of_texts[right[known].sum(dim=0) == 0] = torch.nan
    return [of_pictures, of_texts]


def shared_targets(right: Tensor, shown: Tensor, temperature: float) -> list[Tensor]:
    """Texts for pictures, [B, U], and pictures for texts, [U, B]: a picture shares its own with those like it.

    `right` is 1 where a text belongs to a picture, else 0, [B, U]; `shown` are features [B, C], unit length.
    """
    known = ~shown.isnan().any(dim=1)
    seen = shown.nan_to_num()
    logits = (seen @ seen.T / temperature).masked_fill(~known, SELF)
    alike = logits.softmax(1)
    alike[~known] = torch.eye(len(right))[~known]
    of_pictures = alike @ (right / right.sum(1, keepdim=True))
    return [of_pictures, (right / right.sum(0, keepdim=True)).T @ alike]


def blended(own: list[Tensor], soft: list[Tensor], share: float) -> list[Tensor]:
    """Targets of which `share` is soft; rows that the teacher does not know (NaN) stay as they are."""
    return [
        torch.where(of.isnan(), of_own, (1 - share) * of_own + share * of)
        for of_own, of in zip(own, soft, strict=True)
    ]


def guidance_loss(guide: Guide, shown: Tensor, seen: Tensor, predicted: Tensor | None) -> Tensor:
    """What the relations and the prediction of features add to the loss of a batch.

    Args:
        guide: the weights of both.
        shown: features [B, C], unit length; not a number where there are none.
        seen: the student's embeddings of the pictures [B, W], unit length.
        predicted: what it makes of the features [B, C], of any length; None where it predicts none.
    """
    known = ~shown.isnan().any(dim=1)
    shown, seen = shown[known], seen[known]
    loss = torch.zeros(())
    if not len(shown):
        return loss
    if guide.relations:
        self_pairs = torch.eye(len(shown), dtype=torch.bool)
        wanted = (shown @ shown.T / guide.temperature).masked_fill(self_pairs, SELF).softmax(1)
        found = (seen @ seen.T / guide.temperature).masked_fill(self_pairs, SELF).log_softmax(1)
        loss = loss + guide.relations * functional.kl_div(found, wanted, reduction="batchmean")
    if guide.prediction and predicted is not None:
        cosines = functional.normalize(predicted[known].float(), dim=1) @ shown.T
        logits = cosines / guide.predicted_temperature
        right = torch.arange(len(shown))
        both = functional.cross_entropy(logits, right) + functional.cross_entropy(logits.T, right)
        loss = loss + guide.prediction * both / 2
    return loss
