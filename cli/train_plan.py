"""`jepa train plan`: the memory and the time that a recipe takes on given GPUs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import console
from cli.options import JsonOption
from cli.paths import parse_path
from jepa_retrieval.errors import UsageError

if TYPE_CHECKING:
    from jepa_retrieval.training.plan import Card, PhasePlan

HEADINGS = (
    "phase", "frames", "tokens", "visuals", "micro", "GB", "fits", "largest", "samples/s", "s/step", "days"
)  # fmt: skip


def plan_command(
    recipe: Annotated[
        Path, typer.Argument(metavar="CONFIG", parser=parse_path, help="The recipe, a TOML file.")
    ],
    gpu: Annotated[
        str,
        typer.Option(
            "--gpu", metavar="NAME", help="Type of GPU: h100, h200, a100-80, a100-40, l40s or rtx4090."
        ),
    ] = "h100",
    gpus: Annotated[
        int, typer.Option("--gpus", min=1, metavar="N", help="Number of GPUs, with one process each.")
    ] = 8,
    text_tokens: Annotated[
        int,
        typer.Option("--text-tokens", min=1, max=512, metavar="N", help="Tokens of the longest target text."),
    ] = 64,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Override a key of CONFIG, such as phases.0.micro_batch=512. Repeatable.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Print the memory and the time that a recipe takes on given GPUs, and the micro-batch that fits.

    No data, weights or GPU are needed: activations are counted on a model without weights. The time is estimated from
    the number of operations and the speed that training reached on an H100. It does not include loading the data. The
    exit status is 1 if a phase does not fit.

    \b
    Examples:
      jepa train plan pretrain.toml
      jepa train plan pretrain.toml --gpu a100-40 --gpus 64 --set phases.0.micro_batch=64
    """
    from jepa_retrieval.training.config import read_config
    from jepa_retrieval.training.plan import CARDS, plan_recipe

    if gpu not in CARDS:
        raise UsageError(f"--gpu must be one of {', '.join(CARDS)}, not {gpu!r}")
    config = read_config(recipe, overrides=set_ or [])
    card = CARDS[gpu]
    plans = plan_recipe(config, card, processes=gpus, text_tokens=text_tokens)
    if json:
        phases = [dataclasses.asdict(plan) for plan in plans]
        console.result_json({"gpu": gpu, "memory": card.memory, "gpus": gpus, "phases": phases})
    else:
        _print(plans, card, gpus)
    raise typer.Exit(0 if all(plan.fits for plan in plans) else 1)


def _print(plans: list[PhasePlan], card: Card, gpus: int) -> None:
    console.result(
        f"{gpus} x {card.name}, {card.memory / 1e9:.0f} GB each; "
        f"weights and optimizer take {plans[0].weights / 1e9:.1f} GB."
    )
    rows = [HEADINGS, *(_row(plan) for plan in plans)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        console.result("  ".join([row[0].ljust(widths[0]), *cells]))
    console.note("visuals, micro, largest: of a step, of a micro-batch and of the largest that fits, per GPU")


def _row(plan: PhasePlan) -> tuple[str, ...]:
    return (
        plan.name,
        str(plan.frames),
        f"{plan.tokens:,}",
        f"{plan.share:,}",
        f"{plan.micro_batch:,}",
        f"{plan.peak / 1e9:.1f}",
        "yes" if plan.fits else "no",
        f"{plan.largest:,}",
        f"{plan.samples_per_second:,.0f}",
        f"{plan.step_seconds:.1f}",
        f"{plan.seconds / 86400:.1f}",
    )
