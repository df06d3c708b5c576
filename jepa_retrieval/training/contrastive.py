"""Bi-directional InfoNCE of a batch that several processes share, each of which computes only its part of the logits.

With B pairs in P processes a process computes the B / P rows of its predictions and the B / P columns of its texts,
a block of rows at a time, and forgets a block once its part of the gradients is taken. So the B x B logits are never
in memory, and no process computes what another one does. Gradients are those of the loss on all logits:

    L = sum_r w_r (logsumexp_c z_rc - sum_c t_rc z_rc),  z = s P T^T,  dL/dz = w (softmax(z) - t),

in both directions, with w = 1 / (2 rows). The arithmetic is always float32, under autocast too.

Letters: B predictions, C columns (texts) of all processes, K texts of a prediction, E size of an embedding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from jepa_retrieval.training.distributed import (
    gather_rows,
    own_rows,
    process_count,
    sum_over_processes,
    sum_own_rows,
)

MAX_BLOCK = (
    8_000_000  # logits that are in memory at once; some five times as many floats with what is made of them
)


@dataclass(frozen=True)
class Pairs:
    """Targets of the loss: which texts match which predictions, and with what weight.

    Args:
        ids: int64 [B, K], numbers of the texts that are right for each prediction of all processes.
        columns: int64 [C], the number of each column.
        valid: bool [C], false for columns that repeat another one and do not count; None: all count.
        smoothing: part of the targets that is spread evenly over all columns.
        soft_weight: part of the targets that follows the similarity of the texts.
        row_features: float [B, F] of the texts of each prediction, for soft targets; divided by the temperature.
        column_features: float [C, F], unit length.
    """

    ids: Tensor
    columns: Tensor
    valid: Tensor | None = None
    smoothing: float = 0.0
    soft_weight: float = 0.0
    row_features: Tensor | None = None
    column_features: Tensor | None = None

    @property
    def count(self) -> int:
        """How many columns count."""
        return len(self.columns) if self.valid is None else int(self.valid.sum())

    def of_rows(self, rows: Tensor) -> Tensor:
        """Targets of predictions, int [c], over the columns: float [c, C], each row sums to 1."""
        right = torch.zeros(len(rows), len(self.columns), dtype=torch.bool, device=self.ids.device)
        for text in self.ids[rows].T:
            right |= text[:, None] == self.columns
        return self._mixed(right, self.valid, self.row_features, self.column_features, rows)

    def of_columns(self, columns: Tensor) -> Tensor:
        """Targets of columns, int [c], over the predictions: float [c, B], each row sums to 1."""
        right = torch.zeros(len(columns), len(self.ids), dtype=torch.bool, device=self.ids.device)
        for text in self.ids.T:
            right |= self.columns[columns, None] == text
        return self._mixed(right, None, self.column_features, self.row_features, columns)

    def _mixed(
        self, right: Tensor, valid: Tensor | None, own: Tensor | None, others: Tensor | None, rows: Tensor
    ) -> Tensor:
        if valid is not None:
            right &= valid
        wanted = right.float()
        wanted /= wanted.sum(dim=1, keepdim=True)
        if self.soft_weight and own is not None and others is not None:
            logits = own[rows] @ others.T
            if valid is not None:
                logits.masked_fill_(~valid, -torch.inf)
            wanted = wanted.mul_(1 - self.soft_weight).add_(logits.softmax(dim=1), alpha=self.soft_weight)
        if self.smoothing:
            count = wanted.shape[1] if valid is None else int(valid.sum())
            even = torch.full((wanted.shape[1],), self.smoothing / count, device=wanted.device)
            wanted = wanted.mul_(1 - self.smoothing).add_(even if valid is None else even * valid)
        return wanted


def contrastive_loss(predicted: Tensor, targets: Tensor, scale: Tensor, pairs: Pairs) -> Tensor:
    """The loss of the joint batch; the same number in each process.

    After the backward pass the mean over processes of a weight's gradients is that of the joint batch.

    Args:
        predicted: Ŝ_Y float [B / P, E] of this process, unit length.
        targets: S_Y float [C / P, E] of this process, unit length.
        scale: float, 1 / temperature.
        pairs: of all processes.
    """
    with torch.autocast(predicted.device.type, enabled=False):
        loss: Tensor = _ContrastiveLoss.apply(predicted.float(), targets.float(), scale.float(), pairs)
    return loss


class _ContrastiveLoss(torch.autograd.Function):
    """Gradients are computed with the loss, block by block, and kept until they are asked for."""

    @staticmethod
    def forward(ctx: Any, predicted: Tensor, targets: Tensor, scale: Tensor, pairs: Pairs) -> Tensor:
        rows = own_rows(len(pairs.ids), predicted.device)
        columns = own_rows(len(pairs.columns), targets.device)
        if pairs.valid is not None:
            columns = columns[pairs.valid[columns]]
        local = columns - own_rows(len(pairs.columns), targets.device)[0]
        of_rows = _Direction(
            predicted, rows, pairs.of_rows, pairs.valid, weight=0.5 / len(pairs.ids), scale=scale
        )
        of_columns = _Direction(
            targets[local], columns, pairs.of_columns, None, weight=0.5 / pairs.count, scale=scale
        )
        sums = torch.zeros(2, device=predicted.device)  # loss, and its gradient to the scale
        row_gradient, columns_gradient = of_rows.run(gather_rows(targets), sums)
        target_gradient = sum_own_rows(columns_gradient)
        del columns_gradient
        column_gradient, rows_gradient = of_columns.run(gather_rows(predicted), sums)
        target_gradient[local] += column_gradient
        predicted_gradient = sum_own_rows(rows_gradient).add_(row_gradient)
        sum_over_processes(sums)
        ctx.save_for_backward(predicted_gradient, target_gradient, sums[1])
        return sums[0].clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (gradient,) = gradients
        predicted, targets, scale = ctx.saved_tensors
        # An embedding's gradient is complete here; that of a weight is the sum over processes, of which the mean is
        # taken. The scale's is the whole sum in every process already.
        factor = gradient * process_count()
        return predicted * factor, targets * factor, scale * gradient, None


@dataclass
class _Direction:
    """The cross entropy of some rows of the logits."""

    embeddings: Tensor  # float [R, E] of the rows
    rows: Tensor  # int [R], their numbers in the joint batch
    targets: Callable[[Tensor], Tensor]  # numbers int [c] to float [c, N]
    valid: Tensor | None  # bool [N], which columns count
    weight: float  # of a row in the loss
    scale: Tensor

    def run(self, others: Tensor, sums: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of the rows [R, E] and of what they are compared with, float [N, E]; adds to `sums`."""
        own, theirs = torch.empty_like(self.embeddings), torch.zeros_like(others)
        step = max(1, MAX_BLOCK // max(1, len(others)))
        for begin in range(0, len(self.rows), step):
            part = slice(begin, begin + step)
            gradient = self._block(part, others, sums)
            torch.mm(gradient, others, out=own[part])
            theirs.addmm_(gradient.T, self.embeddings[part])
        return own.mul_(self.scale), theirs.mul_(self.scale)

    def _block(self, part: slice, others: Tensor, sums: Tensor) -> Tensor:
        """The gradient of the loss to some rows of the logits, float [c, N]."""
        cosines = self.embeddings[part] @ others.T
        wanted = self.targets(self.rows[part])
        logits = cosines * self.scale
        sums[0] -= self.weight * (wanted * logits).sum()
        if self.valid is not None:
            logits.masked_fill_(~self.valid, -torch.inf)
        normaliser = logits.logsumexp(dim=1, keepdim=True)
        sums[0] += self.weight * normaliser.sum()
        gradient = logits.sub_(normaliser).exp_().sub_(wanted).mul_(self.weight)
        sums[1] += (gradient * cosines).sum()
        return gradient
