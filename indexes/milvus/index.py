"""`MilvusIndex`: a published index, read as any other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from indexes.errors import ClipNotFoundError, IndexStoreError, IndexWriteError, JepaError
from indexes.manifest import Manifest
from indexes.milvus.address import MilvusAddress
from indexes.milvus.client import connect, milvus_errors
from indexes.milvus.filters import milvus_filter
from indexes.milvus.rows import HIT_FIELDS, hit_of, windows_of
from indexes.milvus.state import require_state
from indexes.records import ClipHit, ClipWindows, MediaRecord
from indexes.schema import CLIP_FILTER_COLUMNS, text_filter_columns
from indexes.store import Index

if TYPE_CHECKING:
    import pyarrow as pa

    from indexes.writer import IndexWriter

MAX_HITS = 16_384  # that Milvus returns
_MIN_EFFORT = 128  # candidates of a search in an HNSW graph
_SEEN = 'kind != "audio"'  # sound only has nothing to see


class MilvusIndex(Index):
    """A published index. What Milvus does not hold, such as tokens, comes from the index folder if that is there."""

    def __init__(self, address: MilvusAddress) -> None:
        """Connect. Use `open`."""
        self.address = address
        self._client = connect(address)
        self._state = require_state(self._client, address)
        self._local: Index | None = None
        with milvus_errors(address):
            self._client.load_collection(self._state.collection)

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open a published index by its address.

        Raises:
            IndexNotFoundError: there is none.
            IndexStoreError: the address is not valid, packages are missing, or Milvus does not answer.
        """
        return cls(MilvusAddress.parse(str(folder)))

    def __getattr__(self, name: str) -> Any:
        # What the index has beyond this class: its reader, its maintenance and its passages.
        if name in ("_reader", "maintenance", "passages"):
            return getattr(self._folder_index(name), name)
        raise AttributeError(name)

    @property
    def folder(self) -> Path:
        """The index folder that was published, which may be on another machine."""
        return Path(self._state.folder)

    @property
    def place(self) -> str:
        """See `Index.place`: its address."""
        return str(self.address)

    @property
    def manifest(self) -> Manifest:
        """The manifest of the commit that is published."""
        return self._state.manifest

    @property
    def keeps_speech(self) -> bool:
        """Whether speech can be searched: only where the index folder is at hand."""
        return self._state.manifest.keeps_speech and self._has_folder()

    @property
    def keeps_writing(self) -> bool:
        """As `keeps_speech`."""
        return self._state.manifest.keeps_writing and self._has_folder()

    def captions(self, clip_ids: Sequence[int]) -> list[str | None]:
        """See `Index.captions`."""
        if not (self.keeps_captions and clip_ids):
            return [None] * len(clip_ids)
        return [row["caption"] for row in self._rows(clip_ids, ["caption"])]

    def refresh(self) -> bool:
        """Move to what is published now. Returns whether its content differs."""
        before = self._state
        self._state = require_state(self._client, self.address)
        return self._state != before

    def warm_up(self) -> None:
        """Nothing to do: the collection is loaded."""

    def search(self, vectors: np.ndarray, *, k: int, where: str | None = None) -> list[list[ClipHit]]:
        """See `Index.search`. At most 16,384 hits.

        Raises:
            FilterError: `where` is not valid, or has no counterpart in Milvus.
        """
        queries = np.ascontiguousarray(vectors, np.float32)
        size = self.manifest.embedding_size
        if queries.ndim != 2 or queries.shape[1] != size:
            raise IndexStoreError(
                f"query vectors must have shape [queries, {size}], not {list(queries.shape)}"
            )
        if k < 1:
            raise IndexStoreError(f"k must be at least 1, not {k}")
        condition = True if where is None else milvus_filter(where, self._filter_columns())
        seen = _SEEN if condition is True else f"({condition}) and {_SEEN}"
        if condition is False or not len(queries) or not self._state.clips:
            return [[] for _ in queries]
        limit = min(k, MAX_HITS)
        effort = {"ef": max(_MIN_EFFORT, 2 * limit)} if self._state.kind == "HNSW" else {}
        with milvus_errors(self.address):
            found = self._client.search(
                self._state.collection,
                data=list(queries),
                anns_field="embedding",
                limit=limit,
                filter=seen,
                output_fields=HIT_FIELDS,
                search_params={"metric_type": "IP", "params": effort},
            )
        return [
            [hit_of({**hit["entity"], "clip_id": hit["clip_id"]}, float(hit["distance"])) for hit in hits]
            for hits in found
        ]

    def clips_of(self, path: str) -> list[ClipHit]:
        """See `Index.clips_of`."""
        condition = milvus_filter("path = '{}'".format(path.replace("'", "''")), ["path"])
        found = [hit_of(row, 0.0) for row in self._query(str(condition), HIT_FIELDS) if row["path"] == path]
        return sorted(found, key=lambda hit: (hit.start or 0.0, hit.clip_id))

    def embeddings(self, clip_ids: Sequence[int]) -> np.ndarray:
        """See `Index.embeddings`."""
        rows = self._rows(clip_ids, ["embedding"])
        found = [np.asarray(row["embedding"], np.float32) for row in rows]
        return np.stack(found) if found else np.zeros((0, self.manifest.embedding_size), np.float32)

    def sample(self, limit: int) -> np.ndarray:
        """Embeddings of up to `limit` clips with something to see, float32 [n, E]."""
        with milvus_errors(self.address):
            rows = self._client.query(
                self._state.collection,
                filter=_SEEN,
                output_fields=["embedding"],
                limit=min(limit, MAX_HITS),
            )
        return np.stack([np.asarray(row["embedding"], np.float32) for row in rows])

    def count_clips(self) -> int:
        """How many clips are published."""
        return self._state.clips

    def count_seen_clips(self) -> int:
        """How many are published; sound only is counted, too."""
        return self._state.clips

    def calibration(self) -> dict[str, Any] | None:
        """The numbers that were stored with the index when it was published."""
        return self._state.calibration

    def save_calibration(self, content: dict[str, Any]) -> None:
        """Refused: a published index is changed by publishing again."""
        raise self._is_read_only()

    def writer(self) -> IndexWriter:
        """Refused: a published index is changed by publishing again."""
        raise self._is_read_only()

    def windows(self, clip_ids: Sequence[int]) -> dict[int, ClipWindows]:
        """See `Index.windows`."""
        found = {}
        for row in self._rows(clip_ids, ["windows"]):
            stream = windows_of(row["windows"] or [], self.manifest.embedding_size)
            if stream is not None:
                found[int(row["clip_id"])] = stream
        return found

    def clips(self, clip_ids: Sequence[int], *, columns: Sequence[str] | None = None) -> pa.Table:
        """See `Index.clips`: from the index folder. Without it thumbnails, and nothing else, are null."""
        if columns == ["thumbnail"] and not self._has_folder():
            import pyarrow as pa

            return pa.table({"thumbnail": pa.nulls(len(clip_ids), pa.large_binary())})
        return super().clips(clip_ids, columns=columns)

    def known_files(self) -> dict[str, MediaRecord]:
        """See `Index.known_files`; empty without the index folder."""
        return super().known_files() if self._has_folder() else {}

    def _filter_columns(self) -> list[str]:
        return [*CLIP_FILTER_COLUMNS, *text_filter_columns(self.manifest.texts)]

    def _rows(self, clip_ids: Sequence[int], fields: Sequence[str]) -> list[dict[str, Any]]:
        """The rows of clips, in their order."""
        wanted = list(dict.fromkeys(map(int, clip_ids)))
        found: dict[int, dict[str, Any]] = {}
        for at in range(0, len(wanted), 1_000):
            part = wanted[at : at + 1_000]
            found.update(
                (int(row["clip_id"]), row) for row in self._query(f"clip_id in {part}", ["clip_id", *fields])
            )
        missing = [clip_id for clip_id in wanted if clip_id not in found]
        if missing:
            raise ClipNotFoundError(f"there is no clip {min(missing)} in {self.address}")
        return [found[int(clip_id)] for clip_id in clip_ids]

    def _query(self, condition: str, fields: Sequence[str]) -> list[dict[str, Any]]:
        with milvus_errors(self.address):
            rows: list[dict[str, Any]] = list(
                self._client.query(
                    self._state.collection, filter=condition, output_fields=list(fields), limit=MAX_HITS
                )
            )
        return rows

    def _has_folder(self) -> bool:
        try:
            self._folder_index("")
        except IndexStoreError:
            return False
        return True

    def _folder_index(self, what: str) -> Index:
        """The index in its folder, if it is at hand."""
        if self._local is None:
            try:
                local = Index.open(self.folder)
            except JepaError:
                local = None
            if local is None or local.manifest.index_id != self.manifest.index_id:
                raise IndexStoreError(
                    f"{self.address} holds vectors and their times: the rest is in the index folder {self.folder}, "
                    "which is not here"
                )
            self._local = local
        return self._local

    def _is_read_only(self) -> IndexWriteError:
        return IndexWriteError(
            f"{self.address} is published: change the index folder, and run jepa publish again"
        )
