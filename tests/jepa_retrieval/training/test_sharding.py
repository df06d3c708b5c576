import csv
from pathlib import Path

import pytest
import torch

from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.storage import read_model
from jepa_retrieval.training import checkpoint
from jepa_retrieval.training.config import load_config
from jepa_retrieval.training.sharded_checkpoint import ShardedCheckpoint
from jepa_retrieval.training.stages import train
from tests.jepa_retrieval.training import killed_run
from tests.jepa_retrieval.training.conftest import Recipe
from tests.jepa_retrieval.training.processes import run_together

pytestmark = pytest.mark.long

RUN = """
[run]
output = "{}"
threads = 1
log_every = 2
evaluate_every = 5
checkpoint_every = 3
device = "cpu"
best = "dev.recall@1"
shard = {}
recompute = true
"""
OPTIM = "[optim]\nlearning_rate = 3e-3\nclip_norm = 1.0\nema_decay = 0.9\nschedule = 'cosine'"
PHASES = '[[phases]]\nname = "one"\nsteps = 10\nbatch_size = 16\nmicro_batch = 4'


def test_a_killed_run_of_divided_layers_ends_as_one_of_whole_layers(recipe: Recipe, tmp_path: Path) -> None:
    killed, whole = (
        recipe(
            f"{name}.toml", model="trainable.json", run=RUN.format(name, shard), optim=OPTIM, phases=PHASES
        )
        for name, shard in (("killed", "true"), ("whole", "false"))
    )
    assert _two_processes(killed, stop_at=8) != 0
    state = checkpoint.load(tmp_path / "killed")
    assert state is not None and state["step"] == 6
    assert [path.name for path in (tmp_path / "killed").glob("checkpoint-*")] == ["checkpoint-6"]
    assert _two_processes(killed) == 0
    assert [path.name for path in (tmp_path / "killed").glob("checkpoint-*")] == ["checkpoint-10"]

    assert _two_processes(whole) == 0
    losses = [
        [float(row["loss"]) for row in csv.DictReader((tmp_path / name / "curves.csv").open()) if row["loss"]]
        for name in ("killed", "whole")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    for folder in ("last", "best"):
        ours, expected = (read_model(tmp_path / name / folder) for name in ("killed", "whole"))
        texts = ["a red ball", "the blue car", "a green hat"]
        with torch.no_grad():
            assert torch.allclose(ours.encode_texts(texts), expected.encode_texts(texts), atol=0.02)


def test_divided_checkpoints_that_are_not_finite_are_not_gone_on_with(tmp_path: Path) -> None:
    layer = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(layer.parameters())
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    try:
        run = ShardedCheckpoint(
            tmp_path,
            {},
            weights=dict(layer.named_parameters()),
            optimizer=optimizer,
            schedule=schedule,
            average=None,
        )
        run.save(1)
        assert run.resume() is not None
        for name in ("weights.bias", "moments.weight.exp_avg"):
            tensor = layer.bias if "bias" in name else optimizer.state[layer.weight]["exp_avg"]
            with torch.no_grad():
                tensor[0] = float("nan")
            run.save(2)
            with pytest.raises(
                UsageError, match=rf"checkpoint-2: {name} has .* not finite; --restart starts over"
            ):
                run.resume()
            with torch.no_grad():
                layer.bias[0] = 0.0
    finally:
        torch.distributed.destroy_process_group()


def test_one_process_holds_its_layers_whole(recipe: Recipe, tmp_path: Path) -> None:
    path = recipe(run=RUN.format("run", "true"))
    assert train(load_config(path), "pretrain").step == 10
    assert (tmp_path / "run" / "checkpoint.pt").exists() and not list((tmp_path / "run").glob("checkpoint-*"))


def test_a_run_with_divided_layers_is_not_continued_without(recipe: Recipe) -> None:
    train(load_config(recipe(run=RUN.format("run", "true"))), "pretrain")
    with pytest.raises(UsageError, match=r"run\.shard was True and is False"):
        train(load_config(recipe(run=RUN.format("run", "false"))), "pretrain")


def _two_processes(recipe: Path, *, stop_at: int = 1000) -> int:
    return run_together(killed_run.__file__, recipe, stop_at).returncode
