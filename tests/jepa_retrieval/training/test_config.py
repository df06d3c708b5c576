import dataclasses
from pathlib import Path

import pytest

import jepa_retrieval.training
from jepa_retrieval.errors import UsageError
from jepa_retrieval.training import config as configs
from jepa_retrieval.training.config import load_config
from tests.jepa_retrieval.training.conftest import Recipe

RECIPES = Path(jepa_retrieval.training.__file__).parent / "recipes"


@pytest.mark.parametrize("name", ["pretrain.toml", "sft.toml"])
def test_the_shipped_recipes_are_valid(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA", "/somewhere")
    config = load_config(RECIPES / name)
    assert config.total_steps > 80_000
    assert config.sources[0].path.startswith("/somewhere/")


def test_the_recipes_explain_every_key() -> None:
    text = "".join((RECIPES / name).read_text() for name in ("pretrain.toml", "sft.toml"))
    sections = [
        getattr(configs, name) for name in dir(configs) if name.endswith("Config") and name != "TrainConfig"
    ]
    keys = {field.name for section in sections for field in dataclasses.fields(section)}
    lines = text.splitlines()
    assert {key for key in keys if not any(line.startswith(f"{key} = ") for line in lines)} == set()


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (
            {"optim": "[optim]\nlearning_rat = 1.0"},
            "optim.learning_rat is not a setting (allowed: learning_rate, y_encoder_mult",
        ),
        (
            {"optim": '[optim]\nschedule = "linear"'},
            "optim.schedule is 'linear' (allowed: constant, cosine, one-cycle)",
        ),
        ({"optim": '[optim]\nlearning_rate = "high"'}, "optim.learning_rate must be a number, not 'high'"),
        ({"optim": "[optim]\nlearning_rate = -1"}, "optim.learning_rate is -1.0 (allowed: "),
        (
            {"optim": "[optim]\nwarmup_steps = 500"},
            "optim.warmup_steps = 500 must be less than the run's steps",
        ),
        (
            {"phases": "[[phases]]\nname = 'a'\nsteps = true\nbatch_size = 4"},
            "phases.0.steps must be a whole number, not True",
        ),
        ({"phases": "[[phases]]\nname = 'a'\nbatch_size = 4"}, "phases.0.steps is missing"),
        ({"phases": "[[phases]]\nname = 'a'\nsteps = 1\nbatch_size = 4\nsources = ['x']"}, "no source 'x'"),
        ({"run": "[run]\noutput = 'run'\nbest = 'test.recall@1'"}, "run.best must be EVALUATION.METRIC"),
        ({"run": "[run]\noutput = '$NOWHERE_SET/run'"}, "variable NOWHERE_SET is not set"),
        ({"sources": ""}, "sources is missing"),
        (
            {"sources": "[[sources]]\nname = 'a'\nformat = 'tokens'\npath = 'x'\nhold_out = 1.5"},
            "sources.0.hold_out is 1.5 (allowed: 0.0 to 0.999999)",
        ),
        ({"loss": "[loss\n"}, "not valid TOML"),
    ],
)
def test_a_mistake_is_named(recipe: Recipe, sections: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_config(recipe(**sections))
    assert message in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.toml: cannot be read"):
        load_config(tmp_path / "none.toml")


def test_overrides_change_keys_of_tables_and_lists(recipe: Recipe) -> None:
    changes = ["optim.learning_rate=0.5", "loss.kind=l2", "phases.0.steps=7", 'run.output="elsewhere"']
    config = load_config(recipe(), overrides=changes)
    assert (config.optim.learning_rate, config.loss.kind, config.total_steps) == (0.5, "l2", 7)
    assert config.run.output.endswith("/elsewhere")


@pytest.mark.parametrize("override", ["optim.learning_rate", "optim.rate=1", "model.init.x=1"])
def test_a_wrong_override_is_refused(recipe: Recipe, override: str) -> None:
    with pytest.raises(UsageError):
        load_config(recipe(), overrides=[override])
