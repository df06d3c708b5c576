"""`Index`: the public interface of an index on disk."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexes.calibration import read_calibration, write_calibration
from indexes.errors import FingerprintMismatchError, IndexStoreError, IndexWriteError
from indexes.maintenance import Maintenance
from indexes.manifest import SPEECH, WRITING, Manifest, read_manifest
from indexes.passages import Passages
from indexes.reader import SnapshotReader
from indexes.reasons import reason
from indexes.records import ClipHit, ClipSpeech, ClipWindows, ClipWriting, MediaRecord

if TYPE_CHECKING:
    import pyarrow as pa

    from indexes.health import Problem
    from indexes.left_out import LeftOut
    from indexes.stats import IndexStats
    from indexes.writer import IndexWriter


# How often `verify` begins again while a writer commits.
VERIFY_ATTEMPTS = 3


class Index:
    """Vectors and records of a collection of media, in a folder.

    Every read sees one commit: the newest at `open`, or at the last `refresh`. Other processes may read and one may
    write at the same time. Readers never write, so a folder without write permission is fine.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._reader = SnapshotReader(folder, manifest)
        self.maintenance = Maintenance(self._reader)
        self.passages = Passages(self._reader)

    @classmethod
    def create(
        cls,
        folder: str | Path,
        *,
        model: str,
        prompt: str,
        fingerprint: str,
        embedding_size: int,
        media_root: str | Path | None = None,
    ) -> Index:
        """Make an empty index in a folder that is new or empty.

        Args:
            model: name of the model whose embeddings it will hold.
            prompt: the query that they are predicted with.
            fingerprint: hash of the model's config and weights and the prompt.
            embedding_size: dimensions E of an embedding.
            media_root: the folder that relative media paths start from.

        Raises:
            IndexWriteError: the folder is not empty, or cannot be written.
        """
        from indexes.create import create_files, created_with

        folder = Path(folder)
        manifest = Manifest(
            index_id=uuid.uuid4().hex,
            model=model,
            prompt=prompt,
            fingerprint=fingerprint,
            embedding_size=embedding_size,
            media_root=None if media_root is None else str(media_root),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            created_with=created_with(),
        )
        create_files(folder, manifest)
        return cls.open(folder)

    @classmethod
    def open(cls, folder: str | Path) -> Index:
        """Open an index for reading.

        Raises:
            IndexNotFoundError: there is none.
            IndexFormatError: it is damaged, or of a newer format.
        """
        folder = Path(folder)
        return cls(folder, read_manifest(folder))

    @property
    def folder(self) -> Path:
        """The folder of the index."""
        return self._reader.folder

    @property
    def place(self) -> str:
        """Where the index is, for people."""
        return str(self.folder)

    @property
    def manifest(self) -> Manifest:
        """What the index is, and the commit that is being read."""
        return self._reader.manifest

    @property
    def keeps_captions(self) -> bool:
        """Whether clips have a column `caption`."""
        return self.manifest.keeps_captions

    @property
    def keeps_speech(self) -> bool:
        """Whether clips have columns for what is said in them."""
        return self.manifest.keeps_speech

    @property
    def keeps_writing(self) -> bool:
        """Whether clips have columns for what is written in their pictures."""
        return self.manifest.keeps_writing

    def captions(self, clip_ids: Sequence[int]) -> list[str | None]:
        """The sentence of each clip; None where there is none.

        Raises:
            IndexStoreError: a clip is not in the index.
        """
        if not (self.keeps_captions and clip_ids):
            return [None] * len(clip_ids)
        captions: list[str | None] = self.clips(clip_ids, columns=["caption"])["caption"].to_pylist()
        return captions

    def speech(self, clip_ids: Sequence[int]) -> list[ClipSpeech | None]:
        """What is said in each clip; None where that was not recognised.

        Raises:
            IndexStoreError: a clip is not in the index.
            IndexFormatError: the times of words are not those of the text.
        """
        from indexes.arrays import speech

        if not (self.keeps_speech and clip_ids):
            return [None] * len(clip_ids)
        columns = ["said", "said_times", "said_by", "language"]
        return speech(self.clips(clip_ids, columns=columns))

    def search_speech(
        self, words: str, *, k: int, phrases: Sequence[str] = (), where: str | None = None
    ) -> list[ClipHit]:
        """Clips in which words are said, best first. Their score is that of BM25, over what is said in all clips.

        Args:
            words: any of them counts, also in another inflection.
            k: maximum number of hits.
            phrases: each of them has to occur, word for word.
            where: as in `search`.

        Raises:
            FilterError: `where` is not valid.
            IndexStoreError: the index keeps no speech.
        """
        return self._search_text(SPEECH, words, k=k, phrases=phrases, where=where)

    def writing(self, clip_ids: Sequence[int]) -> list[ClipWriting | None]:
        """What is written in each clip; None where that was not recognised.

        Raises:
            IndexStoreError: a clip is not in the index.
            IndexFormatError: the places of lines are not those of the text.
        """
        from indexes.arrays import writing

        if not (self.keeps_writing and clip_ids):
            return [None] * len(clip_ids)
        return writing(self.clips(clip_ids, columns=["written", "written_places", "written_by"]))

    def search_writing(
        self, words: str, *, k: int, phrases: Sequence[str] = (), where: str | None = None
    ) -> list[ClipHit]:
        """Clips in which words are written; as `search_speech`."""
        return self._search_text(WRITING, words, k=k, phrases=phrases, where=where)

    def _search_text(
        self, text: str, words: str, *, k: int, phrases: Sequence[str], where: str | None
    ) -> list[ClipHit]:
        from indexes.schema import SEARCHED

        if text not in self.manifest.texts:
            raise IndexStoreError(f"{self.folder} keeps no {text}")
        column = SEARCHED[text]
        return self._reader.read(
            lambda snapshot: snapshot.search_text(column, words, k=k, phrases=phrases, where=where)
        )

    def require_fingerprint(self, fingerprint: str, *, model: str) -> None:
        """Check that vectors come from the model and prompt that the index was made with.

        Raises:
            FingerprintMismatchError: they do not; the message names both models and the remedy.
        """
        mine = self.manifest
        if fingerprint == mine.fingerprint:
            return
        if model == mine.model:
            difference = f"another version of model {model!r}, or another prompt than {mine.prompt!r}"
        else:
            difference = f"model {model!r}"
        raise FingerprintMismatchError(
            f"the index {self.folder} holds embeddings of model {mine.model!r} "
            f"(fingerprint {mine.fingerprint[:12]}), "
            f"these are of {difference} (fingerprint {fingerprint[:12]}): use the index's own model, "
            "or make the index again with `jepa index --rebuild`"
        )

    def refresh(self) -> bool:
        """Move to the newest commit. Returns whether its content differs."""
        return self._reader.refresh()

    def warm_up(self) -> None:
        """Load everything that searches need, so that the first request to a server does not wait for it."""
        self._reader.read(lambda snapshot: snapshot.vectors.load_faiss())

    def search(self, vectors: np.ndarray, *, k: int, where: str | None = None) -> list[list[ClipHit]]:
        """Clips nearest to each query vector, best first; audio, which has nothing to see, is not among them.

        Args:
            vectors: float32 [Q, E], unit length.
            k: maximum number of hits per query.
            where: SQL over the clip's columns and its file's, like "duration > 60 and path like '%/2024/%'"; applied
                before the search, so that the k hits are the best of those that pass.

        Raises:
            FilterError: `where` is not valid.
            IndexStoreError: the vectors have the wrong shape, or `k` is less than 1.
        """
        queries = np.ascontiguousarray(vectors, np.float32)
        size = self.manifest.embedding_size
        if queries.ndim != 2 or queries.shape[1] != size:
            raise IndexStoreError(
                f"query vectors must have shape [queries, {size}], not {list(queries.shape)}"
            )
        if not np.isfinite(queries).all():
            raise IndexStoreError("a query vector holds NaN or infinity")
        if k < 1:
            raise IndexStoreError(f"k must be at least 1, not {k}")
        return self._reader.read(lambda snapshot: snapshot.search(queries, k=k, where=where))

    def media(
        self,
        *,
        where: str | None = None,
        columns: Sequence[str] | None = None,
        paths: Sequence[str] | None = None,
    ) -> pa.Table:
        """The files, one row each, with the fields of `MediaRecord`, `mtime` as text and the number of `clips`.

        Args:
            where: SQL over these columns.
            columns: which of them to return; None for all.
            paths: only these files, by exactly the stored path; None for all.

        Raises:
            FilterError: `where` or a column name is not valid.
        """
        return self._reader.read(lambda snapshot: snapshot.media(where=where, columns=columns, paths=paths))

    def clips(self, clip_ids: Sequence[int], *, columns: Sequence[str] | None = None) -> pa.Table:
        """Stored clips in the order of `clip_ids`; `indexes.arrays` reads tokens and windows from the result.

        Raises:
            IndexStoreError: a clip is not in the index.
            FilterError: a column name is not valid.
        """
        return self._reader.read(lambda snapshot: snapshot.clips(clip_ids, columns=columns))

    def all_clips(self) -> list[ClipHit]:
        """Every clip, with score 0, in order of clip_id. No table is opened."""
        return self._reader.read(lambda snapshot: snapshot.all_clips())

    def clips_of(self, path: str) -> list[ClipHit]:
        """The clips of one file in order of time, with score 0; an empty list if it has none. No table is opened."""
        return self._reader.read(lambda snapshot: snapshot.clips_of(path))

    def embeddings(self, clip_ids: Sequence[int]) -> np.ndarray:
        """The embeddings of stored clips, float32 [clips, E]. No table is opened.

        Raises:
            IndexStoreError: a clip is not in the index.
        """
        return self._reader.read(lambda snapshot: snapshot.embeddings(clip_ids))

    def sample(self, limit: int) -> np.ndarray:
        """Embeddings of up to `limit` clips with something to see, evenly spread over the index, float32 [n, E]."""
        return self._reader.read(lambda snapshot: snapshot.sample(limit))

    def count_clips(self) -> int:
        """How many clips there are. No table is opened."""
        return self._reader.read(lambda snapshot: len(snapshot.loaded.hits))

    def count_seen_clips(self) -> int:
        """How many of them have something to see: all but those of files with sound only. No table is opened."""
        return self._reader.read(lambda snapshot: int(snapshot.loaded.hits.seen.sum()))

    def calibration(self) -> dict[str, Any] | None:
        """Numbers that `save_calibration` stored for this index, at any commit; None if there are none."""
        return read_calibration(self.folder, self.manifest)

    def save_calibration(self, content: dict[str, Any]) -> None:
        """Store numbers measured on the current commit, as a JSON object.

        Raises:
            IndexWriteError: the folder cannot be written.
        """
        try:
            write_calibration(self.folder, self.manifest, content)
        except OSError as error:
            raise IndexWriteError(f"cannot write to {self.folder}: {reason(error)}") from error

    def windows(self, clip_ids: Sequence[int]) -> dict[int, ClipWindows]:
        """The stored streams of those of the clips that have more than one window, by clip_id.

        Raises:
            IndexStoreError: a clip is not in the index.
        """
        return self._reader.read(lambda snapshot: snapshot.windows(clip_ids))

    def iter_clips(
        self,
        *,
        where: str | None = None,
        columns: Sequence[str] | None = None,
        paths: Sequence[str] | None = None,
        batch_size: int = 256,
    ) -> Iterator[pa.RecordBatch]:
        """All clips that pass `where`, a batch at a time, in no particular order.

        Args:
            where: SQL over the clip's columns and its file's, as in `search`.
            columns: which to return; None for all.
            paths: only clips of these files, by exactly the stored path; None for all.
            batch_size: clips per batch.

        Raises:
            FilterError: `where` or a column name is not valid.
        """
        batches = self._reader.read(
            lambda snapshot: snapshot.iter_clips(
                where=where, paths=paths, columns=columns, batch_size=batch_size
            )
        )
        return self._reader.guard(batches)

    def known_files(self) -> dict[str, MediaRecord]:
        """Every file in the index by path, including failed ones."""
        return self._reader.read(lambda snapshot: snapshot.known_files())

    def left_out(self) -> LeftOut:
        """Files that runs did not index on purpose, and why; empty if nothing was left out or it is not known."""
        from indexes import left_out

        return left_out.read(self.folder, self.manifest)

    def stats(self) -> IndexStats:
        """Counts, and bytes on disk."""
        from indexes.stats import collect_stats

        return self._reader.read(collect_stats)

    def verify(self) -> list[Problem]:
        """Read everything and report what is wrong, with the remedy; an empty list if nothing is.

        What a running writer has not finished yet is not wrong.
        """
        from indexes.health import find_problems

        for _ in range(VERIFY_ATTEMPTS):
            self.refresh()
            self._reader.reopen()
            problems = find_problems(self._reader.snapshot)
            if not problems or read_manifest(self.folder) == self.manifest:
                break  # else a writer committed meanwhile, and may have caused what was found
        return problems

    def writer(self) -> IndexWriter:
        """Start writing; use it in a `with` statement.

        Raises:
            IndexLockedError: another writer is at work.
            IndexWriteError: the folder cannot be written.
        """
        from indexes.writer import IndexWriter

        return IndexWriter(self.folder, on_close=self.refresh)
