import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from jepa_retrieval.errors import UsageError
from jepa_retrieval.training import checkpoint
from jepa_retrieval.training.config import TrainConfig, load_config
from jepa_retrieval.training.stages import train
from tests.conftest import REPOSITORY
from tests.jepa_retrieval.training import killed_run
from tests.jepa_retrieval.training.conftest import Recipe

TWO_PHASES = """
[[phases]]
name = "first"
steps = 6
batch_size = 16
[[phases]]
name = "second"
steps = 8
batch_size = 12
micro_batch = 5
"""
RUN = """
[run]
output = "{}"
threads = 1
log_every = 2
evaluate_every = 5
checkpoint_every = 3
device = "cpu"
best = "dev.recall@1"
"""


def test_a_killed_run_ends_with_the_same_weights_bit_for_bit(recipe: Recipe, tmp_path: Path) -> None:
    killed, whole = (
        recipe(f"{name}.toml", run=RUN.format(name), phases=TWO_PHASES, tokens=_noisy(tmp_path))
        for name in ("killed", "whole")
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, killed_run.__file__, str(killed), "8"]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-3000:]
    state = checkpoint.load(tmp_path / "killed")
    assert state is not None and state["step"] == 6

    train(load_config(killed), "pretrain")
    train(load_config(whole), "pretrain")
    for folder in ("last", "best"):
        resumed, uninterrupted = (
            load_file(tmp_path / n / folder / "model.safetensors") for n in ("killed", "whole")
        )
        assert all(torch.equal(resumed[name], tensor) for name, tensor in uninterrupted.items())
    rows = [list(csv.DictReader((tmp_path / name / "curves.csv").open())) for name in ("killed", "whole")]
    assert [row["loss"] for row in rows[0]] == [row["loss"] for row in rows[1]]
    assert [int(row["step"]) for row in rows[0]] == [2, 4, 5, 6, 8, 10, 12, 14]


def _noisy(tmp_path: Path) -> str:
    """Noise on the tokens, so that the state of the random numbers matters beyond dropout."""
    return f'[tokens]\nfolder = "{tmp_path / "cache"}"\nnoise = 0.1'


def test_a_run_with_other_settings_is_not_gone_on_with(recipe: Recipe) -> None:
    path = recipe()
    train(load_config(path), "pretrain")
    changed = load_config(path, overrides=["optim.learning_rate=0.1"])
    with pytest.raises(UsageError, match=r"optim\.learning_rate was 0\.003 and is 0\.1"):
        train(changed, "pretrain")
    report = train(changed, "pretrain", restart=True)
    assert report.step == 10


def test_a_setting_that_is_new_and_off_does_not_end_a_run() -> None:
    before = '{"run": {"seed": 0}}'
    checkpoint.check_settings(before, '{"run": {"seed": 0, "shard": false}}', folder=Path("run"))
    with pytest.raises(UsageError, match=r"run\.shard was None and is True"):
        checkpoint.check_settings(before, '{"run": {"seed": 0, "shard": true}}', folder=Path("run"))


def test_a_damaged_checkpoint_is_named(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"PK\x03\x04 nonsense")
    with pytest.raises(UsageError, match=r"checkpoint\.pt: not a readable checkpoint"):
        train(_config(recipe), "pretrain")


def test_a_write_that_is_cut_off_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint.save(tmp_path, {"step": 1})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        checkpoint.save(tmp_path, {"step": 2})
    state = checkpoint.load(tmp_path)
    assert state is not None and state["step"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]


def _config(recipe: Recipe) -> TrainConfig:
    return load_config(recipe())
