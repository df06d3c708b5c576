"""Means of weights."""

import pytest

torch = pytest.importorskip("torch")

from benchmarks.studies.averaged_weights import mean_of  # noqa: E402


def test_the_mean_of_equal_weights_is_equal_to_them_to_the_last_bit() -> None:
    weights = torch.rand(1000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(mean_of([weights] * 5), weights)


def test_the_mean_of_different_weights_lies_in_the_middle() -> None:
    assert torch.equal(
        mean_of([torch.tensor([1.0, 4.0]), torch.tensor([3.0, 4.0])]), torch.tensor([2.0, 4.0])
    )
