"""The dynamics: the NumPy network is the PyTorch one, and files are what was saved."""

import dataclasses
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.config.dynamics import RANKING_FEATURES, DynamicsConfig, weight_shapes
from jepa_retrieval.models.cuts import find_cuts
from jepa_retrieval.models.dynamics_files import (
    LEVELS,
    DynamicsCalibration,
    Projection,
    read_header,
    read_projection,
    read_whole,
    save_dynamics,
)
from jepa_retrieval.models.modules.dynamics import Dynamics
from jepa_retrieval.models.modules.future_ranking import FutureRanking
from jepa_retrieval.models.runtime.dynamics import DynamicsModel
from jepa_retrieval.models.runtime.future_ranking import ranking_features
from jepa_retrieval.models.runtime.numpy_dynamics import NumpyDynamics

CONFIG = DynamicsConfig(token_size=9, state_size=6, width=32, heads=4, mlp_width=48, context=4)
CALIBRATION = DynamicsCalibration(
    horizons=(1.0, 4.0),
    ratios=tuple(tuple(float(level) for level in LEVELS) for _ in range(3)),
    unrelated=1.5,
    neighbours=0.2,
    windows=40,
    step=0.5,
)


def module(seed: int = 0) -> Dynamics:
    torch.manual_seed(seed)
    made = Dynamics(CONFIG).eval()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made


def saved(path: Path, made: Dynamics | None = None) -> Path:
    random = np.random.default_rng(0)
    basis = np.linalg.qr(random.standard_normal((9, 6)))[0].astype(np.float32) / 2
    projection = Projection(np.arange(9, dtype=np.float32), np.ones(9, np.float32), basis)
    save_dynamics(path, made or module(), CONFIG, projection, CALIBRATION, fingerprint="f")
    return path


@settings(max_examples=10, deadline=None)
@given(length=st.integers(1, 9), seed=st.integers(0, 100))
def test_numpy_computes_what_pytorch_does(length: int, seed: int) -> None:
    made = module(seed)
    weights = {name: value.numpy() for name, value in made.state_dict().items()}
    assert {name: value.shape for name, value in weights.items()} == weight_shapes(CONFIG)
    states, times = torch.randn(2, length, 6), torch.rand(2, 2, length) * 5
    expected = made(states, times[0], times[1]).detach().numpy()
    found = NumpyDynamics(CONFIG, weights)(states.numpy(), times[0].numpy(), times[1].numpy())
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_a_prediction_does_not_depend_on_what_comes_later() -> None:
    made = module()
    states, times = torch.randn(1, 8, 6), torch.ones(1, 8)
    other = states.clone()
    other[:, 5:] += 1
    before, after = (made(one, times, times)[:, :5] for one in (states, other))
    torch.testing.assert_close(before, after, atol=1e-5, rtol=1e-5)


def test_a_fresh_network_begins_near_nothing_changes() -> None:
    states = torch.randn(1, 1, 6)
    times = torch.ones(1, 1)
    torch.testing.assert_close(Dynamics(CONFIG).eval()(states, times, times)[..., :-1], states)


def test_long_sequences_are_predicted_in_blocks_from_the_states_before_them(tmp_path: Path) -> None:
    dynamics = DynamicsModel(read_header(saved(tmp_path / "d.safetensors")))
    random = np.random.default_rng(1)
    states = random.standard_normal((23, 6)).astype(np.float32)
    times = np.cumsum(random.random(23) + 0.1)
    whole = dynamics.next_states(states, times)
    assert whole.states.shape == (22, 6) and (whole.expected > 0).all()
    # Within the first block everything before counts, so a shorter sequence gives the same.
    first = dynamics.next_states(states[:8], times[:8])
    np.testing.assert_allclose(first.states, whole.states[:7], atol=1e-4)
    assert dynamics.next_states(states[:1], times[:1]).states.shape == (0, 6)
    # Many at once give what each gives alone.
    lengths = (1, 5, 23, 9)
    found = dynamics.next_states_of([(states[:count], times[:count]) for count in lengths])
    for count, together in zip(lengths, found, strict=True):
        alone = dynamics.next_states(states[:count], times[:count])
        np.testing.assert_allclose(together.states, alone.states, atol=1e-5)
        np.testing.assert_allclose(together.expected, alone.expected, rtol=1e-4)
    assert [len(one.states) for one in dynamics.next_states_of([(states[:1], times[:1])])] == [0]


def test_a_rollout_reaches_any_horizon_and_is_less_sure_the_farther(tmp_path: Path) -> None:
    made = module()
    with torch.no_grad():
        made.error.weight.zero_()
        made.error.bias.zero_()
    dynamics = DynamicsModel(read_header(saved(tmp_path / "d.safetensors", made)))
    states = np.random.default_rng(2).standard_normal((6, 6)).astype(np.float32)
    expected = [dynamics.ahead(states, np.arange(6) / 2, seconds)[1] for seconds in (5.0, 25.0, 95.0)]
    assert expected == sorted(expected) and expected[2] > 2 * expected[0]


def test_a_file_holds_the_ranking_if_it_was_trained(tmp_path: Path) -> None:
    assert DynamicsModel(read_header(saved(tmp_path / "without.safetensors"))).ranking is None
    made, random = module(), np.random.default_rng(0)
    made.ranking = FutureRanking(torch.zeros(RANKING_FEATURES), torch.ones(RANKING_FEATURES), width=8)
    with_ranking = dataclasses.replace(CONFIG, ranking_width=8)
    path = tmp_path / "with.safetensors"
    projection = Projection(np.zeros(9, np.float32), np.ones(9, np.float32), np.eye(9, 6, dtype=np.float32))
    save_dynamics(path, made, with_ranking, projection, CALIBRATION, fingerprint="f")
    ranking = DynamicsModel(read_whole(path)).ranking
    assert ranking is not None
    candidates, seen = (random.standard_normal((count, 6)).astype(np.float32) for count in (5, 3))
    with torch.no_grad():
        expected = made.ranking.eval()(torch.from_numpy(ranking_features(candidates, seen, 2.0)))
    np.testing.assert_allclose(ranking(candidates, seen, 2.0), expected.numpy(), atol=1e-2)  # half precision


def test_states_and_back(tmp_path: Path) -> None:
    projection = read_projection(read_header(saved(tmp_path / "d.safetensors")))
    change = np.array([0.5, -1.0, 0.0, 0.25, 0.0, 2.0], np.float32)
    tokens = np.ones(9, np.float32)
    moved = tokens + projection.token_changes(change)
    difference = projection.states(moved) - projection.states(tokens)
    np.testing.assert_allclose(difference, change, atol=1e-2)


def test_a_file_says_what_it_is(tmp_path: Path) -> None:
    header = read_header(saved(tmp_path / "d.safetensors"))
    assert (header.config, header.fingerprint, header.calibration) == (CONFIG, "f", CALIBRATION)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    path = saved(tmp_path / "d.safetensors")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ModelError, match=r"d\.safetensors"):
        read_header(path)
    other = tmp_path / "other.safetensors"
    config = dataclasses.replace(CONFIG, layers=3)
    projection = Projection(np.zeros(9, np.float32), np.ones(9, np.float32), np.ones((9, 6), np.float32))
    save_dynamics(other, module(), config, projection, CALIBRATION, fingerprint="f")
    dynamics = DynamicsModel(read_header(other))
    with pytest.raises(ModelError, match="do not fit"):
        dynamics.ahead(np.zeros((2, 6), np.float32), np.arange(2.0), 1.0)
    with pytest.raises(ModelError, match=r"no\.safetensors"):
        read_header(tmp_path / "no.safetensors")


def test_values_that_are_not_finite_are_neither_read_nor_written(tmp_path: Path) -> None:
    path = saved(tmp_path / "d.safetensors")
    good = path.read_bytes()
    (size,) = struct.unpack("<Q", good[:8])
    for name, field in json.loads(good[8 : 8 + size]).items():
        if name != "__metadata__":
            begin = 8 + size + field["data_offsets"][0]
            path.write_bytes(good[:begin] + b"\xff\xff" + good[begin + 2 :])
            with pytest.raises(ModelError, match=rf"d\.safetensors: damaged dynamics model \({name} has"):
                read_whole(path)
    path.write_bytes(good)
    for value in (float("nan"), 1e6):  # the second is infinite in half precision
        broken = module()
        with torch.no_grad():
            broken.error.bias.fill_(value)
        with pytest.raises(ModelError, match=r"not written: error\.bias"):
            saved(path, broken)
    assert path.read_bytes() == good


def test_cuts_stay_and_flashes_return() -> None:
    states = np.zeros((12, 4), np.float32)
    states[:, 0] = 0.01 * np.arange(12)
    states[4] += 5.0  # a flash
    states[8:] += 3.0  # a cut
    assert find_cuts(states, unrelated=2.0) == ([8], [4])
    assert find_cuts(states[:1], unrelated=2.0) == ([], [])
