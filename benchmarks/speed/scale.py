"""What do the kinds of vector index cost, and what do they find, at one million clips and at ten?

    python -m benchmarks.speed.scale [--clips 10000000] [--kinds ivf-sq8,ivf-pq] [--prepare-only]

Vectors are distributed as nano's clips are, queries are captions (see synthetic_vectors). Indexes are built over
the file of vectors itself, without tables. A kind's effort is tuned with neutral texts, as the product does, and
its recall then measured with the captions; beside that the whole curve of effort, recall and time is written and
drawn.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.shared.cache import default_cache
from benchmarks.shared.common import print_table, save_result, timed
from benchmarks.speed.vector_engines import memory, processor_seconds, query_times
from benchmarks.speed.vector_search import prepare
from indexes.vectors import import_faiss
from indexes.vectors.ann_index import AnnIndex
from indexes.vectors.exact import rank_rows
from indexes.vectors.kinds import KINDS
from indexes.vectors.plan import choose
from indexes.vectors.reduce import principal_axes
from indexes.vectors.search import StoredAnnIndex, VectorSearch
from indexes.vectors.search_settings import DEFAULT_RECALL, SearchSettings
from indexes.vectors.tune import TOP, tune
from jepa_retrieval.output_files import replacing

CURVE = (1, 4, 8, 16, 32, 64, 128, 256, 512)
DEFAULT_KINDS = "ivf-sq8,ivf-fp16,ivf-pq,hnsw,hnsw-fp16"


def main() -> None:
    """Build, measure, print and draw."""
    options = _arguments()
    folder = options.work / f"vectors-{options.clips}"
    prepare(folder, options.clips)
    if options.prepare_only:
        return
    results = {}
    for kind in options.kinds.split(","):
        stored = folder / f"{kind}.json"
        if not stored.exists():
            stored.write_text(json.dumps(_alone(build, kind, folder)))
        built = json.loads(stored.read_text())
        results[kind] = built | _alone(measure, kind, folder, built["effort"])
        print(kind, {name: value for name, value in results[kind].items() if name != "curve"}, flush=True)
    path = save_result(f"scale_{options.clips}", {"clips": options.clips, "kinds": results})
    headings = ["kind", "recall@10: expected", "neutral texts", "captions", "effort", "median ms", "90% ms"]
    headings += ["memory", "bytes a clip", "build, s", "build, processor s"]
    print_table(headings, [_row(kind, result, options.clips) for kind, result in results.items()])
    _draw(results, path.with_suffix(".png"), f"{options.clips:,} clips")
    print(path)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clips", type=int, default=10_000_000)
    parser.add_argument("--kinds", default=DEFAULT_KINDS, help=f"of {', '.join(KINDS)}")
    parser.add_argument("--prepare-only", action="store_true", help="make the vectors and the true answers")
    parser.add_argument("--work", type=Path, default=default_cache() / "vectors")
    return parser.parse_args()


def _alone(function: Callable[..., dict[str, Any]], *arguments: object) -> dict[str, Any]:
    """Call it in a new process, so that the memory of one measurement does not count in another."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def build(name: str, folder: Path) -> dict[str, Any]:
    """Build an index of one kind over the vectors in `folder`, tune it with neutral texts and store it."""
    sample = np.load(folder / "sample.npy")
    vectors = _vectors(folder, sample.shape[1])
    kind = KINDS[name]
    path = folder / f"{name}.faiss"
    began = processor_seconds()
    with timed() as building:
        axes = principal_axes(vectors)
        ann = AnnIndex.train(kind, vectors, axes)
        ann.add(vectors)
        ann.write(path)
    processor = processor_seconds() - began
    with timed() as tuning:
        tuned = tune(ann, vectors, sample, DEFAULT_RECALL)
    plan = choose(SearchSettings(kind=name), rows=len(vectors), size=vectors.shape[1], reduced=len(axes))
    return {
        "expected_recall": plan.expected_recall,
        "measured_recall": tuned.recall,
        "effort": tuned.effort,
        "planned_bytes": plan.memory,
        "file_bytes": path.stat().st_size,
        "reduced": len(axes),
        "lists": ann.lists,
        "build_seconds": building.seconds,
        "build_processor_seconds": processor,
        "tune_seconds": tuning.seconds,
    }


def measure(name: str, folder: Path, effort: int) -> dict[str, Any]:
    """Recall, time and memory of searches with a stored index."""
    queries, truth = np.load(folder / "queries.npy"), np.load(folder / "truth.npy")
    vectors = _vectors(folder, queries.shape[1])
    rows = np.arange(len(vectors))
    import_faiss()
    held = memory()
    path = folder / f"{name}.faiss"
    ann = AnnIndex.read(KINDS[name], path, rows=len(vectors), size=vectors.shape[1])
    search = VectorSearch(vectors, StoredAnnIndex(lambda: ann, effort, rows_fit=False))
    found = search.search(queries, TOP, rows)[1]
    times = query_times(lambda query: search.search(query, TOP, rows), queries)
    return {
        "recall": _recall(found, truth),
        **times,
        "memory_bytes": memory() - held,
        "curve": [_point(ann, vectors, queries, truth, effort) for effort in CURVE],
    }


def _vectors(folder: Path, size: int) -> np.ndarray:
    return np.memmap(folder / "vectors.f16", "<f2", "r").reshape(-1, size)


def _point(
    ann: AnnIndex, vectors: np.ndarray, queries: np.ndarray, truth: np.ndarray, effort: int
) -> dict[str, float]:
    def ask(asked: np.ndarray) -> np.ndarray:
        found = ann.search(asked, ann.kind.candidates, effort)
        return rank_rows(vectors, asked, found, TOP)[1]

    return {
        "effort": effort,
        "recall": _recall(ask(queries), truth),
        **query_times(ask, queries[:100]),
    }


def _recall(found: np.ndarray, truth: np.ndarray) -> float:
    pairs = zip(found.tolist(), truth.tolist(), strict=True)
    return float(np.mean([len(set(a) & set(b)) / TOP for a, b in pairs]))


def _row(kind: str, result: dict[str, Any], clips: int) -> list[object]:
    return [
        kind,
        f"{result['expected_recall']:.2f}",
        f"{result['measured_recall']:.3f}",
        f"{result['recall']:.3f}",
        result["effort"],
        f"{result['median_ms']:.2f}",
        f"{result['p90_ms']:.2f}",
        f"{result['memory_bytes'] / 1e6:,.0f} MB",
        f"{result['file_bytes'] / clips:.0f}",
        f"{result['build_seconds']:.0f}",
        f"{result['build_processor_seconds']:.0f}",
    ]


def _draw(results: dict[str, Any], path: Path, title: str) -> None:
    """Recall against time, a line for each kind."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(7, 4.5))
    for kind, result in results.items():
        curve = result["curve"]
        label = f"{kind}, {result['memory_bytes'] / 1e9:.2f} GB"
        axis.plot([p["median_ms"] for p in curve], [p["recall"] for p in curve], marker="o", label=label)
    axis.axhline(DEFAULT_RECALL, color="#999999", linewidth=0.8)
    axis.set_xscale("log")
    axis.set_xlabel("median of one query, ms")
    axis.set_ylabel("recall@10 of captions")
    axis.set_title(title)
    axis.legend()
    figure.tight_layout()
    with replacing(path) as written:
        figure.savefig(written, dpi=120)


if __name__ == "__main__":
    main()
