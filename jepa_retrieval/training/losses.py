"""The distance between predicted and target embeddings.

Bi-directional InfoNCE is VL-JEPA's loss (arXiv 2512.10942, section 3): its alignment pulls Ŝ_Y to S_Y, its in-batch
uniformity prevents collapse. Cosine, L1 and L2 only align; they serve the ablation with a frozen Y-Encoder.

Letters: B predicted embeddings, M target embeddings, E their size.
"""

from __future__ import annotations

import torch
from torch import Tensor

from jepa_retrieval.training.config import LossConfig
from jepa_retrieval.training.contrastive import Pairs, contrastive_loss
from jepa_retrieval.training.distributed import gather


def joint_loss(
    predicted: Tensor,
    targets: Tensor,
    target_ids: Tensor,
    scale: Tensor,
    config: LossConfig,
    *,
    text_features: Tensor | None = None,
) -> Tensor:
    """The loss of the batch that all processes hold together; the same number in each of them.

    Args:
        predicted: Ŝ_Y float [B, E] of this process, unit length.
        targets: S_Y float [B, K, E] of this process, unit length; K texts are right for each prediction.
        target_ids: int64 [B, K]; equal texts have equal numbers, in every process.
        scale: float, factor of the cosine similarities, 1 / temperature.
        config: kind of loss and of targets.
        text_features: float [B, K, F] of the texts, unit length, for soft targets.
    """
    if config.kind != "infonce":
        return regression_loss(gather(predicted), gather(targets), config.kind)
    ids = gather(target_ids)
    flat = ids.flatten()
    valid = None
    if config.same_text == "merge":
        valid = torch.zeros(len(flat), dtype=torch.bool, device=flat.device)
        valid[first_occurrences(flat)] = True
    else:
        flat = torch.arange(len(flat), device=flat.device)
        ids = flat.view_as(ids)
    soft = text_features if config.soft_target_weight else None
    features = None if soft is None else gather(soft.float())
    pairs = Pairs(
        ids,
        flat,
        valid,
        smoothing=config.label_smoothing,
        soft_weight=config.soft_target_weight,
        row_features=None if features is None else features.mean(dim=1) / config.soft_target_temperature,
        column_features=None if features is None else features.flatten(0, 1),
    )
    return contrastive_loss(predicted, targets.flatten(0, 1), scale, pairs)


def regression_loss(predicted: Tensor, targets: Tensor, kind: str) -> Tensor:
    """Mean distance of [B, E] to [B, K, E]: ``cosine`` (1 - cosine), ``l1`` or ``l2`` (squared), summed over E."""
    difference = predicted[:, None] - targets
    if kind == "cosine":
        return (1 - (predicted[:, None] * targets).sum(dim=-1)).mean()
    if kind == "l1":
        return difference.abs().sum(dim=-1).mean()
    return difference.square().sum(dim=-1).mean()


def first_occurrences(ids: Tensor) -> Tensor:
    """Positions, ascending, where each number of int64 [M] stands for the first time."""
    order = torch.sort(ids, stable=True).indices
    ordered = ids[order]
    is_first = torch.ones_like(ordered, dtype=torch.bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return order[is_first].sort().values
