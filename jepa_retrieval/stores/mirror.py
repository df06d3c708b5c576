"""A copy on this machine of an index in an object store, and how the two are kept equal."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from indexes.errors import IndexFormatError, IndexNotFoundError, IndexStoreError, IndexWriteError
from indexes.files import files_below, write_atomically
from indexes.lock import LOCK_NAME as LOCAL_LOCK
from indexes.lock import NOTE_NAME, is_locked
from indexes.manifest import FILE_NAME as MANIFEST
from indexes.reasons import reason
from jepa_retrieval.index_folder import is_index
from jepa_retrieval.models.cache import cache_root
from jepa_retrieval.stores.commit import FILE_NAME as COMMIT
from jepa_retrieval.stores.commit import StoredFile, commit_bytes, new_key, parse_commit
from jepa_retrieval.stores.objects import StoreFolder
from jepa_retrieval.stores.store_lock import store_lock

logger = logging.getLogger(__name__)

_AT_ONCE = 8  # files that are copied at the same time
_MAX_ROUNDS = 10  # for a copy while others commit
_OWN = (LOCAL_LOCK, NOTE_NAME)  # files that are not copied


@dataclass(slots=True)
class _State:
    """What the store and the copy had in common when they were last equal."""

    tag: str = ""  # of the commit in the store; "" before the first
    files: dict[str, tuple[str, int, int]] = field(
        default_factory=dict
    )  # by name: key; size, mtime_ns of the copy
    sent: list[str] = field(
        default_factory=list
    )  # objects that the next commit deletes, if it does not name them


class IndexMirror:
    """An index in a store, with its copy in the user's cache.

    Attributes:
        url: of the index.
        folder: of the copy.

    Args:
        path: of the index, as of `jepa_retrieval.source_paths`.

    Raises:
        UsageError: the store's package is not installed, or it is a web server.
    """

    def __init__(self, path: Path) -> None:
        self._store = StoreFolder(path)
        self.url = self._store.url
        self._cache = cache_root() / "indexes" / hashlib.sha256(self.url.encode()).hexdigest()[:24]
        self.folder = self._cache / "index"

    def exists(self) -> bool:
        """Whether there is an index, in the store or, by a run that ended before its first commit there, here.

        Raises:
            IndexStoreError: the store refuses, or does not answer.
        """
        with self._errors(IndexStoreError, "cannot read"):
            if self._store.find(COMMIT) is not None or self._is_only_here():
                return True
        shutil.rmtree(self._cache, ignore_errors=True)  # that of an index that was deleted in the store
        return False

    def pull(self) -> bool:
        """Bring the copy up to the newest commit in the store. Returns whether there was one.

        What was written here and is not yet in the store stays, unless another machine has committed since.

        Raises:
            IndexNotFoundError: there is no index.
            IndexFormatError: what is there is damaged.
            IndexStoreError: the store refuses, or does not answer.
        """
        with self._errors(IndexStoreError, "cannot read"), self._alone():
            for _ in range(_MAX_ROUNDS):
                state, commit = self._read_state(), self._store.find(COMMIT)
                if commit is None and self._is_only_here():
                    return False
                if commit is None:
                    raise IndexNotFoundError(f"no index at {self.url}: it has no {COMMIT}")
                if (commit.tag == state.tag and is_index(self.folder)) or is_locked(self.folder):
                    return False
                if self._copy(state, commit.tag):
                    return True
            raise IndexStoreError(f"{self.url} changes faster than it can be copied")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """The right to write, in a `with` statement: the copy is up to date at its begin, and the store at its end.

        If it ends with an error, what was stored here stays here, and the next time goes on from there.

        Raises:
            IndexLockedError: another process is writing.
            IndexWriteError: the store refuses, or does not answer.
        """
        with ExitStack() as held:
            with self._errors(IndexWriteError, "cannot write to"):
                held.enter_context(store_lock(self._store))
            if self.exists():
                self.pull()
            yield
            with self._errors(IndexWriteError, "cannot write to"), self._alone():
                self._push()

    def delete(self) -> None:
        """Delete the index in the store, unless another machine has committed to it since, and its copy here.

        Raises:
            IndexLockedError: another process is writing.
            IndexWriteError: the store refuses, or does not answer.
        """
        with self._errors(IndexWriteError, "cannot write to"), store_lock(self._store):
            tag = self._tag()
            if tag is not None and tag == self._read_state().tag:
                files = self._committed()
                self._store.delete([COMMIT, *(file.key for file in files.values())])
        shutil.rmtree(self._cache, ignore_errors=True)

    def _copy(self, state: _State, tag: str) -> bool:
        """Copy the files that differ. Returns False if another commit came meanwhile."""
        files = self._committed()
        known_here = {key for key, _, _ in state.files.values()}.union(state.sent)
        is_mine = known_here.issuperset(
            file.key for file in files.values()
        )  # of a run that was killed just after it
        if is_index(self.folder) and not self._is_unchanged(MANIFEST, state) and not is_mine:
            logger.warning(
                "%s has changed: what an interrupted run stored on this machine is replaced", self.url
            )
        keys = {name: known[0] for name, known in state.files.items() if self._is_unchanged(name, state)}
        missing = [name for name, file in files.items() if keys.get(name) != file.key]

        def fetch(name: str) -> None:
            self._store.download(files[name].key, self.folder / name, files[name].size)
            keys[name] = files[name].key

        try:
            _at_once(fetch, [name for name in missing if name != MANIFEST])
            if MANIFEST in missing:
                fetch(MANIFEST)
        except FileNotFoundError as error:
            if self._tag() == tag:
                raise IndexFormatError(f"{self.url} is damaged: a file of it is missing") from error
            return False
        finally:
            self._write_state(state.tag, dict(keys), state.sent)
        for path in files_below(self.folder):
            if self._name(path) not in (*files, *_OWN):
                path.unlink(missing_ok=True)
        self._write_state(tag, {name: file.key for name, file in files.items()}, state.sent)
        return self._tag() == tag

    def _committed(self) -> dict[str, StoredFile]:
        try:
            return parse_commit(self._store.read(COMMIT))
        except ValueError as error:
            raise IndexFormatError(f"{self.url}/{COMMIT} is damaged: {error}") from error

    def _push(self) -> None:
        """Make what the copy holds the newest commit in the store."""
        if not is_index(self.folder):
            return
        state = self._read_state()
        mine = {self._name(path): path for path in files_below(self.folder) if path.suffix != ".tmp"}
        mine = {name: path for name, path in mine.items() if name not in _OWN}
        known = {name: state.files[name][0] for name in mine if self._is_unchanged(name, state)}
        if known.keys() == mine.keys() == state.files.keys():
            return
        keys = known | {name: new_key() for name in mine if name not in known}
        # Noted first: if this process is killed meanwhile, the next commit deletes them.
        state.sent += [key for name, key in keys.items() if name not in known]
        self._write_json(state)
        _at_once(lambda name: self._store.upload(keys[name], mine[name]), mine.keys() - known.keys())
        files = {name: StoredFile(keys[name], path.stat().st_size) for name, path in mine.items()}
        try:
            before = self._committed() if state.tag else {}
            # If this process is killed just after the commit, the next one deletes what only the one before names.
            state.sent += {file.key for file in before.values()}.difference(keys.values(), state.sent)
            self._write_json(state)
            tag = self._store.write_if(COMMIT, commit_bytes(files), tag=state.tag)
        except (FileExistsError, FileNotFoundError):
            raise IndexWriteError(
                f"another process has written to {self.url} meanwhile: run the command again"
            ) from None
        self._write_state(tag, keys, state.sent)
        # Nothing else: an object that is unknown here may be one that another writer is about to commit.
        self._store.delete(set(state.sent).difference(keys.values()))
        self._write_state(tag, keys)

    def _is_unchanged(self, name: str, state: _State) -> bool:
        """Whether a file of the copy is as it was when store and copy were equal."""
        try:
            status = (self.folder / name).stat()
        except OSError:
            return False
        return state.files.get(name, ("", -1, -1))[1:] == (status.st_size, status.st_mtime_ns)

    def _is_only_here(self) -> bool:
        return is_index(self.folder) and not self._read_state().tag

    def _tag(self) -> str | None:
        found = self._store.find(COMMIT)
        return None if found is None else found.tag

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _read_state(self) -> _State:
        try:
            content = json.loads((self._cache / "state.json").read_bytes())
            files = {
                name: (str(key), int(size), int(time)) for name, (key, size, time) in content["files"].items()
            }
            return _State(str(content["tag"]), files, [str(key) for key in content.get("sent", [])])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return _State()

    def _write_state(self, tag: str, keys: dict[str, str], sent: Sequence[str] = ()) -> None:
        state = _State(tag, sent=[*sent])
        for name, key in keys.items():
            path = self.folder / name
            if path.is_file():
                status = path.stat()
                state.files[name] = (key, status.st_size, status.st_mtime_ns)
        self._write_json(state)

    def _write_json(self, state: _State) -> None:
        write_atomically(self._cache / "state.json", json.dumps(asdict(state)).encode())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process of this machine copies at the same time."""
        from filelock import FileLock

        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._cache / "copy.lock"):
            yield

    @contextmanager
    def _errors(self, kind: type[IndexStoreError], what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise kind(f"{what} {self.url}: {reason(error)}") from error


def _at_once(work: Callable[[str], None], names: Iterable[str]) -> None:
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for _ in threads.map(work, names):
            pass
