"""`IndexWriter`: changes to an index, in groups that become visible together.

A commit changes the tables first, unseen, and then replaces the manifest, which names their new versions. A
process that dies in between leaves the old manifest; the next writer rolls the tables back to it.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from indexes import left_out
from indexes.errors import IndexStoreError, IndexWriteError
from indexes.files import abandoned_files
from indexes.left_out import LeftOut, LeftOutFile
from indexes.lock import WriterLock
from indexes.manifest import CAPTIONS, SPEECH, WRITING, Commit, read_manifest, write_manifest
from indexes.manifest import with_audio as manifest_with_audio
from indexes.manifest import with_text as manifest_with_text
from indexes.pending import PendingChanges
from indexes.reasons import reason
from indexes.records import ClipRecord, ClipSpeech, ClipWriting, MediaRecord
from indexes.rows import FileRows, file_rows
from indexes.schema import CAPTION, SEARCHED, TEXT_COLUMNS, speech_columns, writing_columns
from indexes.snapshot import Snapshot
from indexes.tables import KEEP_OLD_VERSIONS, Tables
from indexes.untrusted import refuse_links
from indexes.vectors import build, growth
from indexes.vectors.search_settings import SearchSettings, write_search_settings
from indexes.write_errors import damage_of, explained

logger = logging.getLogger(__name__)


class IndexWriter:
    """The one writer of the index in a folder. Leaving its `with` block commits, updates the vectors and compacts.

    What was put before an exception in the block is committed too: each file is complete by itself. After a failed
    commit the writer refuses further changes; the index is then as the last commit left it.

    Args:
        folder: of an existing index.
        on_close: called once the writer has released its lock.

    Raises:
        IndexLockedError: another writer is at work.
        IndexFormatError: a table is damaged.
        IndexWriteError: the folder cannot be written.
    """

    def __init__(self, folder: Path, *, on_close: Callable[[], object] | None = None) -> None:
        self._folder = folder
        self._on_close = on_close
        refuse_links(folder)
        self._lock = WriterLock(folder)
        self._failed = False
        self._left_out: LeftOut | None = None
        try:
            with self._writing("open the index for writing"):
                self._manifest = read_manifest(self._folder)
                self._commit = self._manifest.commit
                self._next_media_id = self._commit.next_media_id
                self._next_clip_id = self._commit.next_clip_id
                self._tables = Tables(self._folder, self._manifest)
                # A rollback makes new versions with the old content: readers and later writers should use them.
                self._publish(self._commit.number)
                left_out.settle(self._folder, self._manifest)
                self._known: dict[str, int] = self._tables.media_ids()
        except BaseException:
            self._lock.release()
            raise
        self._pending = PendingChanges()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not self._failed:
                self.commit()
                self._finish(interrupted=error is not None)
        finally:
            self._lock.release()
            if self._on_close is not None:
                self._on_close()

    def put(self, media: MediaRecord, clips: Sequence[ClipRecord]) -> list[int]:
        """Store a file with all its clips, in place of whatever was stored at its path.

        Returns:
            The new clips' ids.

        Raises:
            IndexStoreError: the record cannot be stored: an embedding has the wrong size or is not finite, the path
                is not valid text, a number is out of range. The index and the writer are as before the call.
            IndexWriteError: a commit failed.
        """
        rows = file_rows(
            media, clips, embedding_size=self._manifest.embedding_size, texts=self._manifest.texts
        )
        self._accept_audio([rows])
        self._commit_if_pending(media.path)
        first = self._next_clip_id
        self._add(rows)
        self._commit_if_due()
        return list(range(first, self._next_clip_id))

    def put_together(self, files: Sequence[FileRows]) -> None:
        """Store files in one commit: readers see all of them or none. Each replaces what was stored at its path.

        Args:
            files: of different paths; rows for this index's embedding size and texts.

        Raises:
            IndexWriteError: a commit failed.
        """
        self._check_usable()
        self._accept_audio(files)
        if any(file.path in self._pending.paths for file in files):
            self.commit()
        for file in files:
            self._add(file)
        self._commit_if_due()

    def _accept_audio(self, files: Sequence[FileRows]) -> None:
        """Note in the manifest, before the first file with sound only is stored, that there may be some."""
        if not self._manifest.may_have_audio and any(file.kind == "audio" for file in files):
            self.commit()
            self._manifest = manifest_with_audio(self._manifest)
            self.commit_again()

    def _add(self, rows: FileRows) -> None:
        self._forget(rows.path)
        with_ids = rows.with_ids(self._next_media_id, self._next_clip_id)
        self._known[rows.path] = self._next_media_id
        self._next_media_id += 1
        self._next_clip_id += len(rows.clips)
        self._pending.put(rows.path, with_ids.media, with_ids.clips)

    def move(self, old_path: str, new_path: str, *, mtime_ns: int) -> None:
        """Rename a file without new embeddings; its clips keep their ids. A file at `new_path` is replaced.

        Raises:
            IndexStoreError: `old_path` is not in the index.
        """
        self._change(old_path, {"path": new_path, "mtime_ns": mtime_ns})

    def touch(self, path: str, *, mtime_ns: int, size: int) -> None:
        """Note a new time and size of a file whose content is the same.

        Raises:
            IndexStoreError: the file is not in the index.
        """
        self._change(path, {"mtime_ns": mtime_ns, "size": size})

    def move_media_root(self, media_root: str) -> None:
        """Note that the folder that stored paths are relative to lies elsewhere now; it is visible at once.

        Raises:
            IndexWriteError: a commit failed.
        """
        self.commit()
        self._manifest = dataclasses.replace(self._manifest, media_root=media_root)
        self.commit_again()

    def keep_captions(self) -> None:
        """Add a column for captions to the clips if there is none; older programs (format 1) then refuse the index.

        Raises:
            IndexWriteError: a commit failed.
        """
        self._keep(CAPTIONS)

    def keep_speech(self) -> None:
        """Add columns for what is said in clips, likewise."""
        self._keep(SPEECH)

    def keep_writing(self) -> None:
        """Add columns for what is written in clips, likewise."""
        self._keep(WRITING)

    def caption(self, path: str, captions: Mapping[int, str]) -> None:
        """Store sentences for clips of a file, by clip_id.

        Raises:
            IndexStoreError: the file is not in the index, or the index keeps no captions.
        """
        self._put_texts(path, CAPTIONS, {clip: {CAPTION.name: text} for clip, text in captions.items()})

    def put_speech(self, path: str, speech: Mapping[int, ClipSpeech], *, error: str | None = None) -> None:
        """Store what is said in clips of a file, by clip_id.

        With `error`, what of the file as a whole could not be read, its state becomes `partial`.

        Raises:
            IndexStoreError: the file is not in the index, or the index keeps no speech.
        """
        columns = {clip: speech_columns(said) for clip, said in speech.items()}
        self._put_texts(path, SPEECH, columns, **({"state": "partial", "error": error} if error else {}))

    def put_writing(self, path: str, writing: Mapping[int, ClipWriting]) -> None:
        """Store what is written in clips of a file, by clip_id; errors as in `put_speech`."""
        self._put_texts(path, WRITING, {clip: writing_columns(written) for clip, written in writing.items()})

    def _put_texts(self, path: str, text: str, columns: dict[int, dict[str, Any]], **fields: Any) -> None:
        if text not in self._manifest.texts:
            raise IndexStoreError(f"{self._folder} keeps no {text}")
        self._change(path, {"texts": columns, **fields})

    def _keep(self, text: str) -> None:
        if text in self._manifest.texts:
            return
        self.commit()
        with self._writing(f"add {text}"):
            self._tables.clips.add_columns(TEXT_COLUMNS[text])
            if text in SEARCHED:
                self._tables.clips.index_text(SEARCHED[text])  # without an index, nothing can be searched
        self._manifest = manifest_with_text(self._manifest, text)
        self.commit_again()

    def remove(self, paths: Iterable[str]) -> int:
        """Delete files with their clips. Returns how many were there."""
        removed = 0
        for path in paths:
            self._commit_if_pending(path)
            removed += self._forget(path)
            self._commit_if_due()
        return removed

    def replace_left_out(self, files: Iterable[LeftOutFile], *, below: Sequence[str] | None = None) -> None:
        """Replace the list of files that a run did not index on purpose; it is stored with the next commit.

        Args:
            files: those that were left out, by paths as in `MediaRecord`.
            below: paths of the files and folders that the run covered; entries elsewhere stay. None: everything.
        """
        self._check_usable()
        stored = left_out.read(self._folder, self._manifest)
        merged = left_out.merge(self._left_out or stored, files, below)
        self._left_out = None if merged == stored else merged

    def commit(self) -> None:
        """Make everything so far visible to readers.

        Raises:
            IndexWriteError: full disk, missing permission; the index is then as it was before this group.
            IndexFormatError: rows that have to be read are damaged; likewise.
        """
        self._check_usable()
        if not self._pending.is_empty:
            with self._writing("commit"):
                try:
                    self._pending.write(self._tables)
                    if self._left_out is not None:
                        left_out.prepare(self._folder, self._manifest, self._left_out)
                except BaseException:
                    self._tables.delete_unused_files()
                    raise
                self._publish(self._commit.number + 1)
                left_out.settle(self._folder, self._manifest)
        elif self._left_out is not None:
            with self._writing("store the list of left-out files"):
                left_out.write(self._folder, self._manifest, self._left_out)
        self._pending, self._left_out = PendingChanges(), None

    def commit_again(self) -> None:
        """Make a commit without changes of the records, for readers to take up what else is new."""
        with self._writing("commit"):
            self._publish(self._commit.number + 1)

    def build_vectors(self) -> None:
        """Commit, then rebuild the files for vector search.

        Raises:
            IndexWriteError: they could not be written; the records are safe.
        """
        self.commit()
        with self._writing("build the vector index"):
            build.update(
                self._folder, self._manifest, Snapshot(self._folder, self._manifest).clips_table, rebuild=True
            )

    def tune(self) -> None:
        """Commit, then measure the vector index with the sample queries and set its effort."""
        self.commit()
        with self._writing("tune the vector index"):
            growth.tune_again(self._folder, self._manifest)

    def optimize(
        self, *, keep_versions: timedelta | None = None, settings: SearchSettings | None = None
    ) -> None:
        """Commit, compact the tables, delete old versions, rebuild the vector files; IndexFormatError if damaged.

        Args:
            settings: search settings to store and use from now on; None keeps those that are stored.
        """
        self.commit()
        with self._writing("optimize"):
            if (damaged := damage_of(self._folder)) is not None:
                raise damaged  # what is compacted and rebuilt is only a part of it
            if settings is not None:
                write_search_settings(self._folder, settings)
            keep = KEEP_OLD_VERSIONS if keep_versions is None else keep_versions
            self._compact(keep_versions=keep, always=True)
        self.build_vectors()

    def _commit_if_pending(self, path: str) -> None:
        """Commit first if there is already a pending change at this path."""
        self._check_usable()
        if path in self._pending.paths:
            self.commit()

    def _forget(self, path: str) -> bool:
        media_id = self._known.pop(path, None)
        if media_id is not None:
            self._pending.remove(media_id)
        return media_id is not None

    def _change(self, path: str, fields: dict[str, Any]) -> None:
        new_path = str(fields.get("path", path))
        try:
            new_path.encode()
        except UnicodeEncodeError as error:
            raise IndexStoreError(f"{new_path!r} cannot be stored: {reason(error)}") from error
        self._commit_if_pending(path)
        self._commit_if_pending(new_path)
        if path not in self._known:
            raise IndexStoreError(f"{path} is not in the index")
        media_id = self._known.pop(path)
        self._forget(new_path)
        self._known[new_path] = media_id
        self._pending.change((path, new_path), media_id, fields)
        self._commit_if_due()

    def _commit_if_due(self) -> None:
        if self._pending.is_due:
            self.commit()

    def _publish(self, number: int) -> None:
        """Write the manifest that makes the current versions of the tables visible."""
        commit = Commit(
            number=number,
            next_media_id=self._next_media_id,
            next_clip_id=self._next_clip_id,
            **self._tables.versions(),
        )
        if commit != self._commit:
            manifest = dataclasses.replace(self._manifest, commit=commit)
            self._tables.flush()
            write_manifest(self._folder, manifest)
            self._manifest, self._commit = manifest, commit

    def _finish(self, *, interrupted: bool) -> None:
        """Bring the derived files up to date; the records are safe already, so a failure is only a warning."""
        if read_manifest(self._folder) != self._manifest:
            return  # another index has replaced this one meanwhile: its files must not be touched
        try:
            with self._writing("compact the tables"):
                for path in abandoned_files(self._folder):
                    path.unlink(missing_ok=True)
                self._compact(keep_versions=KEEP_OLD_VERSIONS, always=False)
                if not build.is_fresh(self._folder, self._manifest):
                    # Growing the approximate index can take long: not after an interruption.
                    clips = Snapshot(self._folder, self._manifest).clips_table
                    build.update(self._folder, self._manifest, clips, grow=not interrupted)
        except IndexWriteError as error:
            logger.warning("the records are stored, but searches will be slower: %s", error)

    def _compact(self, *, keep_versions: timedelta, always: bool) -> None:
        for table in (self._tables.clips, self._tables.media):
            table.compact(always=always)
        for column in (SEARCHED[text] for text in self._manifest.texts if text in SEARCHED):
            self._tables.clips.index_text(column)
        self._publish(self._commit.number)
        for table in (self._tables.clips, self._tables.media):
            table.drop_old_versions(keep_versions, always=always)

    def _check_usable(self) -> None:
        if self._failed:
            raise IndexWriteError(f"an earlier write to {self._folder} failed: open a new writer")
        if not self._lock.held:
            raise IndexWriteError(f"this writer of {self._folder} is closed: open a new one")

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        try:
            with explained(self._folder, what):
                yield
        except BaseException:
            self._failed = True  # changes that were made in part must not be repeated
            raise
