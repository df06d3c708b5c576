"""Tokens made from classifier weights."""

import torch

from jepa_retrieval.training.class_features import SCORE_INCREASE, class_features


def test_a_classs_tokens_raise_its_score_most_in_every_classifier() -> None:
    torch.manual_seed(0)
    tokens = torch.rand(300, 45)
    # As for ImageNet's classes, no class's weights are mostly another's: here they are orthogonal.
    classifiers = [torch.eye(20)[:7], torch.eye(20)[5:12]]
    made = class_features(tokens, classifiers, views=5)
    assert made.shape == (7, 5, 1, 45)
    assert (made[..., :40] >= 0).all()
    parts = (made - tokens.mean(dim=0))[..., :40].chunk(2, dim=-1)
    for part, weight in zip(parts, classifiers, strict=True):
        scores = part[:, :, 0] @ (weight - weight.mean(dim=0)).T
        assert torch.equal(scores.argmax(dim=2), torch.arange(7)[:, None].expand(7, 5))


def test_the_score_rises_by_the_amount_that_is_drawn() -> None:
    torch.manual_seed(0)
    tokens = torch.rand(300, 20) + 50.0  # far from zero: nothing is clamped
    weight = torch.randn(5, 20)
    made = class_features(tokens, [weight], views=50)
    centred = weight - weight.mean(dim=0)
    raised = torch.stack([(made[c, :, 0] - tokens.mean(dim=0)) @ centred[c] for c in range(5)])
    noise = ((tokens - tokens.mean(dim=0)) @ centred.T).abs().max()
    assert raised.min() > SCORE_INCREASE[0] - noise
    assert raised.max() < SCORE_INCREASE[1] + noise


def test_channels_that_go_along_with_a_score_move_with_it() -> None:
    torch.manual_seed(0)
    seen = torch.rand(500, 4) + 50.0
    tokens = torch.cat([seen, 3.0 * seen[:, :1], torch.rand(500, 1)], dim=1)
    weight = torch.eye(4)
    moved = class_features(tokens, [weight], views=400).mean(dim=(1, 2)) - tokens.mean(dim=0)
    assert torch.allclose(moved[0, 4], 3.0 * moved[0, 0], rtol=0.02)
    assert moved[0, 5].abs() < 0.3 * moved[0, 0]
