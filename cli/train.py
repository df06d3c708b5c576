"""`jepa train`: train a model in the two stages of VL-JEPA."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import console
from cli.help import App
from cli.options import DeviceOption, JsonOption
from cli.paths import parse_path
from cli.train_dynamics import dynamics_command
from cli.train_plan import plan_command
from cli.train_progress import ProgressLines

if TYPE_CHECKING:
    from jepa_retrieval.training.config import Stage

app = App(help="Train a model: stage 1 on captions, stage 2 on questions.")

app.command("plan")(plan_command)
app.command("dynamics")(dynamics_command)

ConfigArgument = Annotated[
    Path,
    typer.Argument(
        metavar="CONFIG",
        parser=parse_path,
        help="The recipe, a TOML file; docs/training.md explains its keys.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a key of CONFIG, such as optim.learning_rate=1e-4. Repeatable.",
    ),
]
AllowRemoteOption = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-remote",
        metavar="SCHEME",
        help="Also read shards over https, http, s3, gs, az, abfs or hf; else local files only. Repeatable.",
    ),
]
RestartOption = Annotated[
    bool, typer.Option("--restart", help="Start over and delete the results of earlier runs.")
]


# What the help of each stage says, and its examples.
STAGES: dict[Stage, tuple[str, str]] = {
    "pretrain": (
        "Stage 1: pretrain on captions and class names, first on images, then on video.",
        "jepa train pretrain pretrain.toml\n"
        "  jepa train pretrain pretrain.toml --set run.seed=1 --set run.output=runs/seed1",
    ),
    "sft": (
        "Stage 2: finetune on questions, mixed with stage-1 data to prevent forgetting.",
        "jepa train sft sft.toml\n  jepa train sft sft.toml --set model.init=runs/pretrain/best",
    ),
}
_CONTINUES = (
    "An interrupted run continues where it stopped. For several processes: "
    "'accelerate launch -m cli.main train ...'."
)


def _add_command(stage: Stage, about: str, examples: str) -> None:
    @app.command(stage, help=f"{about}\n\n{_CONTINUES}\n\n\b\nExamples:\n  {examples}")
    def command(
        config: ConfigArgument,
        set_: SetOption = None,
        allow_remote: AllowRemoteOption = None,
        restart: RestartOption = False,
        device: DeviceOption = "auto",
        json: JsonOption = False,
    ) -> None:
        _train(config, stage, set_ or [], allow_remote=allow_remote or [], restart=restart, json=json)


for _stage, (_about, _examples) in STAGES.items():
    _add_command(_stage, _about, _examples)


def _train(
    path: Path,
    stage: Stage,
    overrides: list[str],
    *,
    allow_remote: list[str],
    restart: bool,
    json: bool,
) -> None:
    from jepa_retrieval.training.config import load_config

    config = load_config(path, overrides=overrides, allow_remote=allow_remote)
    # PyTorch is imported only now, so that a mistake in the recipe is reported at once.
    from jepa_retrieval.training.stages import train

    report = train(
        config, stage, restart=restart, on_progress=ProgressLines() if console.show_progress() else None
    )
    if os.environ.get("RANK", "0") != "0":
        return
    if json:
        console.result_json(
            {
                "model": str(report.model),
                "step": report.step,
                "metrics": report.metrics,
                "seconds": round(report.seconds, 1),
                "samples_per_second": round(report.samples_per_second, 1),
            }
        )
        return
    console.result(f"model at step {report.step:,}: {report.model}")
    console.results(console.columns((name, f"{value:.2f}") for name, value in report.metrics.items()))
