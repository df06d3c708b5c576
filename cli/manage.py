"""`jepa remove` and `jepa verify`: take files out of an index, and check it."""

from __future__ import annotations

import fnmatch
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from cli import console
from cli.locate import index_folder, open_library
from cli.options import IndexOption, JsonOption
from cli.paths import parse_path_text
from jepa_retrieval.errors import UsageError
from jepa_retrieval.source_paths import is_remote, url_of

if TYPE_CHECKING:
    from jepa_retrieval.library import Library


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("remove")(remove)
    app.command("verify")(verify)


def remove(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH", parser=parse_path_text, help="Files, folders or glob patterns."),
    ],
    index: IndexOption = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Remove every file of the index without confirmation.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Remove files and folders from an index. The media files themselves are not touched.

    Patterns are matched against paths as 'jepa search' prints them. Paths that are not in the index are listed; the
    exit status is then 1, or 2 if none of the paths is in the index. If folders or patterns hold every file of the
    index, a confirmation on a terminal is needed, or --yes.

    \b
    Examples:
      jepa remove old/ trip/a.mp4
      jepa remove "*.gif"
    """
    library = open_library(index)
    known = list(library.records.known_files())
    matches = {path: _matching(path, known, library) for path in paths}
    unknown = [path for path, found in matches.items() if not found]
    nothing = len(unknown) == len(matches)
    for path in [] if nothing else unknown:
        console.warning(f"{path}: not in the index")
    matched = sorted(set().union(*matches.values()))
    if matched and len(matched) == len(known) and not yes:
        _confirm(matches, library)
    removed = 0 if nothing else library.remove([library.resolve(text) for text in matched])
    if json:
        console.result_json({"removed": removed, **({"not_in_index": unknown} if unknown else {})})
    if nothing:
        raise UsageError(f"{', '.join(unknown)}: not in the index {library.place}")
    if not json:
        console.result(f"Removed {console.count(removed, 'file')} from the index.")
    if unknown:
        raise typer.Exit(1)


def _confirm(matches: Mapping[str, Collection[str]], library: Library) -> None:
    """Ask whether to remove every file of an index, unless each is named.

    Raises:
        UsageError: the user says no, or cannot be asked.
    """
    wide = [path for path, found in matches.items() if found and not _names_one(path, found)]
    if not wide:
        return
    files = console.count(len(set().union(*matches.values())), "file")
    every = f"{', '.join(wide)}: this would remove everything from the index {library.place} ({files})"
    if not sys.stdin.isatty():
        raise UsageError(f"{every}; nothing was removed: give --yes to remove it all")
    if console.answer(f"{every}. Remove it all? [y/N] ").lower() not in ("y", "yes"):
        raise UsageError("nothing was removed")


def _names_one(path: str, found: Iterable[str]) -> bool:
    """Whether a path is that of a single file, not of a folder or a pattern that holds it."""
    from jepa_retrieval.tasks.encoding.media_root import same_name

    names = [same_name(PurePath(text).name) for text in found]
    return names == [same_name(PurePath(path).name)]


def _matching(path: str, known: Iterable[str], library: Library) -> set[str]:
    """The stored paths that `path` selects: a file, everything below a folder, or the matches of a pattern.

    `path` may be relative to the working directory, or a path as the index stores it.
    """
    from jepa_retrieval.tasks.indexing.remove import files_at

    found = set(files_at([path], known, library.media_root))
    return found or {text for text in known if fnmatch.fnmatchcase(text, path)}


def verify(index: IndexOption = None, json: JsonOption = False) -> None:
    """Check an index for damage. Problems are printed with a remedy, and the exit status is then 1.

    \b
    Examples:
      jepa verify
      jepa verify --index ~/videos.index --json
    """
    from indexes.health import manifest_problem

    folder = index_folder(index)
    unopened = None if is_remote(folder) else manifest_problem(folder)
    problems = open_library(folder).verify() if unopened is None else [unopened]
    if json:
        console.result_json({"index": url_of(folder), "problems": [asdict(problem) for problem in problems]})
    else:
        for problem in problems:
            console.results([f"{problem.what}: {problem.detail}", f"  Remedy: {problem.remedy}"])
        if not problems:
            console.result(f"{url_of(folder)}: no problems found.")
    raise typer.Exit(1 if problems else 0)
