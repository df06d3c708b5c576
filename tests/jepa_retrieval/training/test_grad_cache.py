from functools import partial

import pytest
import torch
from torch import Tensor, nn

from jepa_retrieval.training.config import LossConfig
from jepa_retrieval.training.grad_cache import backward
from jepa_retrieval.training.losses import joint_loss


def gradients(micro_batch: int, dropout: float) -> tuple[float, list[Tensor]]:
    torch.manual_seed(3)
    left = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, 8))
    right = nn.Linear(5, 8)
    log_scale = nn.Parameter(torch.tensor(1.0))
    x, y = torch.randn(12, 6), torch.randn(12, 5)

    def embed(part: slice) -> tuple[Tensor, Tensor]:
        a = nn.functional.normalize(left(x[part]), dim=-1)
        return a, nn.functional.normalize(right(y[part]), dim=-1)[:, None]

    def loss(a: Tensor, b: Tensor) -> Tensor:
        return joint_loss(a, b, torch.arange(12)[:, None], log_scale.exp(), LossConfig())

    torch.manual_seed(4)
    chunks = [partial(embed, slice(start, start + micro_batch)) for start in range(0, 12, micro_batch)]
    value = backward(chunks, loss)
    named = [*left.parameters(), *right.parameters(), log_scale]
    return value.item(), [parameter.grad for parameter in named if parameter.grad is not None]


@pytest.mark.parametrize("micro_batch", [1, 4, 5])
def test_micro_batches_give_the_gradients_of_the_whole_batch(micro_batch: int) -> None:
    whole_loss, whole = gradients(12, dropout=0.0)
    loss, parts = gradients(micro_batch, dropout=0.0)
    assert loss == pytest.approx(whole_loss, rel=1e-6)
    assert len(parts) == len(whole) == 7
    for one, other in zip(whole, parts, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-7)


def test_both_passes_see_the_same_dropout() -> None:
    """Dropout drawn anew in the second pass would give gradients of another function than the loss."""
    torch.manual_seed(0)
    layer, x = nn.Linear(4, 4, bias=False), torch.randn(6, 4)
    kept: list[Tensor] = []

    def embed(part: slice) -> tuple[Tensor]:
        mask = nn.functional.dropout(torch.ones(len(x[part]), 4), 0.5)
        kept.append(mask)
        return (layer(x[part]) * mask,)

    after_single = None
    backward([partial(embed, slice(0, 3)), partial(embed, slice(3, 6))], lambda e: e.square().sum())
    assert torch.equal(kept[0], kept[2]) and torch.equal(kept[1], kept[3])
    after_single = torch.rand(1)
    torch.manual_seed(0)
    nn.Linear(4, 4, bias=False), torch.randn(6, 4)
    for size in (3, 3):
        nn.functional.dropout(torch.ones(size, 4), 0.5)
    assert torch.equal(after_single, torch.rand(1)), "the generator must go on as after one pass"
