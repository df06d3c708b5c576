"""The distance between predicted and target embeddings.

Bi-directional InfoNCE is VL-JEPA's loss (arXiv 2512.10942, section 3): its alignment pulls Ŝ_Y to S_Y, its in-batch
uniformity prevents collapse. Cosine, L1 and L2 only align; they serve the ablation with a frozen Y-Encoder.

Letters: B predicted embeddings, M target embeddings, E their size.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from jepa_retrieval.training.config import LossConfig
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
    predicted, ids = gather(predicted), gather(target_ids)
    flat_targets, flat_ids = gather(targets).flatten(0, 1), ids.flatten()
    own = torch.arange(len(flat_ids), device=flat_ids.device).view_as(ids)
    positive = torch.zeros(len(predicted), len(flat_ids), dtype=torch.bool, device=flat_ids.device)
    positive.scatter_(1, own, True)
    features = None if text_features is None else gather(text_features)
    if config.same_text == "merge":
        columns = first_occurrences(flat_ids)
        positive = (ids[:, :, None] == flat_ids[columns]).any(dim=1)
        flat_targets = flat_targets[columns]
    else:
        columns = own.flatten()
    soft = None
    if config.soft_target_weight and features is not None:
        similarity = features.mean(dim=1) @ features.flatten(0, 1)[columns].T
        soft = similarity / config.soft_target_temperature
    return info_nce(
        predicted,
        flat_targets,
        positive,
        scale,
        label_smoothing=config.label_smoothing,
        soft=soft,
        soft_weight=config.soft_target_weight,
    )


def info_nce(
    predicted: Tensor,
    targets: Tensor,
    positive: Tensor,
    scale: Tensor,
    *,
    label_smoothing: float = 0.0,
    soft: Tensor | None = None,
    soft_weight: float = 0.0,
) -> Tensor:
    """Bi-directional InfoNCE with any number of positives in rows and columns.

    Each row's target distribution is even over its positives, each column's over its own; with one positive each
    this is CLIP's symmetric cross entropy. `soft` (logits [B, M]) moves `soft_weight` of the target to its softmax.
    """
    logits = scale * predicted @ targets.T
    return 0.5 * (
        _cross_entropy(logits, positive, label_smoothing, soft, soft_weight)
        + _cross_entropy(logits.T, positive.T, label_smoothing, None if soft is None else soft.T, soft_weight)
    )


def _cross_entropy(
    logits: Tensor, positive: Tensor, smoothing: float, soft: Tensor | None, soft_weight: float
) -> Tensor:
    wanted = positive.to(logits.dtype)
    wanted = wanted / wanted.sum(dim=1, keepdim=True)
    if soft is not None:
        wanted = (1 - soft_weight) * wanted + soft_weight * soft.to(logits.dtype).softmax(dim=1)
    return F.cross_entropy(logits, wanted, label_smoothing=smoothing)


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
