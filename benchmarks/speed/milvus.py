"""A published index beside the index folder: recall of the ten best and time of a search, with and without a filter.

    python -m benchmarks.speed.milvus --clips 100000

Both hold the same synthetic clips (`benchmarks.shared.synthetic_index`). Milvus is Milvus Lite in this process, from
a file: a figure of it says nothing about a cluster. Recall is the share of the exact ten best, by brute force over
all clips, that are among the ten that are returned. Needs the extra `milvus` and the package `milvus-lite`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.shared.common import print_table, save_result
from benchmarks.shared.search_times import near, timed_searches
from benchmarks.shared.synthetic_index import fill_index
from indexes import Index
from jepa_retrieval.library import Library

TOP = 10
FILTER = "path like 'folder 000/%'"


def main() -> None:
    """Make, publish, search both, print."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "media").mkdir()
        library = Library.create(folder / "media", model="nano")
        fill_index(library, clips=options.clips)
        began = time.perf_counter()
        address = f"milvus+file:{folder / 'clips.db'}"
        library.publish(address)
        published_in = time.perf_counter() - began
        began = time.perf_counter()
        library.publish(address)
        again_in = time.perf_counter() - began
        published = Library.open(address)
        queries = near(library.records.sample(options.queries), np.random.default_rng(0))
        rows = [
            _row(title, index, library.records, queries, where)
            for where in (None, FILTER)
            for title, index in (("index folder", library.records), ("Milvus Lite", published.records))
        ]
    print_table(["searched", "filter", "recall@10", "median ms", "90% ms"], rows)
    print(f"published in {published_in:.0f} s; again, nothing to do, in {again_in:.2f} s")
    print(
        save_result(
            "milvus",
            {
                "clips": options.clips,
                "rows": rows,
                "publish_seconds": published_in,
                "again_seconds": again_in,
            },
        )
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clips", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=50)
    return parser.parse_args()


def _row(title: str, index: Index, source: Index, queries: np.ndarray, where: str | None) -> list[object]:
    found, milliseconds = timed_searches(index, queries, top=TOP, where=where)
    exact = [_exact(source, query, where) for query in queries]
    recall = sum(len(hits & best) for hits, best in zip(found, exact, strict=True)) / TOP
    figures = (f"{np.median(milliseconds):.1f}", f"{np.percentile(milliseconds, 90):.1f}")
    return [title, where or "none", f"{recall / len(queries):.3f}", *figures]


_PASSING: dict[str | None, tuple[np.ndarray, np.ndarray]] = {}


def _exact(source: Index, query: np.ndarray, where: str | None) -> set[int]:
    """The ten best by brute force."""
    if where not in _PASSING:
        batches = source.iter_clips(where=where, columns=["clip_id"], batch_size=8_192)
        ids = np.concatenate([batch["clip_id"].to_numpy() for batch in batches])
        _PASSING[where] = ids, source.embeddings(ids.tolist())
    ids, vectors = _PASSING[where]
    return set(ids[np.argsort(-(vectors @ query))[:TOP]].tolist())


if __name__ == "__main__":
    main()
