"""When the index that finds candidates is due, extended or learnt anew, and of which kind."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexes.manifest import Manifest
from indexes.vectors import files, kinds
from indexes.vectors.extended_rows import Embeddings
from indexes.vectors.files import DamagedVectorsError, Description, FastPart, Part
from indexes.vectors.kinds import Plan, Wanted
from indexes.vectors.search_settings import read_queries, read_wanted

if TYPE_CHECKING:
    from indexes.vectors.ann_index import FastIndex

logger = logging.getLogger(__name__)

# Rows that the fast index lacks are scanned. It is extended when they are more than this part of all rows.
MOST_TAIL = 0.1
# Lists and codes serve until there are this many times as many rows as they were learnt from.
MOST_GROWTH = 4


def is_due(folder: Path, rows: int, fast: FastPart | None, manifest: Manifest) -> bool:
    """Whether `rows` stored embeddings call for more than the fast index that there is, if any."""
    if fast is not None:
        return rows - fast.part.rows > MOST_TAIL * rows
    size = manifest.embedding_size
    plan = kinds.choose(read_wanted(folder), rows=rows, size=size, reduced=size)
    return plan.kind is not kinds.EXACT


def update(
    folder: Path, name: str, stored: Part, before: FastPart | None, manifest: Manifest
) -> FastPart | None:
    """The fast index over all stored embeddings: as it was, extended, or new; None where search is exact."""
    fast = None
    if before is not None:
        try:
            fast = _read(folder, before)
        except DamagedVectorsError as error:
            logger.info("building the vector index anew: %s", error)
            before = None
    if not is_due(folder, stored.rows, before, manifest):
        return before
    path = folder / files.FOLDER / stored.file
    rows = np.memmap(path, "<f2", "r", shape=(stored.rows, manifest.embedding_size))
    wanted = read_wanted(folder)
    if fast is not None and before is not None and stored.rows <= MOST_GROWTH * before.learnt_from:
        plan = kinds.choose(wanted, rows=len(rows), size=rows.shape[1], reduced=fast.reduced)
        if plan.kind is fast.kind:
            return _finish(folder, name, rows, fast, before.learnt_from, plan, manifest)
    return _learn(folder, name, rows, manifest)


def _learn(folder: Path, name: str, rows: np.ndarray, manifest: Manifest) -> FastPart | None:
    from indexes.vectors.ann_index import FastIndex
    from indexes.vectors.reduce import principal_axes

    axes = principal_axes(rows)
    plan = kinds.choose(read_wanted(folder), rows=len(rows), size=rows.shape[1], reduced=len(axes))
    if plan.kind is kinds.EXACT:
        return None
    fast = FastIndex.learn(plan.kind, rows, axes)
    return _finish(folder, name, rows, fast, len(rows), plan, manifest)


def _finish(
    folder: Path,
    name: str,
    rows: np.ndarray,
    fast: FastIndex,
    learnt_from: int,
    plan: Plan,
    manifest: Manifest,
) -> FastPart:
    """Add the rows that it lacks, tune it and write it."""
    from indexes.vectors.tune import queries_of, tune

    if not plan.fits:
        megabytes = plan.memory / 1e6
        logger.warning("searching takes about %.0f MB of memory, more than was asked for", megabytes)
    fast.add(rows[fast.rows :])
    sample = read_queries(folder, manifest)
    tuned = tune(fast, rows, queries_of(rows, sample), read_wanted(folder).aim)
    file = f"{plan.kind.name}-{name}.faiss"
    fast.write(folder / files.FOLDER / file)
    return FastPart(
        part=files.part_of(folder, file, rows=fast.rows),
        kind=plan.kind.name,
        learnt_from=learnt_from,
        effort=tuned.effort,
        expected_recall=plan.expected_recall,
        recall=tuned.recall,
        texts=sample is not None,
    )


def plan_for(wanted: Wanted, embeddings: Embeddings) -> Plan:
    """The kind that float16 [n, E] would get."""
    from indexes.vectors.reduce import principal_axes

    rows, size = embeddings.shape
    reduced = len(principal_axes(embeddings)) if rows >= kinds.FEWEST_TO_LEARN else size
    return kinds.choose(wanted, rows=rows, size=size, reduced=reduced)


def is_untuned(folder: Path, manifest: Manifest) -> bool:
    """Whether there is a fast index that was not measured with the sample queries, though there are some."""
    try:
        fast = _describe(folder, manifest).fast
    except DamagedVectorsError:
        return False
    return fast is not None and not fast.texts and read_queries(folder, manifest) is not None


def tune_again(folder: Path, manifest: Manifest) -> None:
    """Measure the stored fast index with the sample queries, if there is one and it is whole.

    Raises:
        OSError: the description cannot be written.
    """
    from indexes.vectors.tune import queries_of, tune

    try:
        description = _describe(folder, manifest)
        if description.fast is None:
            return
        fast = _read(folder, description.fast)
        rows = files.load_embeddings(folder, description)[: fast.rows]
    except DamagedVectorsError as error:
        logger.info("the vector index is not measured: %s", error)
        return
    sample = read_queries(folder, manifest)
    tuned = tune(fast, rows, queries_of(rows, sample), read_wanted(folder).aim)
    changed = replace(description.fast, effort=tuned.effort, recall=tuned.recall, texts=sample is not None)
    files.write_description(folder, replace(description, fast=changed))


def _describe(folder: Path, manifest: Manifest) -> Description:
    return files.read_description(folder, index_id=manifest.index_id, embedding_size=manifest.embedding_size)


def read(folder: Path, stored: FastPart) -> FastIndex | None:
    """The stored fast index; None, with a warning, if it is missing or damaged."""
    try:
        return _read(folder, stored)
    except DamagedVectorsError as error:
        logger.warning("searching exactly, until the vector index is built again: %s", error)
        return None


def _read(folder: Path, stored: FastPart) -> FastIndex:
    from indexes.vectors.ann_index import FastIndex

    path = files.check_part(folder, stored.part)
    try:
        return FastIndex.read(kinds.KINDS[stored.kind], path)
    except (OSError, KeyError) as error:
        raise DamagedVectorsError(f"{path} cannot be read: {error}") from error
