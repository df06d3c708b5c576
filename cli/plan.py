"""`jepa plan`: the chain of clips that leads from one picture to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import console
from cli.locate import open_library
from cli.options import DeviceOption, IndexOption, JsonOption, WhereOption
from cli.paths import parse_path, require_file
from jepa_retrieval.times import format_interval


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("plan")(plan)


def plan(
    before: Annotated[
        Path, typer.Option("--from", metavar="A", parser=parse_path, help="An image of the state before.")
    ],
    after: Annotated[
        Path, typer.Option("--to", metavar="B", parser=parse_path, help="An image of the state after.")
    ],
    steps: Annotated[int, typer.Option(min=1, max=10, metavar="N", help="Number of clips.")] = 3,
    index: IndexOption = None,
    where: WhereOption = None,
    device: DeviceOption = "auto",
    json: JsonOption = False,
) -> None:
    """Find the chain of indexed clips that leads from one image to another.

    A chain is good if each clip resembles what the dynamics foresee after the clip before it; the first one follows
    image A, and the last one leads to image B. Lines have step, score, time and path. With one step, this is 'jepa
    explain' over the index.

    \b
    Examples:
      jepa plan --from flour.jpg --to bread.jpg
      jepa plan --from flour.jpg --to bread.jpg --steps 5 --index ~/Videos --json
    """
    for path in (before, after):
        require_file(path)
    found = open_library(index).plan(before, after, steps=steps, where=where)
    if json:
        console.result_json(
            {
                "from": found.before,
                "to": found.after,
                "model": found.model,
                "steps": [
                    {
                        "path": step.path,
                        "start": step.start,
                        "end": step.end,
                        "score": round(step.score, 6),
                        "clip_id": step.clip_id,
                    }
                    for step in found.steps
                ],
                "arrival": round(found.arrival, 6),
            }
        )
        return
    for number, step in enumerate(found.steps, start=1):
        console.row(number, f"{step.score:.3f}", format_interval(step.start, step.end), step.path)
