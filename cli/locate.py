"""Which index a command works on."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli import console
from jepa_retrieval.errors import UsageError

if TYPE_CHECKING:
    from jepa_retrieval.library import Library


def is_index(folder: Path) -> bool:
    """Whether an index lies in this very folder."""
    return (folder / "manifest.json").is_file()


def open_library(given: Path | None) -> Library:
    """Open the index named by --index or $JEPA_INDEX, else the nearest .jepa upwards from the working directory."""
    from jepa_retrieval.library import Library, find_index

    folder = given or find_index(Path.cwd())
    if folder is None:
        raise UsageError(
            f"no index in {Path.cwd()} or above it: make one with 'jepa index FOLDER', or name one with --index DIR"
        )
    return Library.open(folder)


@dataclass(frozen=True)
class Target:
    """The index that a run writes to, and what is asked of a new one."""

    folder: Path  # need not exist yet
    media: Path  # the folder that paths in a new index are relative to
    model: str | None
    prompt: str | None

    @classmethod
    def choose(
        cls, paths: Sequence[Path], given: Path | None, *, model: str | None, prompt: str | None
    ) -> Target:
        """The index that `paths` go into.

        Without --index: the nearest .jepa at or above the paths, else a new .jepa in the folder (or beside the file)
        that was named. Paths that lead to different indexes need --index.
        """
        from jepa_retrieval.library import INDEX_NAME

        present = [path for path in paths if path.exists()]
        if not present:
            raise UsageError(f"{', '.join(map(str, paths))}: no such file or folder")
        folder = _nearest_or_new(present) if given is None else _named(given)
        media = folder.parent if folder.name == INDEX_NAME else _common_folder(present)
        return cls(folder, media, model, prompt)

    def open_or_create(self, *, rebuild: bool) -> Library:
        """The index, made if there is none. It keeps its model and prompt, unless it is to be rebuilt."""
        from jepa_retrieval.library import Library

        if not is_index(self.folder):
            console.note(f"Making a new index in {console.printable(str(self.folder))}")
            return self._create(self.folder)
        library = Library.open(self.folder)
        if not rebuild:
            self._require_same(library)
        return library

    @contextmanager
    def opened_for_planning(self) -> Iterator[Library]:
        """The index as it is; if there is none, an empty one in a temporary folder."""
        from jepa_retrieval.library import Library

        with tempfile.TemporaryDirectory(prefix="jepa-dry-run-") as scratch:
            yield (
                Library.open(self.folder) if is_index(self.folder) else self._create(Path(scratch) / "index")
            )

    def _create(self, folder: Path) -> Library:
        from jepa_retrieval.library import DEFAULT_MODEL, Library

        model = self.model or os.environ.get("JEPA_MODEL") or DEFAULT_MODEL
        return Library.create(self.media, index=folder, model=model, prompt=self.prompt)

    def _require_same(self, library: Library) -> None:
        manifest = library.records.manifest
        for name, wanted, made_with in (
            ("model", self.model, manifest.model),
            ("prompt", self.prompt, manifest.prompt),
        ):
            if wanted is not None and wanted != made_with:
                raise UsageError(
                    f"--{name}: the index {library.folder} was made with the {name} '{made_with}', not '{wanted}'; "
                    "name another --index, or embed everything again with --rebuild"
                )


def _named(given: Path) -> Path:
    """A folder that holds other files is one of media: `--index ~/Videos` means ~/Videos/.jepa."""
    from jepa_retrieval.library import INDEX_NAME

    folder = Path(os.path.abspath(given))
    is_media = (
        folder.name != INDEX_NAME and folder.is_dir() and not is_index(folder) and any(folder.iterdir())
    )
    return folder / INDEX_NAME if is_media else folder


def _nearest_or_new(paths: Sequence[Path]) -> Path:
    from jepa_retrieval.library import INDEX_NAME, find_index

    found = {find_index(_media_folder(path)) for path in paths}
    if len(found) > 1:
        raise UsageError("the paths belong to different indexes: name the one to use with --index DIR")
    nearest = found.pop()
    if nearest is not None:
        return nearest
    folders = {_media_folder(path) for path in paths}
    if len(folders) > 1:
        raise UsageError("several paths and no .jepa above them: say where the index goes with --index DIR")
    return folders.pop() / INDEX_NAME


def _media_folder(path: Path) -> Path:
    """The folder itself, or the one that a file lies in; absolute, symbolic links kept as they are."""
    absolute = Path(os.path.abspath(path))
    return absolute if absolute.is_dir() else absolute.parent


def _common_folder(paths: Sequence[Path]) -> Path:
    """The deepest folder that holds all `paths`."""
    return Path(os.path.commonpath([_media_folder(path) for path in paths]))
