"""The smaller parts of the engine, each through its own door."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.config import load_config
from jepa_retrieval.models.storage import initialise_model
from jepa_retrieval.training.config import OptimConfig
from jepa_retrieval.training.curves import Curves
from jepa_retrieval.training.data.visuals import augment
from jepa_retrieval.training.learner import Learner
from jepa_retrieval.training.optim import WeightAverage, build_optimizer, build_schedule
from jepa_retrieval.training.row_cache import RowCache


def rates(config: OptimConfig, steps: int) -> list[list[float]]:
    body, head = nn.Linear(2, 2), nn.Linear(2, 2)
    optimizer = build_optimizer([*body.parameters(), *head.parameters()], body, config)
    schedule = build_schedule(optimizer, config, steps=steps)
    found = []
    for _ in range(steps):
        found.append(sorted({group["lr"] for group in optimizer.param_groups}))
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one-cycle"])
def test_the_body_of_the_y_encoder_learns_slower_all_along(schedule: str) -> None:
    config = OptimConfig(learning_rate=1.0, y_encoder_multiplier=0.05, schedule=schedule, warmup_steps=4)  # type: ignore[arg-type]
    for slow, fast in rates(config, 20):
        assert slow == pytest.approx(0.05 * fast)


def test_schedules_have_their_shapes() -> None:
    def fast(schedule: str, steps: int = 20) -> list[float]:
        config = OptimConfig(learning_rate=1.0, schedule=schedule, warmup_steps=4)  # type: ignore[arg-type]
        return [found[-1] for found in rates(config, steps)]

    assert fast("constant")[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0]) and set(fast("constant")[4:]) == {
        1.0
    }
    cosine = fast("cosine")
    assert cosine[12] == pytest.approx(0.5)
    assert cosine[4:] == sorted(cosine[4:], reverse=True)
    cycle = fast("one-cycle")
    assert max(cycle) == pytest.approx(1.0, abs=0.02) and int(np.argmax(cycle)) in (3, 4) and cycle[-1] < 0.05


def test_only_matrices_decay() -> None:
    layer = nn.Linear(3, 3)
    optimizer = build_optimizer(layer.parameters(), nn.Linear(1, 1), OptimConfig(weight_decay=0.3))
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert (decay[id(layer.weight)], decay[id(layer.bias)]) == (0.3, 0.0)


def test_the_average_follows_the_weights_and_swaps_with_them() -> None:
    weight = nn.Parameter(torch.zeros(1))
    average = WeightAverage([weight], decay=0.5)
    with torch.no_grad():
        weight.fill_(1.0)
    average.update()  # early on the decay is (1 + 1) / (10 + 1)
    assert average.averages[0].item() == pytest.approx(1 - 2 / 11)
    average.swap()
    assert weight.item() == pytest.approx(1 - 2 / 11) and average.averages[0].item() == 1.0
    restored = WeightAverage([nn.Parameter(torch.zeros(1))], decay=0.5)
    restored.load_state_dict(average.state_dict())
    assert restored.averages[0].item() == 1.0


def test_a_build_that_was_cut_off_computes_only_what_is_missing(tmp_path: Path) -> None:
    asked: list[int] = []

    def compute(rows: list[int]) -> np.ndarray:
        asked.extend(rows)
        return np.array(rows, np.float32)[:, None] * [1.0, 2.0]

    first = RowCache(tmp_path, "f", rows=10, row_shape=(2,))
    builds = first.build(compute, batch_size=4)
    assert [next(builds), next(builds)] == [4, 8]
    again = RowCache(tmp_path, "f", rows=10, row_shape=(2,))
    assert again.missing().tolist() == [8, 9]
    assert list(again.build(compute, batch_size=4)) == [10]
    assert asked == list(range(10)) and again.data[:, 1].tolist() == [2.0 * row for row in range(10)]
    with pytest.raises(UsageError, match="holds another cache"):
        RowCache(tmp_path, "f", rows=11, row_shape=(2,))


def test_caches_tell_encoders_apart_whose_weights_are_the_same(model_file: Path) -> None:
    config = load_config(model_file)
    finer = dataclasses.replace(config, x_encoder=dataclasses.replace(config.x_encoder, grid=2))  # type: ignore[call-arg]
    fingerprints = [
        Learner(initialise_model(each, base=model_file.parent), device=torch.device("cpu")).vision.fingerprint
        for each in (config, finer, config)
    ]
    assert fingerprints[0] == fingerprints[2] != fingerprints[1]


def test_augmented_views_keep_shape_and_differ() -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (3, 20, 20, 3), dtype=np.uint8)
    frames[1:] = frames[0]
    views = [augment(frames, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert views[0].shape == frames.shape and views[0].dtype == np.uint8
    assert np.array_equal(views[0], views[1]) and not np.array_equal(views[0], views[2])
    assert np.array_equal(views[0][0], views[0][2]), "all frames of a clip get the same view"


def test_curves_forget_what_a_killed_run_wrote_after_its_checkpoint(tmp_path: Path) -> None:
    curves = Curves(tmp_path, keep_until=0)
    for step in (1, 2, 3):
        curves.add(step, {"loss": float(step)})
    curves.add(2 + 1, {"dev.recall@1": 5.0})
    resumed = Curves(tmp_path, keep_until=2)
    assert [row["step"] for row in resumed.rows] == [1, 2]
    resumed.add(3, {"loss": 7.0})
    assert (tmp_path / "curves.csv").read_text().splitlines() == ["step,loss", "1,1", "2,2", "3,7"]


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00",
        b"loss\n0.5\n",
        b"step,loss\n1,high\n",
        b"step,loss\none,0.5\n",
        b"step,loss\n1,0.5,7\n",
    ],
)
def test_damaged_curves_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "curves.csv").write_bytes(content)
    with pytest.raises(UsageError, match=r"curves\.csv: not the curves of a run .* delete it"):
        Curves(tmp_path, keep_until=2)
    assert Curves(tmp_path, keep_until=0).rows == []
