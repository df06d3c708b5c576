"""Weights in fewer bits."""

import pytest

torch = pytest.importorskip("torch")

from benchmarks.studies.weight_bits import rounded  # noqa: E402


@pytest.mark.parametrize(("bits", "error"), [(8, 0.004), (4, 0.08)])
def test_weights_are_off_by_half_a_step_at_most(bits: int, error: float) -> None:
    weights = torch.rand(5, 70) * 2 - 1
    found = rounded(weights, bits=bits, group=32)
    assert found.shape == weights.shape
    # Larger weights may be cut where that makes the sum of squares smaller.
    assert (found - weights).square().mean().sqrt() < error
    assert len(torch.unique(found[0, :32])) <= 2**bits


def test_a_group_of_small_weights_keeps_its_own_scale() -> None:
    weights = torch.cat([torch.full((1, 8), 100.0), torch.tensor([[0.01, -0.02, 0.03, 0.01] * 2])], dim=1)
    found = rounded(weights, bits=4, group=8)
    assert torch.allclose(found[:, 8:], weights[:, 8:], atol=0.003)
    assert not torch.allclose(rounded(weights, bits=4, group=16)[:, 8:], weights[:, 8:], atol=0.003)


def test_zeros_stay_zeros() -> None:
    assert not rounded(torch.zeros(2, 5), bits=4, group=4).any()
