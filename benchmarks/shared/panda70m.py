"""The Panda-70M samples as an index, made once and used by several benchmarks."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.shared.common import shared_data
from jepa_retrieval.library import Library

FOLDER = Path("videos") / "panda70m"


def panda70m_rows() -> list[dict[str, str]]:
    """The manifest: `file`, `caption`, `category` and more of each clip."""
    with (shared_data() / FOLDER / "MANIFEST.tsv").open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@contextmanager
def panda70m_library(model: str, index: Path | None = None) -> Iterator[Library]:
    """A library of all clips. With a folder for the index, it is kept there, and used the next time."""
    with TemporaryDirectory() as scratch:
        folder = index or Path(scratch) / "index"
        if (folder / "manifest.json").exists():
            yield Library.open(folder)
            return
        library = Library.create(shared_data() / FOLDER, index=folder, model=model)
        if failed := library.index().failed:
            raise SystemExit(f"could not be indexed: {failed}")
        yield library
