"""How fast is the index itself: opening, searching, filtering, writing?

    python -m benchmarks.speed.store_speed [--clips 100000] [--small 5000] [--embedding-size 512]

The vectors are random points around 500 centres; queries are close to stored vectors. All times are wall time on
this machine. "Cold" is a new process with a warm disk, imports included.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np

from indexes import ClipRecord, Index, MediaRecord

CLIPS_PER_FILE = 10

COLD_SEARCH = """
import sys
import numpy as np
from indexes import Index
index = Index.open(sys.argv[1])
query = np.ones((1, index.manifest.embedding_size), np.float32) / index.manifest.embedding_size ** 0.5
assert len(index.search(query, k=10)[0]) == 10
"""

COLD_FILES = """
import sys, time
import lance
from indexes import Index
begin = time.perf_counter()
files = Index.open(sys.argv[1]).known_files()
print(time.perf_counter() - begin)
"""

WRITE_IMAGES = """
import sys
from pathlib import Path
from benchmarks.speed.store_speed import write_images
print(write_images(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clips", type=int, default=100_000, help="clips of the large index")
    parser.add_argument("--small", type=int, default=5_000, help="clips of the small index")
    parser.add_argument("--images", type=int, default=10_000, help="one-clip files of the writing test")
    parser.add_argument("--embedding-size", type=int, default=512)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, value in measure(Path(folder), options):
            print(f"{name:<66} {value}", flush=True)


def measure(folder: Path, options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """Build three indexes and time what users wait for."""
    size = options.embedding_size
    # First, because a child process inherits the peak memory of its parent.
    yield (
        f"write {options.images} images with thumbnail and tokens",
        _run("-c", WRITE_IMAGES, str(folder / "images"), str(options.images), str(size)).strip(),
    )
    runs = [float(_run("-c", COLD_FILES, str(folder / "images"))) for _ in range(5)]
    yield f"open and known_files, {options.images} files, new process", _milliseconds(runs)

    _fill(folder / "small", options.small, size)
    yield f"cold open and search, {options.small} clips", _cold(folder / "small")
    yield "  of which Python and NumPy", _process("-c", "import numpy")

    begin = time.perf_counter()
    vectors = _fill(folder / "large", options.clips, size)
    yield f"write {options.clips} clips, HNSW included", f"{time.perf_counter() - begin:.1f} s"
    yield f"cold open and search, {options.clips} clips", _cold(folder / "large")
    yield from _warm(Index.open(folder / "large"), vectors)


def _warm(index: Index, vectors: np.ndarray) -> Iterator[tuple[str, str]]:
    rng = np.random.default_rng(1)
    queries = _unit(
        vectors[rng.integers(0, len(vectors), 200)] + 0.02 * rng.standard_normal(vectors.shape[1])
    )
    begin = time.perf_counter()
    index.warm_up()
    yield "load FAISS and its structures", f"{time.perf_counter() - begin:.2f} s"
    yield "warm search, top 10", _time(lambda i: index.search(queries[i : i + 1], k=10), 200)
    for part in (0.001, 0.01, 0.1, 0.5, 0.9):
        where = f"size < {round(part * 1_000_000)}"

        def filtered(i: int, where: str = where) -> object:
            return index.search(queries[i : i + 1], k=10, where=where)

        yield f"warm search, top 10, filter keeps {part:.1%}", _time(filtered, 30)
    begin = time.perf_counter()
    found = index.search(queries, k=10)
    yield "200 queries at once", f"{(time.perf_counter() - begin) * 1000:.0f} ms"
    stored = vectors.astype(np.float16).astype(np.float32)
    truth = np.argsort(-(queries @ stored.T), axis=1)[:, :10]
    common = [
        len({hit.clip_id for hit in hits} & set(best))
        for hits, best in zip(found, truth.tolist(), strict=True)
    ]
    yield "recall@10 against exact search", f"{np.mean(common) / 10:.4f}"
    ids = [hit.clip_id for hits in found[:2] for hit in hits]
    yield "fetch 20 thumbnails", _time(lambda _: index.clips(ids, columns=["thumbnail"]), 20)


def write_images(folder: Path, count: int, size: int) -> str:
    """Store one-clip files as fast as the store takes them; how long it took and the memory of the process."""
    rng = np.random.default_rng(2)
    thumbnail, tokens = rng.bytes(5_000), rng.standard_normal((1, 2_688)).astype(np.float16)
    vectors = _unit(rng.standard_normal((count, size)))
    index = _create(folder, size)
    begin = time.perf_counter()
    with index.writer() as writer:
        for number, vector in enumerate(vectors):
            clip = ClipRecord(None, None, vector, tokens=tokens, thumbnail=thumbnail)
            media = MediaRecord(f"photos/{number}.jpg", number, number, content_hash="0" * 16, kind="image")
            writer.put(media, [clip])
        putting = time.perf_counter() - begin
    closing = time.perf_counter() - begin - putting
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{putting:.1f} s, closing {closing:.1f} s, peak memory {peak:.0f} MB"


def _fill(folder: Path, clips: int, size: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((500, size)).astype(np.float32)
    noise = rng.standard_normal((clips, size), np.float32)
    vectors = _unit(0.7 * centres[rng.integers(0, 500, clips)] + noise)
    thumbnail = rng.bytes(2_000)
    with _create(folder, size).writer() as writer:
        for first in range(0, clips, CLIPS_PER_FILE):
            records = [
                ClipRecord(float(at), at + 1.0, vector, thumbnail=thumbnail)
                for at, vector in enumerate(vectors[first : first + CLIPS_PER_FILE])
            ]
            media = MediaRecord(f"videos/{first}.mp4", int(rng.integers(1_000_000)), first, duration=10.0)
            writer.put(media, records)
    return vectors


def _create(folder: Path, size: int) -> Index:
    return Index.create(folder, model="random", prompt="", fingerprint="-", embedding_size=size)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _cold(folder: Path) -> str:
    return _process("-c", COLD_SEARCH, str(folder))


def _process(*arguments: str) -> str:
    seconds = []
    for _ in range(7):
        begin = time.perf_counter()
        _run(*arguments)
        seconds.append(time.perf_counter() - begin)
    return _milliseconds(seconds)


def _run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def _time(call: Callable[[int], object], repeats: int) -> str:
    seconds = []
    for number in range(repeats):
        begin = time.perf_counter()
        call(number)
        seconds.append(time.perf_counter() - begin)
    return _milliseconds(seconds)


def _milliseconds(seconds: list[float]) -> str:
    return f"median {median(seconds) * 1000:.1f} ms, worst {max(seconds) * 1000:.1f} ms"


if __name__ == "__main__":
    main()
