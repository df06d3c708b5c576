"""Dynamics learn a motion that "nothing changes" does not know, the same way each time."""

import numpy as np
import pytest
import torch

from jepa_retrieval.errors import UsageError
from jepa_retrieval.training.config import OptimConfig
from jepa_retrieval.training.dynamics import DynamicsSettings, StateStream, fit_projection, train_dynamics

OPTIM = OptimConfig(learning_rate=5e-3, schedule="one-cycle", clip_norm=1.0, ema_decay=0.9)
SETTINGS = DynamicsSettings(
    steps=60,
    batch_size=16,
    state_size=4,
    layers=1,
    width=32,
    context=4,
    shuffle=0.0,
    dropout=0.0,
    optim=OPTIM,
)


def circling(count: int = 12, windows: int = 30) -> list[StateStream]:
    """Videos whose states run round a circle, a sixth of it per window."""
    random = np.random.default_rng(0)
    streams = []
    for number in range(count):
        angles = random.random() * 6 + np.arange(windows) * np.pi / 3
        tokens = np.stack([np.cos(angles), np.sin(angles), 0 * angles, 0 * angles + 0.1 * number], axis=1)
        starts = np.arange(windows) / 2
        times = np.stack([starts, starts + 0.5], axis=1)
        streams.append(StateStream(f"{number}.mp4", times, tokens.astype(np.float32)))
    return streams


def test_a_motion_is_learnt_and_the_held_out_error_is_small() -> None:
    trained = train_dynamics(circling(), SETTINGS)
    assert trained.skill > 0.5
    assert trained.calibration.step == pytest.approx(0.5)
    ratios = np.array(trained.calibration.ratios)
    assert (np.diff(ratios, axis=1) >= 0).all()  # quantiles


def test_the_same_seed_gives_the_same_weights() -> None:
    few = DynamicsSettings(**{**SETTINGS.__dict__, "steps": 2})
    first, second = (train_dynamics(circling(4), few).module.state_dict() for _ in range(2))
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=0, atol=0)


def test_too_few_windows_are_an_error() -> None:
    with pytest.raises(UsageError, match="at least 2 videos"):
        train_dynamics(circling(1), SETTINGS)
    with pytest.raises(UsageError, match="20 windows"):
        train_dynamics(circling(3, windows=2), SETTINGS)


def test_states_have_a_mean_square_of_one() -> None:
    random = np.random.default_rng(3)
    tokens = [random.standard_normal((40, 10)).astype(np.float32) * np.arange(1, 11) + 5 for _ in range(3)]
    projection = fit_projection(tokens, 4, random)
    states = projection.states(np.concatenate(tokens))
    assert states.shape == (120, 4)
    assert np.mean(states**2) == pytest.approx(1.0, rel=0.05)
