"""`jepa train dynamics`: learn how the states of videos follow each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import console
from cli.options import DeviceOption, JsonOption
from cli.paths import parse_path
from cli.train_progress import ProgressLines
from jepa_retrieval.errors import UsageError

if TYPE_CHECKING:
    from jepa_retrieval.dynamics_training import DynamicsReport
    from jepa_retrieval.training.progress import OnProgress


def dynamics_command(
    recipe: Annotated[
        Path | None,
        typer.Argument(
            metavar="RECIPE",
            parser=parse_path,
            help="A TOML file with folders of videos; see docs/states.md.",
        ),
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option(
            "--index", metavar="DIR", parser=parse_path, help="Learn from the stored tokens of this index."
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Number of training steps. Default: 600, or RECIPE's."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Override a key of RECIPE, such as rate=4.0. Repeatable."
        ),
    ] = None,
    device: DeviceOption = "auto",
    json: JsonOption = False,
) -> None:
    """Learn from videos without captions how their states follow each other.

    With --index, nothing is decoded; the result is stored in the index and used by 'jepa surprise', 'jepa anticipate'
    and 'jepa plan' on it. With RECIPE, the videos of folders are encoded first.

    \b
    Examples:
      jepa train dynamics --index ~/Videos
      jepa train dynamics videos.toml --set output=runs/dynamics
    """
    if (recipe is None) == (index is None):
        raise UsageError("give a RECIPE or --index DIR, and not both")
    if index is not None and set_:
        raise UsageError("--set requires a RECIPE")
    progress = ProgressLines() if console.show_progress() else None
    report = _train(recipe, index, steps, set_ or [], progress)
    for failure in report.failed:
        console.warning(f"{failure.path}: {failure.error}")
    if json:
        console.result_json(
            {
                "dynamics": str(report.path),
                "videos": report.videos,
                "windows": report.windows,
                "held_out": report.held_out,
                "skill": round(report.skill, 4),
            }
        )
    else:
        console.result(f"dynamics of {report.videos:,} videos, {report.windows:,} windows: {report.path}")
        console.result(f"skill on {report.held_out:,} held-out windows: {report.skill:.3f}")
    raise typer.Exit(1 if report.failed else 0)


def _train(
    recipe: Path | None,
    index: Path | None,
    steps: int | None,
    overrides: list[str],
    progress: OnProgress | None,
) -> DynamicsReport:
    if recipe is not None:
        from jepa_retrieval.dynamics_training import load_recipe, train_on_files

        chosen = [] if steps is None else [f"train.steps={steps}"]
        return train_on_files(load_recipe(recipe, overrides=[*overrides, *chosen]), on_progress=progress)
    from cli.locate import open_library

    library = open_library(index)
    from jepa_retrieval.training.dynamics import DynamicsSettings

    settings = DynamicsSettings() if steps is None else DynamicsSettings(steps=steps)
    return library.train_dynamics(settings=settings, on_progress=progress)
