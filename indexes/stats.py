"""Counts and sizes of an index."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexes import left_out
from indexes.calibration import FILE_NAME as CALIBRATION
from indexes.files import bytes_below
from indexes.left_out import FILE_NAME as LEFT_OUT
from indexes.manifest import FILE_NAME, SPEECH, WRITING
from indexes.schema import LACKING
from indexes.tables import CLIPS, MEDIA
from indexes.vectors import build
from indexes.vectors.description import FOLDER as VECTORS
from indexes.vectors.description import Description
from indexes.vectors.kinds import EXACT, HIT_BYTES
from indexes.vectors.sample_queries import QUERIES_FILE
from indexes.vectors.search_settings import SETTINGS_FILE

if TYPE_CHECKING:
    import lance

    from indexes.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class IndexStats:
    """What an index holds and how much space it takes."""

    model: str
    prompt: str
    fingerprint: str
    media_root: str | None
    files_ok: int
    files_partial: int  # indexed in part
    files_failed: int
    files_left_out: int  # by the last run over them; see `Index.left_out`
    videos: int  # of the files that are ok or partial
    images: int
    audio: int  # files with sound only
    speech_missing: int | None  # files of which it is not known what is said in them; None without speech
    writing_missing: int | None  # likewise
    media_seconds: float  # length of all videos and audio together
    clips: int
    tokens_bytes: int  # pooled S_V, for questions
    thumbnails_bytes: int
    embeddings_bytes: int  # in the table
    streams_bytes: int  # embeddings and times of the windows
    vectors_bytes: int  # derived files for search
    total_bytes: int  # of the whole folder, with old versions that are still kept
    vector_kind: (
        str  # "exact", "hnsw" and so on; "none" if the files for search are missing or of an older commit
    )
    vectors_covered: int  # clips that the files for search hold
    search_memory_bytes: int  # approximate memory of a search
    recall_expected: float | None  # recall@10 before the vector index was built; None: exact
    recall_measured: float | None  # recall@10 with sample queries after it was built; None: exact


def collect_stats(snapshot: Snapshot) -> IndexStats:
    """Count the records and add up the files."""
    files = snapshot.media(where=None, columns=["kind", "state", "duration", "clips"]).to_pylist()
    states = Counter(file["state"] for file in files)
    indexed = [file for file in files if file["state"] != "failed"]
    columns = _bytes_per_column(snapshot.clips_table)
    manifest = snapshot.manifest
    vectors = build.description_of(snapshot.folder, manifest)
    ann = vectors.ann if vectors else None
    return IndexStats(
        model=manifest.model,
        prompt=manifest.prompt,
        fingerprint=manifest.fingerprint,
        media_root=manifest.media_root,
        files_ok=states["ok"],
        files_partial=states["partial"],
        files_failed=states["failed"],
        files_left_out=left_out.read(snapshot.folder, manifest).count,
        videos=sum(file["kind"] == "video" for file in indexed),
        images=sum(file["kind"] == "image" for file in indexed),
        audio=sum(file["kind"] == "audio" for file in indexed),
        speech_missing=_lacking(snapshot, SPEECH),
        writing_missing=_lacking(snapshot, WRITING),
        media_seconds=sum(file["duration"] or 0.0 for file in indexed),
        clips=sum(file["clips"] for file in files),
        tokens_bytes=columns["tokens"],
        thumbnails_bytes=columns["thumbnail"],
        embeddings_bytes=columns["embedding"],
        streams_bytes=columns["window_embeddings"] + columns["window_times"],
        vectors_bytes=bytes_below(snapshot.folder / VECTORS),
        total_bytes=sum(bytes_below(snapshot.folder / part) for part in (MEDIA, CLIPS, VECTORS))
        + sum(
            _size(snapshot.folder / name)
            for name in (FILE_NAME, CALIBRATION, LEFT_OUT, SETTINGS_FILE, QUERIES_FILE)
        ),
        vector_kind="none" if vectors is None else ann.kind if ann else EXACT.name,
        vectors_covered=vectors.hits.rows if vectors else 0,
        search_memory_bytes=_search_memory(vectors),
        recall_expected=ann.expected_recall if ann else None,
        recall_measured=ann.recall if ann else None,
    )


def _lacking(snapshot: Snapshot, text: str) -> int | None:
    """Files of which it is not known what is said or written in them."""
    if text not in snapshot.manifest.texts:
        return None
    clips = snapshot.clips_table.scanner(columns=["path"], filter=LACKING[text]).to_table()
    return len(clips["path"].unique())


def _search_memory(vectors: Description | None) -> int:
    if vectors is None:
        return 0
    held = vectors.ann.stored.bytes if vectors.ann else vectors.embeddings.bytes
    return held + HIT_BYTES * vectors.hits.rows


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _bytes_per_column(table: lance.LanceDataset) -> dict[str, int]:
    # Lance counts per field id; a list's values are counted under the field of the list.
    names = {field.id(): field.name() for field in table.lance_schema.fields()}
    sizes = dict.fromkeys(table.schema.names, 0)
    statistics: Any = table.stats.data_stats()  # its stub is wrong about the fields
    for field in statistics.fields:
        if field.id in names:
            sizes[names[field.id]] += field.bytes_on_disk
    return sizes
