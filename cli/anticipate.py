"""`jepa anticipate`: what a video will show in a few seconds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import console
from cli.locate import indexes_near, model_and_index
from cli.media_paths import given_candidates
from cli.options import (
    DeviceOption,
    DynamicsOption,
    FileIndexOption,
    JsonOption,
    MediaModelOption,
    file_option,
    top_option,
)
from cli.paths import parse_path
from cli.values import parse_time
from indexes import IndexFormatError
from jepa_retrieval.errors import UsageError
from jepa_retrieval.source_paths import url_of
from jepa_retrieval.times import format_interval

if TYPE_CHECKING:
    from indexes import Index
    from jepa_retrieval.models.parts import Model
    from jepa_retrieval.models.runtime.dynamics import DynamicsModel
    from jepa_retrieval.tasks.foreseeing.anticipate import Anticipation, Horizon


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("anticipate")(anticipate)


def anticipate(
    file: Annotated[Path, typer.Argument(metavar="FILE", parser=parse_path, help="The video.")],
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Look only at what comes before, such as 1:20. Default: its end."),
    ] = None,
    horizon: Annotated[
        str, typer.Option(metavar="SECONDS,...", help="How far ahead to look, separated by commas.")
    ] = "1,2,4,10",
    labels: Annotated[
        str | None, typer.Option(metavar="A,B,C", help="Labels to compare what is foreseen with.")
    ] = None,
    labels_file: Annotated[Path | None, file_option("File with labels, one per line.")] = None,
    index: FileIndexOption = None,
    top: Annotated[int, top_option("Labels and moments to show for each horizon.")] = 3,
    model: MediaModelOption = None,
    device: DeviceOption = "auto",
    dynamics: DynamicsOption = None,
    json: JsonOption = False,
) -> None:
    """Predict what a video shows some seconds ahead: a sentence, the nearest labels, the likeliest moments.

    Lines have the horizon, the confidence (0: no better than a guess, 1: certain) and the sentence; then the labels,
    and with an index of the same model the moments that most likely show it, each with its score. If the file is
    incomplete, or the index damaged that was found near it, a warning says what is missing, and the exit status is 1.

    \b
    Examples:
      jepa anticipate traffic.mp4
      jepa anticipate traffic.mp4 --at 1:20 --horizon 2,4 --labels "a car stops,a car turns"
      jepa anticipate traffic.mp4 --index ~/Videos --json
    """
    from jepa_retrieval.tasks.foreseeing.anticipate import MAX_HORIZON
    from jepa_retrieval.tasks.foreseeing.dynamics import open_dynamics

    candidates = given_candidates(labels, labels_file, option="labels") or ()
    ahead = [parse_time(text) for text in horizon.split(",")]
    until = None if at is None else parse_time(at)
    if until == 0:
        raise UsageError(f"--at {at}: nothing comes before the beginning; give a later time")
    if not all(0 < seconds <= MAX_HORIZON for seconds in ahead):
        raise UsageError(f"--horizon {horizon}: must be seconds above 0 and at most {MAX_HORIZON:g}")
    loaded, records = model_and_index(file, model, index)
    opened = open_dynamics(loaded, index=records, path=dynamics)
    options: dict[str, Any] = {"at": until, "horizons": ahead, "labels": candidates, "top": top}
    found, left_out = _foreseen(file, loaded, opened, records, is_given=index is not None, **options)
    if records is None and index is None and model is None and indexes_near(file):
        left_out = True  # `model_and_index` could open none of them, and said so
    if found.partial is not None:
        console.warning(f"{url_of(file)}: {found.partial}")
    for problem in found.warnings:
        console.note(f"{url_of(file)}: {problem}; used all the same")
    if json:
        console.result_json(_document(found))
    else:
        for one in found.horizons:
            _print(one)
    raise typer.Exit(1 if left_out or found.partial is not None else 0)


def _foreseen(
    file: Path,
    model: Model,
    dynamics: DynamicsModel,
    records: Index | None,
    *,
    is_given: bool,
    **options: Any,
) -> tuple[Anticipation, bool]:
    """What is foreseen; whether moments are left out, because an index that was not given is damaged."""
    from jepa_retrieval.tasks.foreseeing.anticipate import anticipate as foresee

    try:
        return foresee(file, model, dynamics, index=records, **options), False
    except IndexFormatError as error:
        if is_given or records is None:
            raise
        console.warning(f"moments of the index {records.folder} are left out: {error}")
    return foresee(file, model, dynamics, **options), True


def _print(one: Horizon) -> None:
    ahead = f"{one.seconds:g} s"
    console.row(ahead, f"{one.confidence:.3f}", one.text or "-")
    for label in one.labels:
        console.row(ahead, f"{label.score:.3f}", f"label: {label.name}")
    for moment in one.moments:
        console.row(ahead, f"{moment.score:.3f}", format_interval(moment.start, moment.end), moment.path)


def _document(found: Anticipation) -> dict[str, Any]:
    return {
        "path": found.path,
        "model": found.model,
        "at": found.at,
        **({} if found.partial is None else {"partial": found.partial}),
        **({"warnings": list(found.warnings)} if found.warnings else {}),
        "horizons": [
            {
                "seconds": one.seconds,
                "labels": [
                    {
                        "label": label.name,
                        "score": round(label.score, 6),
                        "probability": round(label.probability, 6),
                    }
                    for label in one.labels
                ],
                "moments": [
                    {
                        "path": moment.path,
                        "kind": moment.kind,
                        "start": moment.start,
                        "end": moment.end,
                        "score": round(moment.score, 6),
                    }
                    for moment in one.moments
                ],
                "text": one.text,
                "confidence": round(one.confidence, 4),
                "change": round(one.change, 6),
            }
            for one in found.horizons
        ],
    }
