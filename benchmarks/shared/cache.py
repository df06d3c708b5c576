"""Cached embeddings that survive a killed process: one SQLite file per model, committed batch by batch."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from jepa_retrieval.models.cache import cache_root

_LOOKUPS = 500  # keys in one statement; SQLite allows 999 on old systems


def default_cache() -> Path:
    """The folder for cached embeddings in the user's cache."""
    return cache_root() / "bench"


def key_of(*parts: object) -> bytes:
    """The key of an embedding: a hash of all that it depends on, apart from the model."""
    return hashlib.blake2b(
        "\0".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=16
    ).digest()


class EmbeddingCache:
    """Float32 vectors by key, of one model."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(folder / f"{fingerprint[:32]}.sqlite", timeout=60)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS embeddings (key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID"
        )

    def get(self, keys: Sequence[bytes]) -> dict[bytes, np.ndarray]:
        """Those of the vectors that are known."""
        found = {}
        for start in range(0, len(keys), _LOOKUPS):
            part = list(keys[start : start + _LOOKUPS])
            marks = ",".join("?" * len(part))
            rows = self._connection.execute(
                f"SELECT key, vector FROM embeddings WHERE key IN ({marks})", part
            )
            found.update({key: np.frombuffer(vector, dtype=np.float32) for key, vector in rows})
        return found

    def put(self, rows: Iterable[tuple[bytes, np.ndarray]]) -> None:
        """Store vectors, all or none of them."""
        with self._connection:
            self._connection.executemany(
                "INSERT OR REPLACE INTO embeddings VALUES (?, ?)",
                [(key, np.asarray(vector, dtype=np.float32).tobytes()) for key, vector in rows],
            )

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
