import pytest
import torch
from torch.nn import functional

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.config import HubnessConfig
from jepa_retrieval.models.modules.hubness import PredictionHubness, TextHubness

CONFIG = HubnessConfig(bank=4, share=0.1, strength=0.5)


def unit(*shape: int) -> torch.Tensor:
    return functional.normalize(torch.randn(*shape, dtype=torch.float64), dim=-1)


def test_before_it_is_fitted_nothing_changes_in_a_ranking() -> None:
    pictures, texts = unit(5, 6), unit(7, 6)
    scores = TextHubness(CONFIG)(texts) @ PredictionHubness(CONFIG, size=6).double()(pictures).T
    assert torch.allclose(scores, 0.9**0.5 * texts @ pictures.T)


def test_half_of_the_hubness_is_subtracted() -> None:
    torch.manual_seed(1)
    bank, weights, pictures, texts = unit(4, 90), torch.tensor([0.1, 0.2, 0.3, 0.4]), unit(9, 90), unit(7, 90)
    predictions = PredictionHubness(CONFIG, size=90).double()
    predictions.fit(bank, weights.double(), pictures, temperature=0.5)
    hubness = 0.5 * ((pictures @ bank.T / 0.5).exp() @ weights.double()).log()
    correction = -0.5 * (hubness - hubness.mean())
    made = predictions(pictures)
    assert torch.allclose(made.norm(dim=-1), torch.ones(9).double())
    height = made[:, -1]
    assert torch.allclose(height * 0.1**0.5, 0.9**0.5 * correction)
    wanted = 0.9**0.5 * ((1 - height.square()).sqrt() * (texts @ pictures.T) + correction)
    assert torch.allclose(TextHubness(CONFIG)(texts) @ made.T, wanted)


def test_a_share_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(ModelError, match="share between 0 and 1"):
        HubnessConfig(bank=4, share=1.0)
