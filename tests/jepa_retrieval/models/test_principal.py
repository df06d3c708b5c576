"""Principal directions: orthonormal, of the greatest spread first, and the same ones whatever was drawn before."""

import numpy as np
import pytest
import torch

from jepa_retrieval.models.principal import principal_directions
from jepa_retrieval.training.dynamics import fit_projection


def test_directions_of_the_greatest_spread() -> None:
    random = np.random.default_rng(0)
    axes, _ = np.linalg.qr(random.normal(size=(6, 6)))
    sample = random.normal(size=(4000, 6)) * [9, 7, 5, 3, 2, 1] @ axes
    found = principal_directions(sample, 3)
    np.testing.assert_allclose(found.T @ found, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(np.abs(found.T @ axes.T), np.eye(3, 6), atol=0.05)


@pytest.mark.parametrize("shape", [(3, 8), (8, 3), (1, 1)])
def test_there_are_no_more_than_rows_or_columns(shape: tuple[int, int]) -> None:
    sample = np.random.default_rng(1).normal(size=shape)
    assert principal_directions(sample, 100).shape == (shape[1], min(shape))


def test_the_sign_is_always_the_same() -> None:
    sample = np.random.default_rng(2).normal(size=(200, 5)) * [5, 4, 3, 2, 1]
    turned = principal_directions(sample[::-1] * -1, 5)
    np.testing.assert_allclose(principal_directions(sample, 5), turned, atol=1e-9)


def test_a_projection_does_not_depend_on_what_was_drawn_before() -> None:
    tokens = [np.random.default_rng(3).normal(size=(300, 24)).astype(np.float32)]
    first = fit_projection(tokens, 8, np.random.default_rng(0))
    torch.rand(5)
    again = fit_projection(tokens, 8, np.random.default_rng(0))
    np.testing.assert_array_equal(first.basis, again.basis)
