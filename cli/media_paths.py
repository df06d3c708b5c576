"""Media and candidates of the commands that take paths: `jepa classify`, `jepa ask`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cli import console
from cli.fetching import chosen_model
from cli.progress import indexing_progress
from cli.values import parse_interval
from indexes import IndexFormatError
from jepa_retrieval.errors import UsageError
from jepa_retrieval.user_paths import exists

if TYPE_CHECKING:
    from jepa_retrieval.library import Library, VideoQuery
    from jepa_retrieval.media_set import MediaSet
    from jepa_retrieval.tasks.asking.candidates import Candidate
    from jepa_retrieval.tasks.indexing.failures import FileFailure


@contextmanager
def opened_media(paths: Sequence[str], index: Path | None, model: str | None) -> Iterator[MediaSet]:
    """Open the media at `paths`, encode what is not indexed, and print a warning for each file that failed."""
    from jepa_retrieval.library import VideoQuery
    from jepa_retrieval.media_set import open_media

    requested: list[Path | VideoQuery] = []
    for text in paths:
        path, start, end = parse_interval(text)
        whole = start is None and end is None
        requested.append(path if whole else VideoQuery(path, start, end))
    named = [parse_interval(text)[0] for text in paths]
    library, model = _library_around(next((path for path in named if exists(path)), named[0]), index, model)
    if model is not None and library is not None and model != library.records.manifest.model:
        library = None
    if library is None:
        model = chosen_model(model)
    with (
        indexing_progress() as on_progress,
        open_media(requested, library=library, model=model, on_progress=on_progress) as media,
    ):
        _print_failures(media.failed)
        _print_failures(media.partial, "read in part: ")
        for file in media.warnings:
            console.note(f"{file.path}: {file.error}; used all the same")
        yield media


def _library_around(path: Path, index: Path | None, model: str | None) -> tuple[Library | None, str | None]:
    """The given index, else the nearest one at or above `path`, if there is one; and the name of the model to use.

    One that is not given and is damaged is named in a warning, and not used, but for the name of its model.
    """
    from jepa_retrieval.library import Library, find_index

    if index is not None:
        return Library.open(index), model
    folder = find_index(path if path.is_dir() else path.absolute().parent)
    if folder is None:
        return None, model
    try:
        library = Library.open(folder)
        model_of_index = library.records.manifest.model
    except IndexFormatError as error:
        console.warning(f"the index {folder} is not used: {error}")
        return None, model
    try:
        library.records.known_files()
        next(library.records.iter_clips(columns=["clip_id"], batch_size=1), None)  # opens that table, too
    except IndexFormatError as error:
        console.warning(f"the index {folder} is not used, and files are read again: {error}")
        return None, model or model_of_index
    return library, model


def _print_failures(failed: Sequence[FileFailure], what: str = "") -> None:
    for failure in sorted(failed, key=lambda failure: failure.path):
        console.warning(f"{failure.path}: {what}{failure.error}")


def given_candidates(listed: str | None, file: Path | None, *, option: str) -> list[Candidate] | None:
    """The candidates of `--OPTION a,b,c` or `--OPTION-file FILE`; None if neither is given."""
    from jepa_retrieval.tasks.asking.candidates import parse_candidates, read_candidates

    if listed is not None and file is not None:
        raise UsageError(f"--{option} and --{option}-file cannot be used together")
    if file is not None:
        return read_candidates(file)
    if listed is None:
        return None
    names = [name.strip() for name in listed.split(",") if name.strip()]
    if not names:
        raise UsageError(f"--{option} is empty: give at least one, with commas between several")
    return parse_candidates(names)
