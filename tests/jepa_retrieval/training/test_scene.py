"""Scene dynamics learn how fast things move in a scene: what is faster surprises, what is usual does not."""

import numpy as np
import pytest
import torch

from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.modules.scene import SceneDynamics, of_picture
from jepa_retrieval.training.scene import SceneSettings, as_channels, train_scene

SIDE = 16
SETTINGS = SceneSettings(lag=2, steps=80, batch_size=8)


def walking(seed: int, *, speed: float = 0.25, frames: int = 40) -> np.ndarray:
    """Cells, float16 [T, SIDE, SIDE, 2], over which a bright spot moves along its row."""
    random = np.random.default_rng(seed)
    row, start = random.integers(4, SIDE - 4), random.random() * SIDE
    places = (start + speed * np.arange(frames)) % SIDE
    x, y = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    far = np.stack([np.hypot(x - place, y - row) for place in places])
    spot = np.exp(-((far / 1.5) ** 2))
    noise = 0.02 * random.standard_normal((frames, SIDE, SIDE, 2))
    return (np.stack([spot, -spot], axis=-1) + noise).astype(np.float16)


def surprise(module: SceneDynamics, cells: np.ndarray) -> float:
    maps = module.maps(as_channels(cells[:-2]), as_channels(cells[2:]))
    return float(of_picture(maps.surprise, top=10).mean())


def test_what_moves_faster_than_in_training_surprises() -> None:
    module = train_scene([walking(seed) for seed in range(6)], SETTINGS)
    usual, faster = surprise(module, walking(50)), surprise(module, walking(50, speed=1.0))
    assert faster > usual + 1.0


def test_training_is_the_same_for_the_same_seed() -> None:
    few = SceneSettings(lag=2, steps=2)
    first, second = (train_scene([walking(0), walking(1)], few).state_dict() for _ in range(2))
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=0, atol=0)


def test_videos_that_are_too_short_are_an_error() -> None:
    with pytest.raises(UsageError, match="more than 2 frames"):
        train_scene([walking(0, frames=2)], SETTINGS)
