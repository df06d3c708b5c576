"""Dimensions of the shared space that no training moves."""

import pytest
import torch
from torch import nn

from jepa_retrieval.models.modules.fixed_directions import FixedDirections, HeadWithFixedDirections


@pytest.fixture
def fixed() -> FixedDirections:
    module = FixedDirections(6, size=3, share=0.25)
    torch.manual_seed(0)
    module.fit(torch.randn(20, 6))
    return module


def test_the_cosine_is_a_weighted_sum_of_both_cosines(fixed: FixedDirections) -> None:
    learnt, words = torch.randn(2, 4), torch.randn(2, 6)
    whole = fixed(learnt, words)
    assert whole.shape == (2, 7)
    assert torch.allclose(whole.norm(dim=1), torch.ones(2))
    of_learnt = torch.cosine_similarity(learnt[0], learnt[1], dim=0)
    of_fixed = torch.cosine_similarity(words[0] @ fixed.basis, words[1] @ fixed.basis, dim=0)
    assert torch.allclose(whole[0] @ whole[1], 0.75 * of_learnt + 0.25 * of_fixed, atol=1e-6)


def test_directions_are_those_in_which_the_names_differ_most() -> None:
    module = FixedDirections(4, size=2, share=0.5)
    module.fit(torch.randn(50, 4) * torch.tensor([5.0, 0.1, 3.0, 0.1]))
    assert torch.allclose(module.basis.T @ module.basis, torch.eye(2), atol=1e-5)
    assert module.basis[[1, 3]].abs().max() < 0.1


def test_the_head_learns_only_its_own_dimensions(fixed: FixedDirections) -> None:
    head = HeadWithFixedDirections(nn.Linear(6, 4), fixed)
    before = head(torch.ones(1, 6)).detach()
    optimizer = torch.optim.SGD(head.parameters(), lr=0.5)
    head(torch.ones(1, 6))[:, 0].sum().backward()
    optimizer.step()
    after = head(torch.ones(1, 6))
    assert torch.equal(after[:, 4:], before[:, 4:])
    assert not torch.allclose(after[:, :4], before[:, :4])
