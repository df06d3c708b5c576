"""Sample queries stored with an index: the recall of its vector index is measured with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from indexes.files import write_atomically
from indexes.manifest import Manifest
from indexes.untrusted import read_bytes

QUERIES_FILE = "queries.f32"
# 16,384 queries of 1,024 dimensions; a few hundred are enough.
MAX_BYTES = 64 * 1024 * 1024


def write_queries(folder: Path, queries: np.ndarray) -> None:
    """Store sample queries, float32 [Q, E].

    Raises:
        OSError: the folder cannot be written.
    """
    content = np.ascontiguousarray(queries, "<f4").tobytes()
    write_atomically(folder / QUERIES_FILE, content, durable=False)


def read_queries(folder: Path, manifest: Manifest) -> np.ndarray | None:
    """The stored sample queries, float32 [Q, E]; None if there are none that can be used."""
    try:
        flat = np.frombuffer(read_bytes(folder / QUERIES_FILE, max_bytes=MAX_BYTES), "<f4")
        queries = flat.reshape(-1, manifest.embedding_size)
    except (OSError, ValueError):
        return None
    return queries if len(queries) and np.isfinite(queries).all() else None
