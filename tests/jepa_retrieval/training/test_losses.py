import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from jepa_retrieval.training.config import LossConfig
from jepa_retrieval.training.losses import first_occurrences, joint_loss

SCALE = torch.tensor(7.0)


def unit(*shape: int, seed: int = 0) -> Tensor:
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def loss_of(predicted: Tensor, targets: Tensor, ids: Tensor, **settings: object) -> Tensor:
    features = F.normalize(targets, dim=-1)
    return joint_loss(predicted, targets, ids, SCALE, LossConfig(**settings), text_features=features)  # type: ignore[arg-type]


def test_with_one_positive_each_it_is_the_symmetric_cross_entropy() -> None:
    predicted, targets = unit(5, 8), unit(5, 8, seed=1)
    logits = SCALE * predicted @ targets.T
    expected = (F.cross_entropy(logits, torch.arange(5)) + F.cross_entropy(logits.T, torch.arange(5))) / 2
    assert torch.allclose(loss_of(predicted, targets[:, None], torch.arange(5)[:, None]), expected)


def test_several_positives_share_the_target_evenly() -> None:
    predicted, targets = unit(3, 8), unit(3, 2, 8, seed=1)
    logits = SCALE * predicted @ targets.flatten(0, 1).T
    rows = -logits.log_softmax(dim=1)
    per_row = torch.stack([rows[i, 2 * i : 2 * i + 2].mean() for i in range(3)]).mean()
    columns = -logits.log_softmax(dim=0)
    per_column = torch.stack([columns[j // 2, j] for j in range(6)]).mean()
    ids = torch.arange(6).view(3, 2)
    assert torch.allclose(loss_of(predicted, targets, ids), (per_row + per_column) / 2)


def test_equal_texts_are_one_positive_when_merged() -> None:
    predicted, distinct = unit(4, 8), unit(2, 8, seed=1)
    ids = torch.tensor([0, 1, 0, 1])
    merged = loss_of(predicted, distinct[ids][:, None], ids[:, None])
    logits = SCALE * predicted @ distinct.T
    rows = F.cross_entropy(logits, ids)
    columns = -logits.log_softmax(dim=0)
    per_column = torch.stack([columns[[0, 2], 0].mean(), columns[[1, 3], 1].mean()]).mean()
    assert torch.allclose(merged, (rows + per_column) / 2)
    assert loss_of(predicted, distinct[ids][:, None], ids[:, None], same_text="separate") > merged


def test_soft_targets_and_smoothing_are_least_where_the_prediction_follows_them() -> None:
    targets = unit(6, 8)
    ids = torch.arange(6)[:, None]
    for settings_ in (
        {"soft_target_weight": 0.5, "soft_target_temperature": 1 / 7.0},
        {"label_smoothing": 0.2},
    ):
        exact = loss_of(targets, targets[:, None], ids, **settings_)
        shuffled = loss_of(targets.roll(1, 0), targets[:, None], ids, **settings_)
        assert exact < shuffled
    # Targets that are wholly the texts' own similarity have no gradient where the prediction equals it.
    predicted = targets.clone().requires_grad_()
    loss_of(
        predicted, targets[:, None], ids, soft_target_weight=1.0, soft_target_temperature=1 / 7.0
    ).backward()
    assert predicted.grad is not None and predicted.grad.abs().max() < 1e-6


@pytest.mark.parametrize(("kind", "expected"), [("cosine", 1.0), ("l1", 2.0), ("l2", 2.0)])
def test_regression_losses(kind: str, expected: float) -> None:
    predicted = torch.tensor([[1.0, 0.0]])
    ids = torch.tensor([[0]])
    assert loss_of(predicted, torch.tensor([[[0.0, 1.0]]]), ids, kind=kind).item() == pytest.approx(expected)
    assert loss_of(predicted, predicted[:, None], ids, kind=kind).item() == pytest.approx(0.0)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
@settings(max_examples=50)
def test_first_occurrences_are_where_a_number_first_stands(numbers: list[int]) -> None:
    found = first_occurrences(torch.tensor(numbers)).tolist()
    assert found == [place for place, number in enumerate(numbers) if number not in numbers[:place]]
