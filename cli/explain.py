"""`jepa explain`: find the action that leads from one image to another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import console
from cli.fetching import chosen_model
from cli.options import DeviceOption, JsonOption, ModelOption, file_option, text_option
from cli.paths import parse_path_text, require_file
from cli.values import parse_interval
from jepa_retrieval.times import format_interval

if TYPE_CHECKING:
    from jepa_retrieval.tasks.asking.explain import Explanation


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("explain")(explain)


def explain(
    clips: Annotated[
        list[str],
        typer.Argument(
            metavar="CLIP", parser=parse_path_text, help="Candidate actions: videos, or FILE@START-END."
        ),
    ],
    before: Annotated[Path, file_option("An image of the state before.")],
    after: Annotated[Path, file_option("An image of the state after.")],
    model: ModelOption = None,
    device: DeviceOption = "auto",
    prompt: Annotated[
        str | None, text_option("The question that the model answers about images and clips.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Rank clips by how well they explain the change between two images, the most likely action first.

    The two images become the halves of one clip, as in VL-JEPA's evaluation on WorldPrediction. Models that encode
    each frame separately, such as nano, cannot tell which image came first.

    \b
    Examples:
      jepa explain --before raw.jpg --after fried.jpg frying.mp4 washing.mp4 film.mp4@1:20-1:35
    """
    from jepa_retrieval.library import VideoQuery
    from jepa_retrieval.models import load_model
    from jepa_retrieval.tasks.asking.explain import explain as find_explanation

    intervals = [parse_interval(text) for text in clips]
    for path in (before, after):
        require_file(path)
    queries = [VideoQuery(*interval) for interval in intervals]
    loaded = load_model(chosen_model(model))
    found = find_explanation(before, after, queries, loaded, prompt=prompt)
    for failure in found.failed:
        console.warning(f"{failure.path}: {failure.error}")
    for failure in found.partial:
        console.warning(f"{failure.path}: {failure.error}; the rest was compared")
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
    else:
        _print(found)
    raise typer.Exit(1 if found.failed or found.partial else 0)


def _print(found: Explanation) -> None:
    for candidate in found.candidates:
        interval = format_interval(candidate.start, candidate.end)
        score, probability = f"{candidate.score:.3f}", f"{candidate.probability:.3f}"
        console.row(candidate.rank, score, probability, interval, candidate.path)


def _candidate(candidate: Any) -> dict[str, Any]:
    return {
        "rank": candidate.rank,
        "path": candidate.path,
        "start": candidate.start,
        "end": candidate.end,
        "score": round(candidate.score, 6),
        "probability": round(candidate.probability, 6),
    }
