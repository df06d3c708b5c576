"""`jepa train`: train a model in the two stages of VL-JEPA."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import console
from cli.options import JsonOption
from jepa_retrieval.times import format_time

if TYPE_CHECKING:
    from jepa_retrieval.training.config import Stage
    from jepa_retrieval.training.progress import TrainProgress

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    help="Train a model: stage 1 on captions, stage 2 on questions.",
)

SECONDS_BETWEEN_LINES = 5.0

ConfigArgument = Annotated[
    Path,
    typer.Argument(metavar="CONFIG", help="The recipe: a TOML file; docs/training.md explains its keys."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key of CONFIG: optim.learning_rate=1e-4"),
]
RestartOption = Annotated[
    bool, typer.Option("--restart", help="Begin anew, deleting what the run has so far.")
]


@app.command("pretrain")
def pretrain_command(
    config: ConfigArgument, set_: SetOption = None, restart: RestartOption = False, json: JsonOption = False
) -> None:
    """Stage 1: pretrain on captions and class names, images first, then video.

    A run that was interrupted goes on where it was. Several processes: 'accelerate launch -m cli.main train ...'.

    \b
    Examples:
      jepa train pretrain pretrain.toml
      jepa train pretrain pretrain.toml --set run.seed=1 --set run.output=runs/seed1
    """
    _train(config, "pretrain", set_ or [], restart=restart, json=json)


@app.command("sft")
def sft_command(
    config: ConfigArgument, set_: SetOption = None, restart: RestartOption = False, json: JsonOption = False
) -> None:
    """Stage 2: finetune on questions, with a share of stage-1 data against forgetting.

    A run that was interrupted goes on where it was. Several processes: 'accelerate launch -m cli.main train ...'.

    \b
    Examples:
      jepa train sft sft.toml
      jepa train sft sft.toml --set model.init=runs/pretrain/best
    """
    _train(config, "sft", set_ or [], restart=restart, json=json)


def _train(path: Path, stage: Stage, overrides: list[str], *, restart: bool, json: bool) -> None:
    from jepa_retrieval.training.config import load_config

    config = load_config(path, overrides=overrides)
    # PyTorch is loaded only now: a mistake in the recipe is told at once.
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
    console.result(f"model of step {report.step:,}: {console.printable(str(report.model))}")
    console.results(console.columns((name, f"{value:.2f}") for name, value in report.metrics.items()))


class ProgressLines:
    """A line on standard error every few seconds, and one for every evaluation."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, progress: TrainProgress) -> None:
        """Tell how far the run is."""
        finished = progress.done == progress.total
        if (
            progress.activity == "evaluate"
            or finished
            or time.monotonic() - self._last > SECONDS_BETWEEN_LINES
        ):
            self._last = time.monotonic()
            console.note(progress_line(progress))


def progress_line(progress: TrainProgress) -> str:
    """`train images: 1,200/4,000, loss 2.13, 640 samples/s, 4:12 left`."""
    name = f"{progress.activity} {progress.name}".strip()
    parts = [f"{name}: {progress.done:,}/{progress.total:,}"]
    parts += [f"{key} {value:.4g}" for key, value in progress.values.items()]
    if progress.samples_per_second is not None:
        parts.append(f"{progress.samples_per_second:,.0f} samples/s")
    if progress.seconds_left is not None and progress.done < progress.total:
        parts.append(f"{format_time(progress.seconds_left)} left")
    return ", ".join(parts)
