"""A filter that keeps few of many clips: is the top 10 exact, and how long does it take?

    python -m benchmarks.speed.filtered_search

The index holds 100,000 synthetic clips, 20 to a file. Filters keep from 1 clip in 100,000 to all. Exact means that
the ten hits are those of a search by brute force over the clips that pass. Times are of `Index.search`, warm,
filter included.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.shared.common import print_table, save_result
from benchmarks.shared.search_times import near, timed_searches
from benchmarks.shared.synthetic_index import CLIPS_PER_FILE, fill_index
from indexes import Index, arrays
from jepa_retrieval.library import Library

TOP = 10


def main() -> None:
    """Search under each filter, compare, print."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        library = Library.create(Path(folder), model="nano")
        fill_index(library, clips=options.clips)
        index = library.records
        table = [_row(index, where, options.queries) for where in _filters(options.clips // CLIPS_PER_FILE)]
    print_table(["filter", "clips kept", "exact top 10", "median ms", "90% ms", "worst ms"], table)
    print(save_result("filtered_search", {"clips": options.clips, "rows": table}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clips", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=100)
    return parser.parse_args()


def _filters(files: int) -> list[str]:
    """Filters by size, which `synthetic_index` gives file number n as 1,000,000 + n."""
    one = "size = 1000123 and start = 40"
    shares = (0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 1.0)
    return [one, *(f"size < {1_000_000 + max(1, round(share * files))}" for share in shares)]


def _row(index: Index, where: str, count: int) -> list[object]:
    ids, vectors = _passing(index, where)
    random = np.random.default_rng(0)
    queries = near(vectors[random.integers(len(vectors), size=count)], random)
    found, milliseconds = timed_searches(index, queries, top=TOP, where=where)
    exact = 0
    for query, hits in zip(queries, found, strict=True):
        scores = vectors.astype(np.float32) @ query
        exact += set(ids[np.argsort(-scores)[:TOP]].tolist()) == hits
    figures = (np.median(milliseconds), np.percentile(milliseconds, 90), milliseconds.max())
    return [where, len(ids), f"{exact} of {count}", *(f"{value:.1f}" for value in figures)]


def _passing(index: Index, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Ids and float16 embeddings of the clips that pass, read from the table itself."""
    batches = list(index.iter_clips(where=where, columns=["clip_id", "embedding"], batch_size=8192))
    ids = np.concatenate([batch["clip_id"].to_numpy() for batch in batches])
    return ids, np.concatenate([arrays.embeddings(batch) for batch in batches])


if __name__ == "__main__":
    main()
