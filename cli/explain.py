"""`jepa explain`: which action leads from one picture to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cli import console
from cli.options import JsonOption
from cli.values import parse_clip
from jepa_retrieval.errors import UsageError
from jepa_retrieval.times import format_range


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("explain")(explain)


def explain(
    clips: Annotated[
        list[str], typer.Argument(metavar="CLIP", help="Candidate actions: videos, or FILE@START-END.")
    ],
    before: Annotated[Path, typer.Option(metavar="FILE", help="A picture of the state before.")],
    after: Annotated[Path, typer.Option(metavar="FILE", help="A picture of the state after.")],
    model: Annotated[
        str,
        typer.Option(metavar="NAME", envvar="JEPA_MODEL", help="The model to use; see 'jepa models list'."),
    ] = "nano",
    prompt: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What the model is asked of pictures and clips.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Rank clips by how well they explain the change between two pictures: the first is the likeliest action.

    The pictures are joined into one clip of two halves, as VL-JEPA does for WorldPrediction. Models that look at
    each frame alone, as nano does, see what is there, but not which picture came first.

    \b
    Examples:
      jepa explain --before raw.jpg --after fried.jpg frying.mp4 washing.mp4 film.mp4@1:20-1:35
    """
    from jepa_retrieval.library import VideoQuery
    from jepa_retrieval.models import load_model
    from jepa_retrieval.tasks.asking.explain import explain as find_explanation

    parts = [parse_clip(text) for text in clips]
    for path in (before, after, *(path for path, _, _ in parts)):
        if not path.is_file():
            raise UsageError(f"{path}: no such file")
    queries = [VideoQuery(*part) for part in parts]
    found = find_explanation(before, after, queries, load_model(model), prompt=prompt)
    if json:
        console.result_json(
            {
                "before": found.before,
                "after": found.after,
                "model": found.model,
                "elapsed_ms": round(found.elapsed_ms, 1),
                "candidates": [_candidate(candidate) for candidate in found.candidates],
            }
        )
        return
    for candidate in found.candidates:
        span = format_range(candidate.start, candidate.end)
        place = console.printable(candidate.path)
        console.result(
            f"{candidate.rank}\t{candidate.score:.3f}\t{candidate.probability:.3f}\t{span}\t{place}"
        )


def _candidate(candidate: Any) -> dict[str, Any]:
    return {
        "rank": candidate.rank,
        "path": candidate.path,
        "start": candidate.start,
        "end": candidate.end,
        "score": round(candidate.score, 6),
        "probability": round(candidate.probability, 6),
    }
