"""The indexes that a server answers from: each as its newest commit has it, models shared, several side by side."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from indexes import Index
from indexes.manifest import read_manifest
from jepa_retrieval.errors import JepaError, UsageError
from jepa_retrieval.index_folder import existing_index, index_names, require_distinct
from jepa_retrieval.models import load_model
from jepa_retrieval.models.runtime.model import RuntimeModel
from jepa_retrieval.serving.file_table import FileTable
from jepa_retrieval.serving.ids import MAX_INDEXES, outer_id, split_id
from jepa_retrieval.serving.problems import ProblemError
from jepa_retrieval.source_paths import is_remote
from jepa_retrieval.stores.mirror import IndexMirror
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.tasks.searching.calibration import NullDistribution, null_distribution

logger = logging.getLogger(__name__)

_PULL_SECONDS = 10.0  # for which a store is not asked for new commits again
_MAX_SHARE = 0.2  # of the time that may go into taking up new commits, while another process writes many


@dataclass(frozen=True)
class ServedModel:
    """A model that several indexes share, and what it encodes once for all."""

    model: RuntimeModel
    _cache: dict[tuple[str, ...], np.ndarray] = field(default_factory=dict, init=False, compare=False)

    def encode_reference(self, texts: Sequence[str]) -> np.ndarray:
        """Embeddings of texts that every commit is compared with, float32 [texts, E]; computed once."""
        key = tuple(texts)
        if key not in self._cache:
            self._cache[key] = self.model.y_encoder.encode(texts)
        return self._cache[key]


@dataclass(frozen=True, slots=True, eq=False)
class Commit:
    """One commit of an index, ready to be searched. It stays as it is while requests use it."""

    number: int  # of the index on this server
    name: str  # of the index, for people
    index: Index
    served_model: ServedModel
    media_root: MediaRoot
    files: FileTable
    null: NullDistribution
    clips: int

    @property
    def model(self) -> RuntimeModel:
        """The model that the index was made with."""
        return self.served_model.model

    @property
    def version(self) -> str:
        """Differs from that of every other commit."""
        manifest = self.index.manifest
        return f"{manifest.index_id[:8]}.{manifest.commit.number}"

    def media_id(self, path: str) -> int:
        """What clients call a file.

        Raises:
            ProblemError: the index has clips of the file and no record of it: it is damaged.
        """
        number = self.files.number_of(path)
        if number is None:
            raise ProblemError(
                503,
                f"the index {self.name!r} is damaged: it has no record of {path!r}; `jepa verify` says more",
            )
        return outer_id(self.number, number)

    def clip_id(self, clip_id: int) -> int:
        """What clients call a clip."""
        return outer_id(self.number, clip_id)


class ServedIndex:
    """One index, as of its newest commit.

    Attributes:
        place: where it is, a folder or a path in a store.
        folder: where its files are on this machine.
    """

    def __init__(self, place: Path, number: int, name: str, models: _Models) -> None:
        self.place = place
        self._mirror = IndexMirror(place) if is_remote(place) else None
        self.folder = place if self._mirror is None else self._mirror.folder
        self._pull()
        self.number = number
        self.name = name
        self._models = models
        self._lock = threading.Lock()
        self._commit = self._open()
        self._not_before = 0.0

    @property
    def commit(self) -> Commit:
        """The newest commit that is ready."""
        return self._commit

    def refresh(self, *, at_once: bool = False) -> bool:
        """Take up a new commit, and return whether there was one; requests go on with the old one meanwhile.

        While another process writes many commits, some are skipped, unless the newest is needed `at_once`.
        """
        with self._lock:
            began = time.monotonic()
            if began < self._not_before and not at_once:
                return False
            if at_once or began >= self._pull_at:
                self._pull()
            if read_manifest(self.folder) == self._commit.index.manifest:
                return False
            self._commit = self._open()
            self._not_before = time.monotonic() + (time.monotonic() - began) / _MAX_SHARE
            return True

    def _pull(self) -> None:
        """Bring the copy of an index in a store up to date."""
        self._pull_at = time.monotonic() + _PULL_SECONDS
        if self._mirror is not None:
            self._mirror.pull()

    def _open(self) -> Commit:
        index = Index.open(self.folder)
        manifest = index.manifest
        served_model = self._models.get(manifest.model)
        model = served_model.model
        index.require_fingerprint(model.fingerprint(manifest.prompt), model=model.name)
        index.warm_up()
        stated = manifest.media_root
        return Commit(
            number=self.number,
            name=self.name,
            index=index,
            served_model=served_model,
            media_root=MediaRoot(Path(stated) if stated else self.folder.parent),
            files=FileTable.read(index),
            null=null_distribution(index, served_model.encode_reference),
            clips=index.count_clips(),
        )


class _Models:
    """Models by name, each loaded once."""

    def __init__(self) -> None:
        self._loaded: dict[str, ServedModel] = {}

    def get(self, name: str) -> ServedModel:
        if name not in self._loaded:
            model = load_model(name)
            model.y_encoder.encode(["a text"])  # what is slow the first time is done now
            self._loaded[name] = ServedModel(model)
        return self._loaded[name]


class ServedIndexes:
    """All indexes of a server."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Open them.

        Raises:
            IndexNotFoundError: a folder has no index.
            UsageError: an index is given twice, or there are too many.
        """
        found = [existing_index(folder) for folder in folders]
        require_distinct(found)
        if len(found) > MAX_INDEXES:
            raise UsageError(f"at most {MAX_INDEXES} indexes can be served together")
        names = index_names(found)
        models = _Models()
        self.served = [
            ServedIndex(folder, number, name, models)
            for number, (folder, name) in enumerate(zip(found, names, strict=True))
        ]

    def commits(self, names: Sequence[str] | None = None) -> list[Commit]:
        """The newest commits of some indexes, or of all.

        Raises:
            ProblemError: there is no index of a name.
        """
        if names is None:
            return [served.commit for served in self.served]
        return [self.named(name).commit for name in dict.fromkeys(names)]

    def named(self, name: str | None) -> ServedIndex:
        """An index by its name; without one, the only one there is.

        Raises:
            ProblemError: there is none of that name, or it does not say which of several.
        """
        if name is None:
            if len(self.served) == 1:
                return self.served[0]
            raise ProblemError(422, f"name one of the indexes: {self._known()}")
        for served in self.served:
            if served.name == name:
                return served
        raise ProblemError(422, f"there is no index {name!r}; indexes are {self._known()}")

    def commit_of(self, number: int) -> tuple[Commit, int]:
        """The commit that a client's number of a file or clip belongs to, and the number in it.

        Raises:
            ProblemError: there is no such index.
        """
        at, inner = split_id(number)
        if not 0 <= at < len(self.served):
            raise ProblemError(404, f"there is nothing with the number {number}")
        return self.served[at].commit, inner

    def prepare_pictures(self) -> None:
        """Load what pictures are encoded with, so that the first search by picture does not wait for it."""
        for commit in self.commits():
            with contextlib.suppress(JepaError):  # it is told when a picture comes
                _ = commit.model.x_encoder, commit.model.predictor

    def missing(self) -> list[str]:
        """The names of the indexes whose manifest cannot be read any more; the log has the reasons."""
        found = []
        for served in self.served:
            try:
                read_manifest(served.folder)
            except JepaError as error:
                logger.warning("%s: %s", served.name, error)
                found.append(served.name)
        return found

    def version(self, commits: Sequence[Commit]) -> str:
        """Of several commits together."""
        return "+".join(commit.version for commit in commits)

    def refresh(self, on_error: Callable[[str], None] | None = None) -> bool:
        """Take up new commits. Returns whether there were any; an index that cannot be read stays as it is."""
        changed = False
        for served in self.served:
            try:
                changed |= served.refresh()
            except JepaError as error:
                logger.warning("%s is answered from its last good commit: %s", served.name, error)
                if on_error is not None:
                    on_error(served.name)
        return changed

    def _known(self) -> str:
        return ", ".join(repr(served.name) for served in self.served)
