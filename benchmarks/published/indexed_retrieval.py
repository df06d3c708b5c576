"""Retrieval as a user does it: files are indexed, captions are searched."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.datasets.shapes import RetrievalSet
from benchmarks.shared.common import unquoted
from jepa_retrieval.errors import UsageError
from jepa_retrieval.library import Library


class Ranking(NamedTuple):
    """The results of all searches."""

    found: list[list[int]]  # for each caption, rows of the set's clips, the best first
    indexed: frozenset[int]  # rows of the clips that are in the index
    failed: dict[str, str]  # files that could not be indexed, and why
    clips: int  # in the index: a file has one or more


def search_all(data: RetrievalSet, model: str) -> Ranking:
    """Index the files of `data` in a temporary folder and search every caption, the best moment of each file.

    Raises:
        UsageError: the clips of the set are parts of files.
    """
    if any(clip.start is not None or clip.end is not None for clip in data.clips):
        raise UsageError(
            f"{data.title}: its clips are parts of files, so they cannot be measured through an index"
        )
    files = {clip.path.resolve(): row for row, clip in enumerate(data.clips)}
    root = Path(*_shared_parts([path.parent.parts for path in files]))
    with tempfile.TemporaryDirectory() as folder:
        library = Library.create(root, index=Path(folder) / "index", model=model)
        report = library.index(list(files))
        failed = {str(root / failure.path): failure.error for failure in report.failed}
        indexed = frozenset(row for path, row in files.items() if str(path) not in failed)
        results = library.search_many(list(map(unquoted, data.captions)), top=len(indexed), per_file=True)
        found = [[files[library.resolve(hit.path)] for hit in result.hits] for result in results]
        return Ranking(found, indexed, failed, report.clips)


def _shared_parts(paths: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The longest beginning that all paths have."""
    shortest, longest = min(paths), max(paths)
    length = next(
        (i for i, (a, b) in enumerate(zip(shortest, longest, strict=False)) if a != b), len(shortest)
    )
    return shortest[:length]
