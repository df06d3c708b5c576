"""When the approximate index is extended, retrained or left as it is, and of which kind it is."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexes.manifest import Manifest
from indexes.reasons import reason
from indexes.vectors import files, kinds, plan
from indexes.vectors.description import (
    FOLDER,
    AnnFile,
    DamagedVectorsError,
    DerivedFile,
    Description,
    read_description,
)
from indexes.vectors.extended_rows import Embeddings
from indexes.vectors.plan import Plan
from indexes.vectors.sample_queries import read_queries
from indexes.vectors.search_settings import SearchSettings, read_search_settings

if TYPE_CHECKING:
    from indexes.vectors.ann_index import AnnIndex

logger = logging.getLogger(__name__)

# Rows that the approximate index lacks are searched exactly. It is extended when they exceed this share of all rows.
MAX_UNCOVERED_SHARE = 0.1
# Lists and codes are retrained when there are this many times the rows that they were trained on.
MAX_GROWTH = 4


def is_due(folder: Path, rows: int, ann: AnnFile | None, manifest: Manifest) -> bool:
    """Whether `rows` stored embeddings require a new or extended approximate index."""
    if ann is not None:
        return rows - ann.stored.rows > MAX_UNCOVERED_SHARE * rows
    size = manifest.embedding_size
    chosen = plan.choose(read_search_settings(folder), rows=rows, size=size, reduced=size)
    return chosen.kind is not kinds.EXACT


def update(
    folder: Path, name: str, embeddings: DerivedFile, before: AnnFile | None, manifest: Manifest
) -> AnnFile | None:
    """The approximate index over all stored embeddings: unchanged, extended or new; None where search is exact."""
    ann = None
    if before is not None:
        try:
            ann = _read(folder, before, manifest.embedding_size)
        except DamagedVectorsError as error:
            logger.info("rebuilding the vector index: %s", error)
            before = None
    if not is_due(folder, embeddings.rows, before, manifest):
        return before
    rows = files.map_rows(folder, embeddings, np.dtype(("<f2", manifest.embedding_size)))
    if ann is not None and before is not None and embeddings.rows <= MAX_GROWTH * before.trained_rows:
        settings = read_search_settings(folder)
        chosen = plan.choose(settings, rows=len(rows), size=rows.shape[1], reduced=ann.reduced)
        if chosen.kind is ann.kind:
            return _finish(folder, name, rows, ann, before.trained_rows, chosen, manifest)
    return _train(folder, name, rows, manifest)


def _train(folder: Path, name: str, rows: np.ndarray, manifest: Manifest) -> AnnFile | None:
    from indexes.vectors.ann_index import AnnIndex
    from indexes.vectors.reduce import principal_axes

    axes = principal_axes(rows)
    settings = read_search_settings(folder)
    chosen = plan.choose(settings, rows=len(rows), size=rows.shape[1], reduced=len(axes))
    if chosen.kind is kinds.EXACT:
        return None
    ann = AnnIndex.train(chosen.kind, rows, axes)
    return _finish(folder, name, rows, ann, len(rows), chosen, manifest)


def _finish(
    folder: Path,
    name: str,
    rows: np.ndarray,
    ann: AnnIndex,
    trained_rows: int,
    chosen: Plan,
    manifest: Manifest,
) -> AnnFile:
    """Add the missing rows, tune the index and write it."""
    from indexes.vectors.tune import tune, tuning_queries

    if not chosen.fits:
        megabytes = chosen.memory / 1e6
        logger.warning("searching takes about %.0f MB of memory, more than the limit that was set", megabytes)
    ann.add(rows[ann.rows :])
    sample = read_queries(folder, manifest)
    tuned = tune(ann, rows, tuning_queries(rows, sample), read_search_settings(folder).target_recall)
    file = f"{chosen.kind.name}-{name}.faiss"
    ann.write(folder / FOLDER / file)
    return AnnFile(
        stored=files.describe_file(folder, file, rows=ann.rows),
        kind=chosen.kind.name,
        trained_rows=trained_rows,
        effort=tuned.effort,
        expected_recall=chosen.expected_recall,
        recall=tuned.recall,
        used_sample_queries=sample is not None,
    )


def plan_for(settings: SearchSettings, embeddings: Embeddings) -> Plan:
    """The plan for float16 [n, E]."""
    from indexes.vectors.reduce import principal_axes

    rows, size = embeddings.shape
    reduced = len(principal_axes(embeddings)) if rows >= plan.MIN_TRAINING_ROWS else size
    return plan.choose(settings, rows=rows, size=size, reduced=reduced)


def is_untuned(folder: Path, manifest: Manifest) -> bool:
    """Whether there are sample queries, and an approximate index that was not measured with them."""
    try:
        ann = _describe(folder, manifest).ann
    except DamagedVectorsError:
        return False
    return ann is not None and not ann.used_sample_queries and read_queries(folder, manifest) is not None


def tune_again(folder: Path, manifest: Manifest) -> None:
    """Measure the stored approximate index with the sample queries, if there is one and it is intact.

    Raises:
        OSError: the description cannot be written.
    """
    from indexes.vectors.tune import tune, tuning_queries

    try:
        description = _describe(folder, manifest)
        if description.ann is None:
            return
        ann = _read(folder, description.ann, manifest.embedding_size)
        rows = files.load_embeddings(folder, description)[: ann.rows]
    except DamagedVectorsError as error:
        logger.info("the vector index is not measured: %s", error)
        return
    sample = read_queries(folder, manifest)
    tuned = tune(ann, rows, tuning_queries(rows, sample), read_search_settings(folder).target_recall)
    changed = replace(
        description.ann, effort=tuned.effort, recall=tuned.recall, used_sample_queries=sample is not None
    )
    files.replace_description(folder, replace(description, ann=changed))


def _describe(folder: Path, manifest: Manifest) -> Description:
    return read_description(folder, index_id=manifest.index_id, embedding_size=manifest.embedding_size)


def read(folder: Path, ann: AnnFile, embedding_size: int) -> AnnIndex | None:
    """The stored approximate index; None, with a warning, if it is missing or damaged."""
    try:
        return _read(folder, ann, embedding_size)
    except DamagedVectorsError as error:
        logger.warning("searching exactly until the vector index is rebuilt: %s", error)
        return None


def _read(folder: Path, ann: AnnFile, embedding_size: int) -> AnnIndex:
    from indexes.vectors.ann_index import AnnIndex

    path = files.check_file(folder, ann.stored)
    try:
        return AnnIndex.read(kinds.KINDS[ann.kind], path, rows=ann.stored.rows, size=embedding_size)
    except (OSError, ValueError) as error:
        raise DamagedVectorsError(f"{path} cannot be read: {reason(error)}") from error
