"""Bring `vectors/` up to date with a commit, and load the vectors of a commit whatever state the files are in.

All decisions on when to build what are here and in `growth`.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexes import arrays
from indexes.manifest import Manifest
from indexes.vectors import files, growth, windows
from indexes.vectors.description import (
    FOLDER,
    DamagedVectorsError,
    DerivedFile,
    Description,
    read_description,
)
from indexes.vectors.extended_rows import Embeddings, ExtendedRows
from indexes.vectors.hits import HIT_DTYPE, KINDS, HitTable, is_time
from indexes.vectors.table_files import describe_table, problem_of_table

if TYPE_CHECKING:
    import lance

logger = logging.getLogger(__name__)

# Rows of deleted clips stay in the files. Everything is rebuilt when they exceed this share of the rows.
MAX_DELETED_SHARE = 0.25
# Larger files of embeddings are checked by `verify`, not at the start of every search or write.
MAX_BYTES_CHECKED = 500_000_000

HIT_COLUMNS = ["clip_id", "path", "kind", "start", "end"]


@dataclass(frozen=True, slots=True)
class LoadedVectors:
    """The vectors of one commit."""

    hits: HitTable
    embeddings: Embeddings  # float16 [n, E]; `hits.hits["row"]` points into it
    description: Description | None  # the files they came from; None if all came from the table


def load_fresh(folder: Path, manifest: Manifest) -> LoadedVectors | None:
    """The vectors from their files alone, without opening a table; None if they are of another commit.

    Raises:
        DamagedVectorsError: the files are missing or damaged, or a file of the table is gone or cut short.
    """
    description = _describe(folder, manifest)
    if description.commit != manifest.commit.number:
        return None
    noted = description.table
    if noted is not None and noted.version == manifest.commit.clips_version:
        problem = problem_of_table(folder, noted)
        if problem is not None:
            raise DamagedVectorsError(problem)  # opening the table then says what is wrong
    hits = files.load_hits(folder, description)
    return LoadedVectors(hits, _stored_embeddings(folder, description), description)


def is_fresh(folder: Path, manifest: Manifest) -> bool:
    """Whether the files are of the current commit and need no update, without reading them; `verify` does."""
    try:
        description = _describe(folder, manifest)
    except DamagedVectorsError:
        return False
    return (
        description.commit == manifest.commit.number
        and description.windows is not None
        and description.table is not None
        and description.table.version == manifest.commit.clips_version
        and files.have_sizes(folder, description)
        and not growth.is_due(folder, description.embeddings.rows, description.ann, manifest)
    )


def check_unread(folder: Path, loaded: LoadedVectors) -> None:
    """Check the files that `load_fresh` does not read in full.

    Raises:
        DamagedVectorsError: one is missing or damaged.
    """
    if loaded.description is not None:
        windows.check(folder, loaded.description.windows)
        files.check_file(folder, loaded.description.embeddings)
        if loaded.description.ann is not None:
            files.check_file(folder, loaded.description.ann.stored)


def description_of(folder: Path, manifest: Manifest) -> Description | None:
    """What `vectors/` holds for this index, of this commit or an older one; None if that cannot be read."""
    try:
        return _describe(folder, manifest)
    except DamagedVectorsError:
        return None


def load_table(clips: lance.LanceDataset, embedding_size: int) -> LoadedVectors:
    """The vectors from the table alone, rows in order of clip_id."""
    hits = _read_hits(clips)
    hits.hits["row"] = np.arange(len(hits))
    return LoadedVectors(hits, _read_embeddings(clips, hits.hits["clip_id"], embedding_size), None)


def load_any(folder: Path, manifest: Manifest, clips: lance.LanceDataset) -> LoadedVectors:
    """The vectors of the commit that `clips` is opened at: from the files as far as possible, else from the table."""
    try:
        description, stored, embeddings = _read_files(folder, manifest)
    except DamagedVectorsError as error:
        logger.info("reading all embeddings from the table: %s", error)
        return load_table(clips, manifest.embedding_size)
    hits = _read_hits(clips)
    missing = _copy_row_numbers(hits, stored)
    tail = _read_embeddings(clips, hits.hits["clip_id"][missing], manifest.embedding_size)
    hits.hits["row"][missing] = len(embeddings) + np.arange(len(tail))
    return LoadedVectors(hits, ExtendedRows(embeddings, tail) if len(tail) else embeddings, description)


def update(
    folder: Path,
    manifest: Manifest,
    clips: lance.LanceDataset,
    *,
    rebuild: bool = False,
    grow: bool = True,
) -> None:
    """Write what `vectors/` lacks for the commit that `clips` is opened at.

    Args:
        rebuild: rebuild all files, whatever their state.
        grow: False leaves the approximate index as it is; searches scan the rows that it lacks.

    Raises:
        OSError: the files cannot be written.
    """
    (folder / FOLDER).mkdir(exist_ok=True)
    with files.discard_on_failure(folder):
        _update(folder, manifest, clips, rebuild=rebuild, grow=grow)


def _update(
    folder: Path, manifest: Manifest, clips: lance.LanceDataset, *, rebuild: bool, grow: bool
) -> None:
    hits = _read_hits(clips)
    before = None if rebuild else _reusable(folder, manifest, hits)
    if before is None:
        nothing = np.zeros((0, manifest.embedding_size), np.float16)
        new = DerivedFile(f"embeddings-{uuid.uuid4().hex[:8]}.f16", 0, 0, 0)
        stored, ann = files.append_embeddings(folder, new, nothing), None
    else:
        stored, ann = before.embeddings, before.ann
    embeddings = _append_missing(folder, stored, clips, hits)
    name = f"{manifest.commit.number}-{uuid.uuid4().hex[:8]}"
    paths = json.dumps(list(hits.paths), ensure_ascii=False).encode()
    description = Description(
        index_id=manifest.index_id,
        commit=manifest.commit.number,
        embedding_size=manifest.embedding_size,
        embeddings=embeddings,
        hits=files.write_file(folder, f"hits-{name}.bin", hits.hits.tobytes(), rows=len(hits)),
        paths=files.write_file(folder, f"paths-{name}.json", paths, rows=len(hits.paths)),
        ann=growth.update(folder, name, embeddings, ann, manifest) if grow else ann,
        windows=windows.update(
            folder,
            name,
            None if before is None else before.windows,
            clips,
            hits.hits["clip_id"],
            next_clip_id=manifest.commit.next_clip_id,
            embedding_size=manifest.embedding_size,
        ),
        table=describe_table(folder, clips),
    )
    files.replace_description(folder, description)


def read_windows(folder: Path, loaded: LoadedVectors, embedding_size: int) -> windows.WindowTable | None:
    """The stored windows as far as the files have them; None if they are missing or damaged."""
    try:
        stored = loaded.description.windows if loaded.description else None
        return windows.load(folder, stored, embedding_size)
    except DamagedVectorsError as error:
        logger.info("reading windows from the table: %s", error)
        return None


def _describe(folder: Path, manifest: Manifest) -> Description:
    description = read_description(folder, index_id=manifest.index_id, embedding_size=manifest.embedding_size)
    if description.commit > manifest.commit.number:
        raise DamagedVectorsError(f"the files in {folder / FOLDER} are newer than the index's manifest")
    return description


def _read_files(folder: Path, manifest: Manifest) -> tuple[Description, HitTable, np.ndarray]:
    """What the files hold, of this commit or an older one.

    Raises:
        DamagedVectorsError: a file is missing or damaged.
    """
    description = _describe(folder, manifest)
    return description, files.load_hits(folder, description), _stored_embeddings(folder, description)


def _stored_embeddings(folder: Path, description: Description) -> np.ndarray:
    check = description.ann is None or description.embeddings.bytes <= MAX_BYTES_CHECKED
    return files.load_embeddings(folder, description, check=check)


def _copy_row_numbers(hits: HitTable, stored: HitTable) -> np.ndarray:
    """Copy row numbers to `hits` from the clips that are in `stored`; which are not, bool [clips]."""
    missing = ~np.isin(hits.hits["clip_id"], stored.hits["clip_id"])
    hits.hits["row"][~missing] = stored.hits["row"][stored.find(hits.hits["clip_id"])]
    return missing


def _reusable(folder: Path, manifest: Manifest, hits: HitTable) -> Description | None:
    """The files that rows can be added to, with their row numbers copied to `hits`; None if all must be rebuilt."""
    try:
        before, stored, _ = _read_files(folder, manifest)
    except DamagedVectorsError as error:
        logger.info("rebuilding the vectors: %s", error)
        return None
    new = np.count_nonzero(_copy_row_numbers(hits, stored))
    rows = before.embeddings.rows + new
    if rows - len(hits) > MAX_DELETED_SHARE * rows:
        hits.hits["row"] = -1
        return None
    return before


def _append_missing(
    folder: Path, stored: DerivedFile, clips: lance.LanceDataset, hits: HitTable
) -> DerivedFile:
    """Write the embeddings of hits that have no row yet, and give them one."""
    clip_ids, rows = hits.hits["clip_id"], hits.hits["row"]
    missing = np.flatnonzero(rows < 0)
    if not len(missing):
        return stored
    for ids, embeddings in _batches(clips, int(clip_ids[missing[0]])):
        at = np.searchsorted(clip_ids, ids).clip(max=len(clip_ids) - 1)
        new = (clip_ids[at] == ids) & (rows[at] < 0)
        rows[at[new]] = stored.rows + np.arange(np.count_nonzero(new))
        stored = files.append_embeddings(folder, stored, embeddings[new])
    return stored


def _read_hits(clips: lance.LanceDataset) -> HitTable:
    """The table of hits from the clips table; no hit has a row yet, which is -1."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = clips.scanner(columns=HIT_COLUMNS).to_table().combine_chunks()
    hits = np.zeros(len(table), HIT_DTYPE)
    hits["row"] = -1
    if not len(table):
        return HitTable(hits, [])
    arrays.check_filled(table, "clip_id", "path", "kind")
    paths = table["path"].chunk(0).dictionary_encode()
    arrays.check_paths(paths.dictionary.to_pylist())
    hits["clip_id"] = table["clip_id"].to_numpy()
    hits["path"] = paths.indices.to_numpy()
    hits["start"] = pc.fill_null(table["start"], float("nan")).to_numpy()
    hits["end"] = pc.fill_null(table["end"], float("nan")).to_numpy()
    hits["kind"] = pc.fill_null(pc.index_in(table["kind"], pa.array(KINDS)), 0).to_numpy()
    for name in ("start", "end"):
        hits[name][~is_time(hits[name])] = np.nan
    return HitTable(hits[np.argsort(hits["clip_id"])], paths.dictionary.to_pylist())


def _read_embeddings(clips: lance.LanceDataset, clip_ids: np.ndarray, size: int) -> np.ndarray:
    """Float16 [n, E] in the order of the ascending `clip_ids`."""
    result = np.zeros((len(clip_ids), size), np.float16)
    if not len(clip_ids):
        return result
    for ids, embeddings in _batches(clips, int(clip_ids[0])):
        at = np.searchsorted(clip_ids, ids).clip(max=len(clip_ids) - 1)
        known = clip_ids[at] == ids
        result[at[known]] = embeddings[known]
    return result


def _batches(clips: lance.LanceDataset, first_id: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The clips from `first_id` on: clip_ids int64 [n] and embeddings float16 [n, E], in the table's order."""
    scanner = clips.scanner(columns=["clip_id", "embedding"], filter=f"clip_id >= {first_id}")
    for batch in scanner.to_batches():
        yield batch["clip_id"].to_numpy(), arrays.embeddings(batch)
