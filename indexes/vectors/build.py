"""Bring `vectors/` up to date with a commit, and read them at a commit whatever state they are in.

All decisions on when to build what are in this file.
"""

from __future__ import annotations

import json
import logging
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexes import arrays
from indexes.manifest import Manifest
from indexes.vectors import files, growth, windows
from indexes.vectors.files import DamagedVectorsError, Description, Part
from indexes.vectors.hits import HIT_DTYPE, HitTable

if TYPE_CHECKING:
    import lance

logger = logging.getLogger(__name__)

# Rows of deleted clips stay in the files. All is built anew when they are more than this part of the rows.
MOST_DEAD = 0.25
# Larger files of embeddings are checked by writers and `verify`, not whenever a search begins.
MOST_CHECKED = 500_000_000

HIT_COLUMNS = ["clip_id", "path", "kind", "start", "end"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The vectors of one commit."""

    hits: HitTable
    embeddings: np.ndarray  # float16 [n, E]; `hits.hits["row"]` points into it
    description: Description | None  # the files they came from; None if all came from the table
    stored_rows: int  # how many of the embeddings lie in the files


def load_fresh(folder: Path, manifest: Manifest) -> Loaded | None:
    """The vectors from their files alone, without opening a table; None if they are of another commit.

    Raises:
        DamagedVectorsError: the files are missing or damaged.
    """
    description = _describe(folder, manifest)
    if description.commit != manifest.commit.number:
        return None
    hits = files.load_hits(folder, description)
    check = description.fast is None or description.embeddings.bytes <= MOST_CHECKED
    embeddings = files.load_embeddings(folder, description, check=check)
    return Loaded(hits, embeddings, description, len(embeddings))


def is_fresh(folder: Path, manifest: Manifest) -> bool:
    """Whether the files are of the present commit and nothing is due, by a cheap look; `verify` reads them."""
    try:
        description = _describe(folder, manifest)
    except DamagedVectorsError:
        return False
    return (
        description.commit == manifest.commit.number
        and description.windows is not None
        and files.have_sizes(folder, description)
        and not growth.is_due(folder, description.embeddings.rows, description.fast, manifest)
    )


def check_rest(folder: Path, loaded: Loaded) -> None:
    """Make sure that what `load_fresh` may not have read is whole.

    Raises:
        DamagedVectorsError: it is not.
    """
    if loaded.description is not None:
        windows.check(folder, loaded.description.windows)
        files.check_part(folder, loaded.description.embeddings)
        if loaded.description.fast is not None:
            files.check_part(folder, loaded.description.fast.part)


def description_of(folder: Path, manifest: Manifest) -> Description | None:
    """What `vectors/` holds for this index, of this commit or an older one; None if that cannot be read."""
    try:
        return _describe(folder, manifest)
    except DamagedVectorsError:
        return None


def load_table(clips: lance.LanceDataset, embedding_size: int) -> Loaded:
    """The vectors from the table alone, rows in order of clip_id."""
    hits = _read_hits(clips)
    hits.hits["row"] = np.arange(len(hits))
    return Loaded(hits, _read_embeddings(clips, hits.hits["clip_id"], embedding_size), None, 0)


def load_any(folder: Path, manifest: Manifest, clips: lance.LanceDataset) -> Loaded:
    """The vectors of the commit that `clips` is opened at: from files as far as they serve."""
    try:
        description = _describe(folder, manifest)
        stored = files.load_hits(folder, description)
        embeddings = files.load_embeddings(folder, description)
    except DamagedVectorsError as error:
        logger.info("reading all embeddings from the table: %s", error)
        return load_table(clips, manifest.embedding_size)
    hits = _read_hits(clips)
    known = np.isin(hits.hits["clip_id"], stored.hits["clip_id"])
    hits.hits["row"][known] = stored.hits["row"][stored.find(hits.hits["clip_id"])]
    hits.hits["row"][~known] = len(embeddings) + np.arange(np.count_nonzero(~known))
    tail = _read_embeddings(clips, hits.hits["clip_id"][~known], manifest.embedding_size)
    total = np.concatenate([embeddings, tail]) if len(tail) else embeddings
    return Loaded(hits, total, description, len(embeddings))


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
        rebuild: make all files anew, whatever their state.
        grow: False leaves the fast index as it is; searches scan the rows that it lacks.

    Raises:
        OSError: the files cannot be written.
    """
    (folder / files.FOLDER).mkdir(exist_ok=True)
    loaded = load_any(folder, manifest, clips)
    before = loaded.description
    dead = len(loaded.embeddings) - len(loaded.hits)
    if before is None or rebuild or dead > MOST_DEAD * len(loaded.embeddings):
        embeddings = _write_anew(folder, loaded)
        fast = None
    else:
        tail = loaded.embeddings[loaded.stored_rows :]
        embeddings = (
            files.append_embeddings(folder, before.embeddings, tail) if len(tail) else before.embeddings
        )
        fast = before.fast
    name = f"{manifest.commit.number}-{uuid.uuid4().hex[:8]}"
    paths = json.dumps(list(loaded.hits.paths), ensure_ascii=False).encode()
    description = Description(
        index_id=manifest.index_id,
        commit=manifest.commit.number,
        embedding_size=manifest.embedding_size,
        embeddings=embeddings,
        hits=files.write_part(folder, f"hits-{name}.bin", loaded.hits.hits.tobytes(), rows=len(loaded.hits)),
        paths=files.write_part(folder, f"paths-{name}.json", paths, rows=len(loaded.hits.paths)),
        fast=growth.update(folder, name, embeddings, fast, manifest) if grow else fast,
        windows=windows.update(
            folder,
            name,
            None if before is None or rebuild else before.windows,
            clips,
            loaded.hits.hits["clip_id"],
            until=manifest.commit.next_clip_id,
            embedding_size=manifest.embedding_size,
        ),
    )
    files.write_description(folder, description)


def read_windows(folder: Path, loaded: Loaded, embedding_size: int) -> windows.WindowTable | None:
    """The stored windows as far as the files have them; None if they are missing or damaged."""
    try:
        parts = loaded.description.windows if loaded.description else None
        return windows.load(folder, parts, embedding_size)
    except DamagedVectorsError as error:
        logger.info("reading windows from the table: %s", error)
        return None


def _describe(folder: Path, manifest: Manifest) -> Description:
    description = files.read_description(
        folder, index_id=manifest.index_id, embedding_size=manifest.embedding_size
    )
    if description.commit > manifest.commit.number:
        raise DamagedVectorsError(f"the files in {folder / files.FOLDER} are newer than the index's manifest")
    return description


def _write_anew(folder: Path, loaded: Loaded) -> Part:
    hits = loaded.hits.hits
    live = loaded.embeddings[hits["row"]]
    hits["row"] = np.arange(len(hits))
    return files.append_embeddings(folder, Part(f"embeddings-{uuid.uuid4().hex[:8]}.f16", 0, 0, 0), live)


def _read_hits(clips: lance.LanceDataset) -> HitTable:
    import pyarrow.compute as pc

    table = clips.scanner(columns=HIT_COLUMNS).to_table().combine_chunks()
    hits = np.zeros(len(table), HIT_DTYPE)
    if not len(table):
        return HitTable(hits, [])
    paths = table["path"].chunk(0).dictionary_encode()
    hits["clip_id"] = table["clip_id"].to_numpy()
    hits["path"] = paths.indices.to_numpy()
    hits["start"] = pc.fill_null(table["start"], float("nan")).to_numpy()
    hits["end"] = pc.fill_null(table["end"], float("nan")).to_numpy()
    hits["is_video"] = pc.equal(table["kind"], "video").to_numpy()
    return HitTable(np.sort(hits, order="clip_id"), paths.dictionary.to_pylist())


def _read_embeddings(clips: lance.LanceDataset, clip_ids: np.ndarray, size: int) -> np.ndarray:
    """Float16 [n, E] in the order of the ascending `clip_ids`."""
    result = np.zeros((len(clip_ids), size), np.float16)
    if not len(clip_ids):
        return result
    scanner = clips.scanner(columns=["clip_id", "embedding"], filter=f"clip_id >= {clip_ids[0]}")
    for batch in scanner.to_batches():
        ids = batch["clip_id"].to_numpy()
        at = np.searchsorted(clip_ids, ids).clip(max=len(clip_ids) - 1)
        wanted = clip_ids[at] == ids
        result[at[wanted]] = arrays.embeddings(batch)[wanted]
    return result
