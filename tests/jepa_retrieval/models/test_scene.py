"""What is normal in a scene: learnt from pairs of made-up cells, kept in a file, and what differs scores high."""

import dataclasses
import json
import math
import struct
from pathlib import Path

import numpy as np
import pytest

from jepa_retrieval.errors import ModelError, UsageError
from jepa_retrieval.models.runtime import scene
from jepa_retrieval.models.runtime.scene import RESERVOIR, SceneKnowledge, SceneLearner, principal
from jepa_retrieval.models.runtime.scene_files import load_scene, save_scene

SIDE, WIDTH, PAIRS = 16, 6, 60


def pair(random: np.random.Generator, *, row: int = 4, step: int = 1) -> np.ndarray:
    """Something at a random column of a row moves `step` cells to the right, float32 [2, G, G, C]."""
    cells = random.normal(0, 0.05, (2, SIDE, SIDE, WIDTH))
    column = int(random.integers(0, SIDE - 6))
    cells[0, row : row + 2, column : column + 2, :3] += 2
    cells[1, row : row + 2, column + step : column + step + 2, :3] += 2
    return cells.astype(np.float32)


@pytest.fixture(scope="module")
def learner() -> SceneLearner:
    learner = SceneLearner(PAIRS)
    random = np.random.default_rng(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scene, "MIN_STEPS", PAIRS)
        while not learner.ready:
            assert learner.push(pair(random)) is None
    return learner


def median_z(learner: SceneLearner, **kind: int) -> float:
    random = np.random.default_rng(1)
    scores = [learner.push(pair(random, **kind)) for _ in range(15)]
    return float(np.median([score.z for score in scores if score is not None]))


def test_what_is_usual_scores_low_and_what_is_not_scores_high(learner: SceneLearner) -> None:
    usual = median_z(learner)
    assert usual < 3
    assert median_z(learner, step=4) > usual + 1  # faster than anything that was learnt
    assert median_z(learner, row=11) > usual + 1  # where nothing ever moved


def test_a_change_of_the_whole_picture_is_a_disturbance(learner: SceneLearner) -> None:
    random = np.random.default_rng(2)
    usual = pair(random)
    other = usual.copy()
    other[1] += random.normal(0, 2, usual[1].shape).astype(np.float32)
    flash = usual.copy()
    flash[1] += 3
    scores = [learner.push(one) for one in (usual, other, flash)]
    assert [score.disturbed for score in scores if score is not None] == [False, True, True]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene, "MIN_STEPS", 1)
    monkeypatch.setattr(scene, "RESERVOIR", 5)
    learner = SceneLearner(50)
    random = np.random.default_rng(0)
    for _ in range(45):
        learner.push(pair(random))
    assert len(learner._reservoir) == 5 < RESERVOIR


def test_what_is_kept_gives_the_same_scores(learner: SceneLearner, tmp_path: Path) -> None:
    known = learner.knowledge
    assert known is not None
    path = tmp_path / "a.safetensors"
    save_scene(path, known, fingerprint="abc", rate=2.0)
    again = SceneLearner(PAIRS, known=load_scene(path, fingerprint="abc", rate=2.0))
    assert again.ready
    one = pair(np.random.default_rng(3))
    assert again.push(one) == learner.push(one)
    with pytest.raises(UsageError, match=r"a\.safetensors: was learnt at 2 windows per second, not at 4;"):
        load_scene(path, fingerprint="abc", rate=4.0)
    with pytest.raises(UsageError, match="was learnt with another model"):
        load_scene(path, fingerprint="other", rate=2.0)


def test_damaged_files_are_named(learner: SceneLearner, tmp_path: Path) -> None:
    known = learner.knowledge
    assert known is not None
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match=r"a\.safetensors"):
        load_scene(path, fingerprint="abc", rate=2.0)
    smaller = principal(np.random.default_rng(0).normal(size=(9, 4)), 2)
    wrong = SceneKnowledge(known.module, smaller, known.scores, known.learnt)
    save_scene(path, wrong, fingerprint="abc", rate=2.0)
    with pytest.raises(ModelError, match="damaged; delete it"):
        load_scene(path, fingerprint="abc", rate=2.0)


def test_values_that_are_not_finite_are_neither_read_nor_written(
    learner: SceneLearner, tmp_path: Path
) -> None:
    known = learner.knowledge
    assert known is not None
    path = tmp_path / "a.safetensors"
    save_scene(path, known, fingerprint="abc", rate=2.0)
    good = path.read_bytes()
    (size,) = struct.unpack("<Q", good[:8])
    for name, field in json.loads(good[8 : 8 + size]).items():
        if name == "__metadata__" or not field["dtype"].startswith("F"):
            continue
        begin = 8 + size + field["data_offsets"][0]
        path.write_bytes(good[:begin] + b"\xff" * 4 + good[begin + 4 :])
        with pytest.raises(
            ModelError, match=r"a\.safetensors: what it says of a scene is damaged; delete it"
        ):
            load_scene(path, fingerprint="abc", rate=2.0)
    path.write_bytes(good)
    for damaged in (
        dataclasses.replace(known, scores=[*known.scores, math.nan]),
        dataclasses.replace(known, usual_change=math.inf),
    ):
        with pytest.raises(ModelError, match=r"not written: .* values that are not finite"):
            save_scene(path, damaged, fingerprint="abc", rate=2.0)
    assert path.read_bytes() == good


def test_normal_scores_are_followed(learner: SceneLearner) -> None:
    known = learner.knowledge
    assert known is not None
    count = len(known.scores)
    score = learner.push(pair(np.random.default_rng(4)))
    assert score is not None
    learner.accept(score)
    again = learner.knowledge
    assert again is not None and len(again.scores) == count + 1
