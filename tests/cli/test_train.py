import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import jepa_retrieval.training
from cli.train import app
from cli.train_progress import progress_line
from jepa_retrieval.errors import UsageError
from jepa_retrieval.training.progress import TrainProgress
from tests.cli.conftest import Jepa
from tests.jepa_retrieval.training.conftest import Recipe, model_file, recipe, small_machine, token_folder

__all__ = ["model_file", "recipe", "small_machine", "token_folder"]


def test_pretraining_prints_the_model_and_its_scores(recipe: Recipe, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["pretrain", str(recipe()), "--json", "--set", "run.best=dev.recall@1"])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert Path(document["model"]) == tmp_path / "run" / "best"
    assert document["metrics"]["dev.recall@10"] > 0 and document["samples_per_second"] > 0
    assert "train images: 10/10, loss" in done.stderr


def test_a_mistake_in_the_recipe_names_the_key(recipe: Recipe) -> None:
    done = CliRunner().invoke(app, ["sft", str(recipe()), "--set", "optim.rate=1"])
    assert isinstance(done.exception, UsageError)
    assert "optim.rate is not a setting (allowed: learning_rate" in str(done.exception)


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (
            TrainProgress("train", "images", 1200, 4000, 252.4, 640.2, {"loss": 2.1307}),
            "train images: 1,200/4,000, loss 2.131, 640 samples/s, 4:12 left",
        ),
        (TrainProgress("tokens", "flickr8k", 3, 3, 0.0), "tokens flickr8k: 3/3"),
    ],
)
def test_a_line_of_progress(progress: TrainProgress, line: str) -> None:
    assert progress_line(progress) == line


def test_plan_prints_what_each_phase_takes_without_data(jepa: Jepa) -> None:
    recipe = Path(jepa_retrieval.training.__file__).parent / "recipes" / "pretrain.toml"
    arguments = [
        "train",
        "plan",
        recipe,
        "--set",
        'phases=[{name="video", steps=2000, batch_size=64, frames=8}]',
    ]
    done = jepa(
        *arguments, "--set", 'sources=[{name="s", format="captions", path="x"}]', "--gpus", "8", "--json"
    )
    (phase,) = json.loads(done.out)["phases"]
    assert done.status == 0, done.err
    assert (phase["share"], phase["tokens"], phase["fits"]) == (8, 1024, True)
    assert 15e9 < phase["peak"] < 25e9
    small = jepa(*arguments, "--set", 'sources=[{name="s", format="captions", path="x"}]', "--gpu", "tiny")
    assert (small.status, small.out) == (2, "")
    assert "--gpu must be one of h100, h200" in small.err
