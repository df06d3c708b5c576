"""`jepa plan-cluster`: what a large collection takes to index."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Annotated

import typer

from cli import console
from cli.options import JsonOption
from jepa_retrieval.errors import UsageError

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|d|w)", re.ASCII)
_HOURS = {"h": 1.0, "d": 24.0, "w": 168.0}
MIN_HOURS = 0.01  # of a time for a run
MAX_HOURS = 1e9
MAX_PRICE = 1e6


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("plan-cluster")(plan_cluster)


def parse_duration(text: str, *, option: str = "") -> float:
    """The hours in `12h`, `3d` or `2w`.

    Args:
        option: that errors name.

    Raises:
        UsageError: it is none of these, or outside `MIN_HOURS` to `MAX_HOURS`.
    """
    named = f"{option}: " if option else ""
    shown = console.shortened(text, 100)
    found = _DURATION.fullmatch(text.strip())
    if found is None or not float(found[1]):
        raise UsageError(
            f"{named}'{shown}' is not a time for a run: use hours, days or weeks, such as 12h, 3d or 2w"
        )
    hours = float(found[1]) * _HOURS[found[2]]
    if not MIN_HOURS <= hours <= MAX_HOURS:
        raise UsageError(f"{named}'{shown}' must be at least {MIN_HOURS:g}h and at most {MAX_HOURS:,.0f}h")
    return hours


def plan_cluster(
    hours: Annotated[float, typer.Option(min=1, max=MAX_HOURS, metavar="N", help="Hours of video.")],
    within: Annotated[str, typer.Option(metavar="TIME", help="Time that indexing may take: 12h, 3d, 2w.")],
    cores: Annotated[int, typer.Option(min=2, max=1024, metavar="N", help="Cores of a machine.")] = 16,
    shard_files: Annotated[int, typer.Option(min=1, max=10**6, metavar="N", help="Files of a shard.")] = 500,
    file_minutes: Annotated[
        float, typer.Option(min=0.01, max=10_000, metavar="N", help="Minutes of video in a file.")
    ] = 1.0,
    slow: Annotated[
        float,
        typer.Option(min=0, max=1, metavar="SHARE", help="Share of shards that take five times as long."),
    ] = 0.02,
    mtbf: Annotated[
        str, typer.Option(metavar="TIME", help="Mean time between two failures of one machine.")
    ] = "30d",
    core_price: Annotated[
        float, typer.Option(min=0, max=MAX_PRICE, metavar="PRICE", help="Price of a core for an hour.")
    ] = 0.04,
    disk_price: Annotated[
        float,
        typer.Option(min=0, max=MAX_PRICE, metavar="PRICE", help="Price of a gigabyte of disk for a month."),
    ] = 0.08,
    json: JsonOption = False,
) -> None:
    """Plan the indexing of a large collection: machines, disk, memory and money, by measured unit costs.

    The run is simulated, with slow shards and machines that fail: the plan has the fewest machines with which it ends
    in time. Nothing is started.

    \b
    Examples:
      jepa plan-cluster --hours 1e6 --within 3d
      jepa plan-cluster --hours 2e6 --within 1w --cores 64 --mtbf 7d
    """
    from jepa_retrieval.tasks.indexing.cluster_plan import Collection, Faults, Prices
    from jepa_retrieval.tasks.indexing.cluster_plan import plan_cluster as plan

    collection = Collection(
        hours=hours,
        within=parse_duration(within, option="--within"),
        cores=cores,
        shard_hours=shard_files * file_minutes / 60,
        faults=Faults(slow_share=slow, machine_mtbf=parse_duration(mtbf, option="--mtbf")),
        prices=Prices(core_price, disk_price),
    )
    try:
        planned = plan(collection)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if json:
        console.result_json({**asdict(planned), "unit_costs": asdict(collection.costs)})
        return
    run, costs = planned.run, collection.costs
    wasted = run.lost / (run.busy + run.lost)
    console.row("machines", f"{planned.machines:,} of {planned.cores} cores")
    console.row(
        "indexing", f"{run.hours:,.1f} hours, {planned.core_hours:,.0f} core-hours: {planned.run_price:,.0f}"
    )
    console.row("lost", f"{run.retries:,} shards are begun again: {wasted:.2%} of the work")
    console.row("clips", f"{planned.clips:,.0f}")
    console.row("disk", f"{planned.disk_bytes / 1e12:,.2f} TB: {planned.month_price:,.0f} a month")
    console.row("memory", f"{planned.memory_bytes / 1e9:,.1f} GB to search (ivf-sq8)")
    console.row("vector index", f"{planned.build_hours:,.1f} hours to build on one machine")
    console.note(
        f"Unit costs, measured: {costs.decode:.0f} core-seconds to decode and {costs.encode:.0f} to encode an hour "
        f"of video, {costs.clips:.0f} clips an hour. Prices: {core_price} a core-hour, {disk_price} a GB and month."
    )
