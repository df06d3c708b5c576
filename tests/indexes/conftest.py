"""Small indexes of made-up clips."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from indexes import ClipRecord, Index, MediaRecord

SIZE = 16

Put = Callable[..., list[int]]


@pytest.fixture
def new_index(tmp_path: Path) -> Callable[..., Index]:
    """Makes an empty index with embeddings of 16 dimensions."""

    def make(name: str = "index", **options: object) -> Index:
        defaults = {"model": "nano", "prompt": "what?", "fingerprint": "f00", "embedding_size": SIZE}
        return Index.create(tmp_path / name, **{**defaults, **options})

    return make


@pytest.fixture
def index(new_index: Callable[..., Index]) -> Index:
    return new_index()


@pytest.fixture
def vector() -> Callable[..., np.ndarray]:
    """A unit vector, float32 [size], that a text determines."""

    def make(text: str, size: int = SIZE) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
        values = np.random.default_rng(seed).standard_normal(size)
        return (values / np.linalg.norm(values)).astype(np.float32)

    return make


@pytest.fixture
def put(vector: Callable[..., np.ndarray]) -> Put:
    """Puts a file whose clips have the vectors of "path#0", "path#1", ... and a second of video each."""

    def do(writer, path: str, clips: int = 2, *, salt: str = "", **fields: object) -> list[int]:
        records = [
            ClipRecord(float(number), number + 1.0, vector(f"{path}{salt}#{number}"))
            for number in range(clips)
        ]
        values = {"size": 100, "mtime_ns": 1_700_000_000_000_000_000, **fields}
        return writer.put(MediaRecord(path, **values), records)

    return do
