"""An index of made-up clips with all kinds of values, and the same index published to Milvus Lite."""

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from indexes import ClipRecord, Index, MediaRecord
from indexes.milvus.address import MilvusAddress

SIZE = 8
FILES = 60


def fill(index: Index, files: range, *, seed: int = 0) -> None:
    """Put files of one to four clips each; some values are missing."""
    random = np.random.default_rng((seed, files.start))
    folders = (
        "2023",
        "2024",
        "Été",
        unicodedata.normalize("NFD", "Été"),
        "it's",
        'a "b"',
        "100%",
        "a_b",
        "日本",
    )
    with index.writer() as writer:
        for number in files:
            is_video = number % 3 > 0
            count = 1 + number % 4 if is_video else 1
            vectors = random.standard_normal((count, SIZE)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            record = MediaRecord(
                f"{folders[number % len(folders)]}/file {number:02}.{'mp4' if is_video else 'jpg'}",
                size=1_000 + 37 * number,
                mtime_ns=(1_700_000_000 + 86_400 * number) * 10**9,
                kind="video" if is_video else "image",
                duration=2.5 * count if is_video else None,
                width=[640, 1280, None][number % 3],
                height=[480, 720, None][number % 3],
                frame_rate=[None, 25.0, 29.97][number % 3],
                codec=["h264", "av1", None][number // 3 % 3],
            )
            writer.put(record, [_clip(at, vector, is_video) for at, vector in enumerate(vectors)])
    index.refresh()


def _clip(number: int, vector: np.ndarray, is_video: bool) -> ClipRecord:
    if not is_video:
        return ClipRecord(None, None, vector)
    start = 2.5 * number
    times = np.array([[start, start + 1], [start + 1, start + 2.5]], np.float32)
    return ClipRecord(start, start + 2.5, vector, times, np.stack([vector, -vector]).astype(np.float16))


def make_index(folder: Path) -> Index:
    """An index of `FILES` files."""
    index = Index.create(folder, model="nano", prompt="what?", fingerprint="f00", embedding_size=SIZE)
    fill(index, range(FILES))
    return index


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """The index in its folder. Read only."""
    pytest.importorskip("milvus_lite", reason="Milvus Lite is not installed: pip install milvus-lite")
    yield make_index(tmp_path_factory.mktemp("milvus") / "index")


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory, source: Index) -> MilvusAddress:
    """Where it is published. Read only."""
    from indexes.milvus.publish import publish

    place = MilvusAddress.parse(f"milvus+file:{tmp_path_factory.mktemp('published') / 'clips.db'}")
    publish(source, place)
    return place


@pytest.fixture(scope="session")
def published(address: MilvusAddress) -> Index:
    """The published index."""
    from indexes.milvus.index import MilvusIndex

    return MilvusIndex.open(str(address))
