"""Finds the index that a command works on."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from cli import console
from cli.fetching import chosen_model, model_name
from indexes import IndexFormatError, IndexNotFoundError, IndexWriteError
from indexes.reasons import NO_SUCH_FILE
from jepa_retrieval.errors import JepaError, UsageError
from jepa_retrieval.index_folder import existing_index, find_index, is_index
from jepa_retrieval.source_paths import is_remote, url_of
from jepa_retrieval.user_paths import absolute, exists

if TYPE_CHECKING:
    from indexes import Index
    from jepa_retrieval.libraries import Libraries
    from jepa_retrieval.library import Library
    from jepa_retrieval.models.parts import Model

Known = TypeVar("Known")


def open_library(given: Path | str | None) -> Library:
    """Open the index given by --index or $JEPA_INDEX, else the nearest .jepa at or above the working directory."""
    from jepa_retrieval.library import Library

    return Library.open(given if isinstance(given, str) else index_folder(given))


def open_libraries(given: Sequence[Path | str]) -> Library | Libraries:
    """As `open_library`, for --index given any number of times; several indexes are opened as one.

    Raises:
        UsageError: an index is given twice.
        JepaError: none of them opens.
    """
    chosen = list(given) or [*chosen_indexes([])]
    if len(chosen) == 1:
        return open_library(chosen[0])
    from jepa_retrieval.libraries import Libraries

    return Libraries.open(chosen)


def chosen_indexes(given: Sequence[Path]) -> list[Path]:
    """The indexes that are given, else the one that commands use without --index."""
    if given:
        return list(given)
    if named := os.environ.get("JEPA_INDEX"):
        return [Path(named)]
    return [nearest_index()]


def model_and_index(file: Path, model: str | None, index: Path | None) -> tuple[Model, Index | None]:
    """The model for a single file, and the index that it comes from or that was made with it.

    Args:
        file: without `index`, one of `indexes_near` this file; one that cannot be opened is named in a warning.
        model: given by --model; it goes before that of an index that was not given with --index.
        index: given by --index or $JEPA_INDEX.

    Raises:
        UsageError: --index names an index of another model than --model.
    """
    from jepa_retrieval.library import Library
    from jepa_retrieval.models import load_model

    library = opened_near(file) if index is None else Library.open(index_folder(index))
    if library is not None and model in (None, library.records.manifest.model):
        return library.model, library.records
    if library is not None and index is not None and not is_from_environment(index):
        raise UsageError(
            f"--index {index} was made with the model {library.records.manifest.model}, not with --model {model}: "
            "give one of the two"
        )
    return load_model(chosen_model(model)), None


def indexes_near(file: Path) -> list[Path]:
    """The nearest index at or above the working directory, and the one at or above a file; none, one or both."""
    near = (find_index(folder) for folder in (Path.cwd(), absolute(file).parent))
    return list(dict.fromkeys(found for found in near if found is not None))


def opened_near(file: Path) -> Library | None:
    """The first of `indexes_near` a file that can be opened; the others are named in warnings."""
    from jepa_retrieval.library import Library

    for folder in indexes_near(file):
        try:
            return Library.open(folder)
        except IndexFormatError as error:
            console.warning(f"the index {folder} is not used: {error}")
    return None


def known_near(
    file: Path, ask: Callable[[Library], Known | None], what: str, *, index: Path | None = None
) -> tuple[Known | None, bool]:
    """What the first of `indexes_near` a file knows of it that knows anything; whether something may be left out.

    One that cannot be read is named in a warning, and the other is asked. If that one knows nothing, what the first
    may know is left out.

    Args:
        file: the file.
        ask: what the index knows of it; what is not true is nothing.
        what: the name of that, for warnings.
        index: given by --index or $JEPA_INDEX: only this one is asked.

    Raises:
        JepaError: the given index cannot be read.
    """
    from jepa_retrieval.library import Library

    if index is not None:
        return ask(Library.open(index)), False
    unread = False
    for folder in indexes_near(file):
        try:
            if known := ask(Library.open(folder)):
                return known, False
        except JepaError as error:
            unread = True
            console.warning(f"{what} is left out, as far as the index {folder} knows it: {error}")
    return None, unread


def index_folder(given: Path | None) -> Path:
    """The folder of the index that `open_library` opens.

    Raises:
        UsageError: no index is given, and none is near.
        IndexNotFoundError: there is none where one is given.
    """
    if given is None:
        return nearest_index()
    folder = existing_index(given)
    if not is_remote(folder) and not is_index(folder):
        variable = "$JEPA_INDEX: " if is_from_environment(given) else ""
        no_folder = "it is not a folder" if folder.exists() else NO_SUCH_FILE
        why = "it has no manifest.json" if folder.is_dir() else no_folder
        raise IndexNotFoundError(f"{variable}no index at {folder}: {why}")
    return folder


def is_from_environment(given: Path) -> bool:
    """Whether an index comes from $JEPA_INDEX, not from --index."""
    return os.environ.get("JEPA_INDEX") == str(given)


def nearest_index() -> Path:
    """The nearest .jepa at or above the working directory.

    Raises:
        UsageError: there is none.
    """
    nearest = find_index(Path.cwd())
    if nearest is None:
        raise UsageError(
            f"no index in {Path.cwd()} or above it: create one with 'jepa index FOLDER', or give one with --index DIR"
        )
    return nearest


@dataclass(frozen=True)
class Target:
    """The index that a run writes to, and the settings of a new one."""

    folder: Path  # may not exist yet
    media: Path  # the folder that paths in a new index are relative to
    model: str | None
    prompt: str | None
    is_new: bool  # whether there is no index yet
    folder_existed: bool

    @classmethod
    def choose(
        cls, paths: Sequence[Path], given: Path | None, *, model: str | None, prompt: str | None
    ) -> Target:
        """The index for `paths`.

        Without --index: the nearest .jepa at or above the paths, else a new .jepa in the given folder, or beside the
        given file.

        Raises:
            UsageError: none of the paths exists; they belong to different indexes and --index is missing.
        """
        from jepa_retrieval.library import INDEX_NAME

        absolute_paths = [absolute(path) for path in paths]
        present = [path for path in absolute_paths if exists(path)]
        if not present and (given is None or not is_index(_named(given))):
            raise UsageError(f"{', '.join(map(str, paths))}: {NO_SUCH_FILE}")
        elsewhere = [path for path in absolute_paths if is_remote(path)]
        if elsewhere and given is None:
            raise UsageError(f"choose a folder for the index of {url_of(elsewhere[0])} with --index DIR")
        folder = _nearest_or_new(present) if given is None else _named(given)
        if elsewhere:
            media = _only_prefix(absolute_paths) or folder.parent
        elif folder.name == INDEX_NAME and not is_remote(folder):
            media = folder.parent
        else:
            media = _common_folder(present or absolute_paths)
        if is_remote(folder):
            from jepa_retrieval.stores.stored_index import stored_index_exists

            return cls(folder, media, model, prompt, not stored_index_exists(folder), False)
        return cls(folder, media, model, prompt, not is_index(folder), folder.exists())

    def open_or_create(self, *, rebuild: bool) -> Library:
        """The index, created if necessary. Its model and prompt can change only by a rebuild."""
        if self.is_new:
            return self._create(self.folder, chosen_model(self.model))
        return self._existing(rebuild=rebuild)

    def _existing(self, *, rebuild: bool) -> Library:
        from jepa_retrieval.library import Library

        library = Library.open(self.folder)
        if not rebuild:
            self._require_same(library)
        return library

    def delete_if_empty(self, library: Library) -> bool:
        """Delete a new index in which nothing was stored; a folder that was there before stays. Whether it was so."""
        from jepa_retrieval.stores.stored_index import StoredIndex

        library.records.refresh()
        if library.records.count_clips():
            return False
        if isinstance(library.records, StoredIndex):
            library.records.mirror.delete()
        else:
            shutil.rmtree(library.folder)
            if self.folder_existed:
                self.folder.mkdir()
        return True

    @contextmanager
    def opened_for_planning(self, *, rebuild: bool) -> Iterator[Library]:
        """The index as it is; if it does not exist, an empty one in a temporary folder. As in `open_or_create`.

        Raises:
            JepaError: `open_or_create` would be refused.
        """
        if not self.is_new:
            yield self._existing(rebuild=rebuild)
            return
        if not is_remote(self.folder):
            from indexes.create import check_new_folder

            with _other_folder_named():
                check_new_folder(self.folder)
        with tempfile.TemporaryDirectory(prefix="jepa-dry-run-") as scratch:
            yield self._create(Path(scratch) / "index", model_name(self.model))

    def _create(self, folder: Path, model: str) -> Library:
        from jepa_retrieval.library import Library

        with _other_folder_named():
            return Library.create(self.media, index=folder, model=model, prompt=self.prompt)

    def _require_same(self, library: Library) -> None:
        manifest = library.records.manifest
        for name, requested, current in (
            ("model", self.model, manifest.model),
            ("prompt", self.prompt, manifest.prompt),
        ):
            if requested is not None and requested != current:
                raise UsageError(
                    f"--{name}: the index {library.place} was created with the {name} '{current}', "
                    f"not '{requested}'; give another --index, or embed all files again with --rebuild"
                )


@contextmanager
def _other_folder_named() -> Iterator[None]:
    """Adds to the error of an index that cannot be made the option for another place."""
    try:
        yield
    except IndexWriteError as error:
        raise IndexWriteError(f"{error}; --index DIR puts the index into another folder") from error


def _named(given: Path) -> Path:
    """A folder with other files in it is a media folder: `--index ~/Videos` means ~/Videos/.jepa."""
    from jepa_retrieval.library import INDEX_NAME

    folder = absolute(given)
    is_media = (
        folder.name != INDEX_NAME and folder.is_dir() and not is_index(folder) and any(folder.iterdir())
    )
    return folder / INDEX_NAME if is_media else folder


def _nearest_or_new(paths: Sequence[Path]) -> Path:
    from jepa_retrieval.library import INDEX_NAME, find_index

    found = {find_index(_media_folder(path)) for path in paths}
    if len(found) > 1:
        raise UsageError("the paths belong to different indexes: choose one with --index DIR")
    nearest = found.pop()
    if nearest is not None:
        return nearest
    folders = {_media_folder(path) for path in paths}
    if len(folders) > 1:
        raise UsageError(
            "several paths and no .jepa above them: choose a folder for the index with --index DIR"
        )
    return folders.pop() / INDEX_NAME


def _media_folder(path: Path) -> Path:
    """The folder itself, or the folder of a file; absolute, with symbolic links kept."""
    absolute = Path(os.path.abspath(path))
    return absolute if absolute.is_dir() else absolute.parent


def _only_prefix(paths: Sequence[Path]) -> Path | None:
    """The path of a run, if it is one folder elsewhere; a name with a suffix is a file."""
    return paths[0] if len(paths) == 1 and not paths[0].suffix else None


def _common_folder(paths: Sequence[Path]) -> Path:
    """The deepest folder that contains all `paths`."""
    return Path(os.path.commonpath([_media_folder(path) for path in paths]))
