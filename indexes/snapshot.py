"""Reading one commit of an index, which stays the same while a writer works."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexes.errors import ClipNotFoundError, FilterError
from indexes.filters import engine_filter, filter_errors
from indexes.manifest import Manifest
from indexes.records import PASSAGE_SENSES, ClipHit, ClipWindows, MediaRecord, PassageHit
from indexes.vectors import build, growth, passages
from indexes.vectors.description import FOLDER, DamagedVectorsError
from indexes.vectors.gpu.settings import GpuSettings
from indexes.vectors.kinds import HIT_BYTES
from indexes.vectors.search import StoredAnnIndex, VectorSearch
from indexes.vectors.search_settings import read_search_settings

if TYPE_CHECKING:
    import lance
    import pyarrow as pa

    from indexes.vectors.passages import PassageTable
    from indexes.vectors.windows import WindowTable


class Snapshot:
    """The records and vectors of one commit. Files are opened when first needed; threads may share it."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self._lock = threading.RLock()

    @cached_property
    def media_table(self) -> lance.LanceDataset:
        """One row per file, failed ones too."""
        from indexes.tables import open_media

        return open_media(self.folder, self.manifest)

    @cached_property
    def clips_table(self) -> lance.LanceDataset:
        """One row per clip."""
        from indexes.tables import open_clips

        return open_clips(self.folder, self.manifest)

    @cached_property
    def loaded(self) -> build.LoadedVectors:
        """The vectors: from their files if these are of this commit, else from files and table."""
        with self._lock:
            return self.__dict__.get("loaded") or self._load()

    @cached_property
    def vectors(self) -> VectorSearch:
        """The search structures over `loaded`."""
        with self._lock:
            return self.__dict__.get("vectors") or self._load_vectors()

    @cached_property
    def _windows(self) -> WindowTable | None:
        return build.read_windows(self.folder, self.loaded, self.manifest.embedding_size)

    @cached_property
    def _passages(self) -> tuple[PassageTable, VectorSearch] | None:
        for _ in range(3):  # a writer may replace a file just now
            with suppress(DamagedVectorsError):
                table = passages.load(self.folder, self.manifest)
                return table, VectorSearch(table.vectors)
        return None

    def search(self, queries: np.ndarray, *, k: int, where: str | None) -> list[list[ClipHit]]:
        """See `Index.search`."""
        table = self.loaded.hits
        positions, rows = (
            self._seen_rows if where is None else self._seen_rows_of(table.find(self._matching(where)))
        )
        scores, found = self.vectors.search(queries, k, rows)
        at = positions[np.searchsorted(rows, found)] if len(rows) else found
        return [
            [table.hit(position, score) for position, score in zip(line, values, strict=True)]
            for line, values in zip(at.tolist(), scores.tolist(), strict=True)
        ]

    def search_text(
        self, column: str, words: str, *, k: int, phrases: Sequence[str], where: str | None
    ) -> list[ClipHit]:
        """See `Index.search_speech`; `column` is the one that is searched."""
        from indexes.text_search import text_query

        query = text_query(column, words, phrases)
        if query is None:
            return []
        columns = ["clip_id", "_score"]
        scanner = self._scan_clips(where, columns, full_text_query=query, prefilter=True, limit=k)
        rows = scanner.to_table()
        ids, scores = rows["clip_id"].to_numpy(), rows["_score"].to_numpy()
        table = self.loaded.hits
        found = [
            table.hit(position, score)
            for clip_id, score in zip(ids.tolist(), scores.tolist(), strict=True)
            for position in table.find(np.array([clip_id], np.int64)).tolist()
        ]
        return sorted(found, key=lambda hit: (-hit.score, hit.clip_id))

    def search_passages(
        self, query: np.ndarray, *, k: int, per_text: int | None, senses: Sequence[str], where: str | None
    ) -> list[PassageHit]:
        """See `Passages.search`; `query` is float32 [1, E]."""
        if self._passages is None:
            return []
        table, search = self._passages
        places = table.chosen(senses, None if where is None else self._matching(where))
        scores, rows = search.search(query, k, np.unique(places["row"]).astype(np.int64))
        first, last = (np.searchsorted(places["row"], rows[0], side) for side in ("left", "right"))
        clips = self.loaded.hits
        found: list[PassageHit] = []
        for begin, end, score in zip(first.tolist(), last.tolist(), scores[0].tolist(), strict=True):
            if score <= 0:  # zeros stand for texts that mean nothing to the model
                continue
            within: dict[tuple[int, int], PassageHit] = {}  # the first place in each clip
            for _, sense, key, clip_id, line, lines in places[begin:end].tolist():
                if len(within) == per_text or len(found) + len(within) == k:
                    break
                if (sense, clip_id) in within:
                    continue
                # There is none for a clip that is gone.
                for position in clips.find(np.array([clip_id], np.int64)).tolist():
                    clip = clips.hit(position, score)
                    within[sense, clip_id] = PassageHit(clip, PASSAGE_SENSES[sense], line, lines, key)
            found += within.values()
        return found

    @cached_property
    def passage_rows(self) -> np.ndarray:
        """The rows of the vectors of passages, ascending, int64."""
        places = np.zeros(0, np.int64) if self._passages is None else self._passages[0].places["row"]
        return np.unique(places).astype(np.int64)

    def sample_passages(self, limit: int) -> np.ndarray:
        """See `Passages.sample`."""
        rows = self.passage_rows
        if self._passages is None:
            return np.zeros((0, self.manifest.embedding_size), np.float32)
        chosen = np.linspace(0, len(rows) - 1, min(limit, len(rows))).round().astype(np.int64)
        vectors = self._passages[0].vectors[rows[chosen]].astype(np.float32)
        return vectors[vectors.any(axis=1)]  # zeros stand for texts that mean nothing to the model

    def all_clips(self) -> list[ClipHit]:
        """See `Index.all_clips`."""
        table = self.loaded.hits
        return [table.hit(position, 0.0) for position in range(len(table))]

    def clips_of(self, path: str) -> list[ClipHit]:
        """See `Index.clips_of`."""
        table = self.loaded.hits
        found = [table.hit(position, 0.0) for position in table.of_path(path).tolist()]
        return sorted(found, key=lambda hit: (hit.start or 0.0, hit.clip_id))

    def embeddings(self, clip_ids: Sequence[int]) -> np.ndarray:
        """See `Index.embeddings`."""
        ids = np.asarray(clip_ids, np.int64)
        hits = self.loaded.hits
        at = hits.find(ids)
        if len(at) < len(ids):
            missing = set(ids.tolist()) - set(hits.hits["clip_id"][at].tolist())
            raise ClipNotFoundError(f"there is no clip {min(missing)} in {self.folder}")
        return self.loaded.embeddings[hits.hits["row"][at]].astype(np.float32)

    def sample(self, limit: int) -> np.ndarray:
        """See `Index.sample`."""
        hits = self.loaded.hits
        rows = hits.hits["row"][hits.seen]
        chosen = np.linspace(0, len(rows) - 1, min(limit, len(rows))).round().astype(np.int64)
        return self.loaded.embeddings[np.sort(rows[chosen])].astype(np.float32)

    def windows(self, clip_ids: Sequence[int]) -> dict[int, ClipWindows]:
        """See `Index.windows`."""
        stored, found, missing = self._windows, {}, []
        for clip_id in clip_ids:
            try:
                if stored is None or clip_id >= stored.next_clip_id:
                    missing.append(clip_id)
                elif (stream := stored.read(clip_id)) is not None:
                    found[clip_id] = stream
            except DamagedVectorsError:
                missing.append(clip_id)
        return found | self._windows_of_table(missing) if missing else found

    def _windows_of_table(self, clip_ids: Sequence[int]) -> dict[int, ClipWindows]:
        from indexes.vectors.windows import read_streams

        rows = self.clips(clip_ids, columns=["window_times", "window_embeddings"])
        streams = read_streams(rows, self.manifest.embedding_size)
        return {clip: stream for clip, stream in zip(clip_ids, streams, strict=True) if stream is not None}

    def media(
        self, *, where: str | None, columns: Sequence[str] | None, paths: Sequence[str] | None = None
    ) -> pa.Table:
        """See `Index.media`."""
        from indexes.schema import MEDIA_FILTER_COLUMNS

        _check_columns(columns, self.media_table.schema.names)
        return self._scan(self.media_table, where, paths, columns, MEDIA_FILTER_COLUMNS).to_table()

    def clips(self, clip_ids: Sequence[int], *, columns: Sequence[str] | None) -> pa.Table:
        """See `Index.clips`."""
        ids = np.asarray(clip_ids, np.int64)
        stored, order = self._row_order
        at = np.searchsorted(stored, ids).clip(max=max(len(stored) - 1, 0))
        missing = ids if not len(stored) else ids[stored[at] != ids]
        if len(missing):
            raise ClipNotFoundError(f"there is no clip {missing[0]} in {self.folder}")
        _check_columns(columns, self.clips_table.schema.names)
        # Lance takes each row once, in ascending order.
        rows, back = np.unique(order[at], return_inverse=True)
        table = self.clips_table.take(rows.tolist(), columns=None if columns is None else list(columns))
        return table.take(back)

    def iter_clips(
        self,
        *,
        where: str | None,
        paths: Sequence[str] | None,
        columns: Sequence[str] | None,
        batch_size: int,
    ) -> Iterator[pa.RecordBatch]:
        """See `Index.iter_clips`."""
        _check_columns(columns, self.clips_table.schema.names)
        return iter(self._scan_clips(where, columns, paths, batch_size=batch_size).to_batches())

    def known_files(self) -> dict[str, MediaRecord]:
        """See `Index.known_files`."""
        from indexes.arrays import MEDIA_FIELDS, media_records

        records = media_records(self.media(where=None, columns=MEDIA_FIELDS))
        return {record.path: record for record in records}

    def _load(self) -> build.LoadedVectors:
        for _ in range(3):
            try:
                fresh = build.load_fresh(self.folder, self.manifest)
            except DamagedVectorsError:
                continue  # perhaps a writer replaced a file just now: try again
            if fresh is not None:
                return fresh
            break
        return build.load_any(self.folder, self.manifest, self.clips_table)

    def _load_vectors(self) -> VectorSearch:
        embeddings, description = self.loaded.embeddings, self.loaded.description
        if description is None:
            return VectorSearch(embeddings)
        settings, stored = read_search_settings(self.folder), description.embeddings
        gpu = GpuSettings(self.folder / FOLDER / stored.file, stored.rows, settings.device, settings.gpu_kind)
        if description.ann is None:
            return VectorSearch(embeddings, gpu=gpu)
        memory = settings.memory
        held = description.ann.stored.bytes + embeddings.nbytes + HIT_BYTES * len(self.loaded.hits)
        fits = memory is None or held <= memory
        read = partial(growth.read, self.folder, description.ann, self.manifest.embedding_size)
        return VectorSearch(embeddings, StoredAnnIndex(read, description.ann.effort, fits), gpu)

    def _matching(self, where: str) -> np.ndarray:
        return self._scan_clips(where, ["clip_id"]).to_table()["clip_id"].to_numpy()

    def _scan_clips(
        self,
        where: str | None,
        columns: Sequence[str] | None,
        paths: Sequence[str] | None = None,
        **more: Any,
    ) -> lance.LanceScanner:
        from indexes.schema import clip_filter_columns

        known = clip_filter_columns(self.clips_table.schema.names)
        return self._scan(self.clips_table, where, paths, columns, known, **more)

    def _scan(
        self,
        table: lance.LanceDataset,
        where: str | None,
        paths: Sequence[str] | None,
        columns: Sequence[str] | None,
        filter_columns: Sequence[str],
        **more: Any,
    ) -> lance.LanceScanner:
        """A scan of the rows that pass `where`.

        Args:
            more: further arguments of Lance's scanner.
        """
        names = None if columns is None else list(columns)
        condition = engine_filter(where, filter_columns, paths)
        if where is None:
            return table.scanner(columns=names, filter=condition, **more)
        with filter_errors(where, filter_columns, lambda: table.to_table(columns=list(filter_columns))):
            scanner = table.scanner(columns=names, filter=condition, **more)
            table.count_rows(condition)  # errors of the filter come here, not in the middle of the batches
        return scanner

    @cached_property
    def _seen_rows(self) -> tuple[np.ndarray, np.ndarray]:
        return self._seen_rows_of(np.arange(len(self.loaded.hits)))

    def _seen_rows_of(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of some positions in the table of hits those with something to see, in the order of their embeddings' rows.

        Also these rows, int64.
        """
        positions = positions[self.loaded.hits.seen[positions]]
        rows = self.loaded.hits.hits["row"][positions].astype(np.int64)
        order = np.argsort(rows)
        return positions[order], rows[order]

    @cached_property
    def _row_order(self) -> tuple[np.ndarray, np.ndarray]:
        """All clip_ids, ascending, and the position of each in the table."""
        clip_ids = self.clips_table.scanner(columns=["clip_id"]).to_table()["clip_id"].to_numpy()
        order = np.argsort(clip_ids)
        return clip_ids[order], order


def _check_columns(columns: Sequence[str] | None, known: Sequence[str]) -> None:
    for name in columns or ():
        if name not in known:
            raise FilterError(f"there is no column {name!r}; columns are {', '.join(known)}")
