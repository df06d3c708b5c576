"""The ranking learns which state comes next, the same way each time, and NumPy computes what PyTorch does."""

import numpy as np
import torch

from jepa_retrieval.models.runtime.future_ranking import NumpyRanking, ranking_features
from jepa_retrieval.training.future_ranking import RankedVideo, train_ranking


def walk(seed: int, count: int = 30) -> RankedVideo:
    """States that move on by one step along a line of their own, with little noise."""
    random = np.random.default_rng(seed)
    way = random.standard_normal(8)
    states = np.arange(count)[:, None] * 0.2 * way / np.linalg.norm(way) + random.normal(0, 0.01, (count, 8))
    return RankedVideo(states.astype(np.float32), np.arange(count) / 2, np.zeros(count, int))


def test_the_state_that_comes_is_found_among_all_of_its_video() -> None:
    module = train_ranking([walk(seed) for seed in range(10)], steps=80, max_ahead=10.0, seed=0)
    assert module is not None
    ranking = NumpyRanking({name: value.numpy() for name, value in module.state_dict().items()})
    video = walk(60)
    best = [int(ranking(video.states, video.states[: row + 1], 2.0).argmax()) for row in range(5, 20)]
    assert np.abs(np.array(best) - np.arange(9, 24)).mean() < 1
    seen = video.states[:6]
    features = torch.from_numpy(ranking_features(video.states, seen, 2.0))
    with torch.no_grad():
        torch.testing.assert_close(
            module(features), torch.from_numpy(ranking(video.states, seen, 2.0)), rtol=1e-4, atol=1e-4
        )


def test_the_same_seed_gives_the_same_weights() -> None:
    first, second = (train_ranking([walk(1), walk(2)], steps=2, max_ahead=10.0, seed=3) for _ in range(2))
    assert first is not None and second is not None
    for name, value in first.state_dict().items():
        torch.testing.assert_close(value, second.state_dict()[name], rtol=0, atol=0)


def test_without_a_future_in_the_same_shot_there_is_no_ranking() -> None:
    video = walk(1)
    cut = RankedVideo(video.states, video.times, np.arange(len(video.states)))
    assert train_ranking([cut], steps=1, max_ahead=10.0, seed=0) is None
    assert train_ranking([video], steps=1, max_ahead=0.2, seed=0) is None
