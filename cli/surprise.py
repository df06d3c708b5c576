"""`jepa surprise`: what was not foreseen in a video or an index."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import console
from cli.locate import is_from_environment, model_and_index, open_library
from cli.options import (
    DeviceOption,
    DynamicsOption,
    FileIndexOption,
    JsonOption,
    MediaModelOption,
    WhereOption,
    file_option,
    top_option,
)
from cli.outputs import try_write
from cli.paths import OutputFile, parse_path, require_outputs
from jepa_retrieval.errors import UsageError
from jepa_retrieval.source_paths import url_of
from jepa_retrieval.times import format_interval

if TYPE_CHECKING:
    from jepa_retrieval.tasks.foreseeing.surprise import FileSurprise, IndexSurprise, Surprise


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("surprise")(surprise)


def surprise(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", parser=parse_path, help="A video. Default: the whole index."),
    ] = None,
    index: FileIndexOption = None,
    top: Annotated[int, top_option("Maximum number of moments to show.")] = 10,
    min_z: Annotated[
        float,
        typer.Option("--min-z", min=0.0, metavar="Z", help="Show only moments with this z-score or more."),
    ] = 3.0,
    where: WhereOption = None,
    html: Annotated[
        Path | None, file_option("Also write the curve and the moments of FILE as a page, to a .html file.")
    ] = None,
    model: MediaModelOption = None,
    device: DeviceOption = "auto",
    dynamics: DynamicsOption = None,
    json: JsonOption = False,
) -> None:
    """Find the moments that differ from what was predicted from the states before them, the most surprising first.

    Every window of FILE is compared with its prediction, or every clip of an index, from the stored tokens alone, so
    that nothing is decoded. z is a robust z-score within the file or the index. Cuts do not count as surprises;
    --json lists them. With V-JEPA 2 in a folder as the Hugging Face hub has it, --model FOLDER lets its own predictor
    foresee (docs/states.md). Lines have z, time and path. If FILE is incomplete, a warning says what is missing, and
    the exit status is 1.

    \b
    Examples:
      jepa surprise garden.mp4
      jepa surprise garden.mp4 --html surprises.html
      jepa surprise garden.mp4 --model ~/models/vjepa2-vitl-fpc64-256
      jepa surprise --index ~/Videos --top 20
      jepa surprise --index ~/Videos --where "duration > 60" --json
    """
    if file is None:
        for name, value in (("--html", html), ("--model", model)):
            if value is not None:
                raise UsageError(f"{name} requires FILE")
        _print_index(_of_index(index, dynamics, top, min_z, where), min_z=min_z, json=json)
        return
    if where is not None:
        raise UsageError("--where requires an index, not FILE")
    require_outputs(OutputFile("--html", html, (".html", ".htm")), inputs=[file, dynamics])
    found = _of_file(file, index, model, dynamics, top, min_z)
    if found.partial is not None:
        console.warning(f"{url_of(file)}: {found.partial}")
    for problem in found.warnings:
        console.note(f"{url_of(file)}: {problem}; used all the same")
    if json:
        console.result_json(
            {
                "path": found.path,
                "model": found.model,
                "surprises": [_row(one) for one in found.surprises],
                "curve": [[time, None if z is None else round(z, 4)] for time, z in found.curve],
                "cuts": found.cuts,
                "flashes": found.flashes,
                **({} if found.partial is None else {"partial": found.partial}),
                **({"warnings": list(found.warnings)} if found.warnings else {}),
            }
        )
    else:
        _print_lines(found.surprises, f"{found.path}: nothing with a z-score of {min_z:g} or more.")
    failure = None if html is None else _try_html(html, found, min_z)
    if failure is not None:
        console.error(failure)
    raise typer.Exit(0 if found.partial is None and failure is None else 1)


def _try_html(file: Path, found: FileSurprise, min_z: float) -> str | None:
    """Write the page; why it failed, if it did."""
    from jepa_retrieval.report.surprise import write_surprise_page

    return try_write(file, lambda: write_surprise_page(file, found, min_z=min_z))


def _of_index(
    index: Path | None, dynamics: Path | None, top: int, min_z: float, where: str | None
) -> IndexSurprise:
    library = open_library(index)
    from jepa_retrieval.tasks.foreseeing.dynamics import open_dynamics
    from jepa_retrieval.tasks.foreseeing.surprise import surprise_of_index

    opened = open_dynamics(library.model, index=library.records, path=dynamics)
    return surprise_of_index(library.records, opened, top=top, min_z=min_z, where=where)


def _of_file(
    file: Path,
    index: Path | None,
    model: str | None,
    dynamics: Path | None,
    top: int,
    min_z: float,
) -> FileSurprise:
    from jepa_retrieval.models.runtime.vjepa2_predictor import PretrainedPredictor, vjepa2_folder
    from jepa_retrieval.tasks.foreseeing.dynamics import open_dynamics
    from jepa_retrieval.tasks.foreseeing.surprise import surprise_of_file

    folder = None if model is None else vjepa2_folder(model)
    if folder is not None:
        from jepa_retrieval.tasks.foreseeing.pretrained import surprise_by_predictor

        given = {"--dynamics": dynamics, "--index": None if index and is_from_environment(index) else index}
        for name, value in given.items():
            if value is not None:
                raise UsageError(f"{name} has no effect with --model {model}: V-JEPA 2 has its own predictor")
        return surprise_by_predictor(file, PretrainedPredictor(folder), top=top, min_z=min_z)
    loaded, records = model_and_index(file, model, index)
    opened = open_dynamics(loaded, index=records, path=dynamics)
    return surprise_of_file(file, loaded, opened, top=top, min_z=min_z)


def _print_index(found: IndexSurprise, *, min_z: float, json: bool) -> None:
    if json:
        console.result_json(
            {
                "index": found.index,
                "model": found.model,
                "clips": found.clips,
                "surprises": [{"path": one.path, **_row(one)} for one in found.surprises],
            }
        )
        return
    compared = f"{console.count(found.clips, 'clip')} compared"
    _print_lines(found.surprises, f"Nothing in the index has a z-score of {min_z:g} or more; {compared}.")


def _print_lines(surprises: list[Surprise], nothing: str) -> None:
    for one in surprises:
        console.row(f"{one.z:.1f}", format_interval(one.start, one.end), one.path)
    if not surprises:
        console.note(nothing)


def _row(one: Surprise) -> dict[str, Any]:
    row = {"start": one.start, "end": one.end, "z": round(one.z, 4), "raw": round(one.raw, 6)}
    return row if one.clip_id is None else {**row, "clip_id": one.clip_id}
