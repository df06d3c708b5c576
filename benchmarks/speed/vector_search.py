"""How do our index and other engines compare at equal recall@10? Text queries over synthetic vectors.

    python -m benchmarks.speed.vector_search [--clips 1000000] [--engines ours,hnswlib] [--build-only]

Each engine builds and searches in a process of its own, with as many threads as it takes by itself; queries are
asked one by one. Time is measured at the lowest setting with a recall@10 of 0.98, or at the highest where that is not
reached. Vectors and builds stay in the work folder; what was built is not built again. Needs the extra `bench` and
the shared data.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.datasets.location import REPOSITORY
from benchmarks.shared.cache import default_cache
from benchmarks.shared.common import print_table, save_result
from benchmarks.shared.real_vectors import real_vectors
from benchmarks.shared.synthetic_vectors import describe, make_vectors
from benchmarks.speed.vector_engines import ENGINES, TOP
from indexes.vectors.exact import search_rows
from jepa_retrieval.output_files import replacing

QUERIES = 500
SAMPLE = 20_000  # synthetic vectors that are compared with the real ones


def main() -> None:
    """Build what is missing, measure, print and draw."""
    options = _arguments()
    folder = options.work / f"vectors-{options.clips}"
    likeness = prepare(folder, options.clips)
    results: dict[str, Any] = {}
    for name in options.engines.split(","):
        results[name] = _run(name, folder, build_only=options.build_only)
        print(name, {key: value for key, value in results[name].items() if key != "curve"}, flush=True)
    if options.build_only:
        return
    if "ours" in results and "failed" not in results["ours"]:
        results["ours"]["changes"] = _changes(folder / "ours" / "index", folder)
    title = f"vector_search_{options.clips}"
    path = save_result(title, {"clips": options.clips, "likeness": likeness, "engines": results})
    print_table(
        ["engine", "recall@10", "median ms", "90% ms", "memory", "build, s", "build, processor s", "on disk"],
        [_row(name, result) for name, result in results.items()],
    )
    for name, value in results.get("ours", {}).get("changes", {}).items():
        print(f"ours, {name}: {value:.1f} ms")
    _draw(results, path.with_suffix(".png"), f"{options.clips:,} clips")
    print(path)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clips", type=int, default=1_000_000)
    parser.add_argument("--engines", default=",".join(ENGINES), help=f"of {', '.join(ENGINES)}")
    parser.add_argument("--build-only", action="store_true", help="measure nothing yet")
    parser.add_argument("--work", type=Path, default=default_cache() / "vectors")
    return parser.parse_args()


def prepare(folder: Path, clips: int) -> dict[str, dict[str, float]]:
    """Vectors, queries, sample queries and true answers, made once; and statistics of synthetic and real vectors."""
    described = folder / "likeness.json"
    if not described.exists():
        folder.mkdir(parents=True, exist_ok=True)
        real, captions, neutral = real_vectors()
        vectors = make_vectors(folder / "vectors.f16", real, clips)
        queries = captions[np.linspace(0, len(captions) - 1, QUERIES).astype(int)]
        np.save(folder / "queries.npy", queries)
        np.save(folder / "sample.npy", neutral)
        truth = search_rows(vectors, queries, np.arange(clips), TOP)[1]
        np.save(folder / "truth.npy", truth)
        sample = vectors[:SAMPLE].astype(np.float32)
        likeness = {"real": describe(real, queries), "made": describe(sample, queries)}
        described.write_text(json.dumps(likeness, indent=2))
    content: dict[str, dict[str, float]] = json.loads(described.read_text())
    return content


def _run(name: str, folder: Path, *, build_only: bool) -> dict[str, Any]:
    """Figures of one engine; {"failed": why} if it cannot be run."""
    size = np.load(folder / "queries.npy", mmap_mode="r").shape[1]
    place = folder / name
    place.mkdir(exist_ok=True)
    arguments = [name, str(folder / "vectors.f16"), str(place), "--size", str(size)]
    built = place / "build.json"
    try:
        python = _python_for(name, folder.parent)
        if not built.exists():
            built.write_text(json.dumps(_process(python, "build", *arguments)))
        result = json.loads(built.read_text())
        if not build_only:
            files = ["--queries", str(folder / "queries.npy"), "--truth", str(folder / "truth.npy")]
            result |= _process(python, "measure", *arguments, *files)
        return dict(result)
    except subprocess.CalledProcessError as error:
        built.unlink(missing_ok=True)
        return {"failed": ((error.stderr or "").strip().splitlines() or [str(error)])[-1]}


def _python_for(name: str, work: Path) -> Path:
    """The interpreter of this environment, or of one with the engine's own packages, made if it is not there."""
    packages = ENGINES[name].packages
    if not packages:
        return Path(sys.executable)
    python = work / f"{name}-env" / "bin" / "python"
    if not python.exists():
        venv.create(python.parents[1], with_pip=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "-q", *packages], check=True, capture_output=True, text=True
        )
    return python


def _process(python: Path, *arguments: str) -> dict[str, Any]:
    command = [str(python), "-m", "benchmarks.speed.vector_engines", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=REPOSITORY)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _changes(index_folder: Path, folder: Path) -> dict[str, float]:
    """Milliseconds that adding, removing and filtered searches take, warm."""
    from indexes import ClipRecord, Index, MediaRecord

    index = Index.open(index_folder)
    index.warm_up()
    queries = np.load(folder / "queries.npy")
    times: dict[str, float] = {}
    count = index.count_clips()
    for share in (0.001, 0.01, 0.1, 0.5, 0.9):
        where = f"size < {round(share * count)}"
        seconds = []
        for query in queries[:30]:
            began = time.perf_counter()
            index.search(query[None], k=TOP, where=where)
            seconds.append(time.perf_counter() - began)
        times[f"search, filter keeps {share:.1%}, median"] = 1000 * float(np.median(seconds))
    records = [ClipRecord(None, None, query) for query in queries[:100]]
    began = time.perf_counter()
    with index.writer() as writer:
        writer.put(MediaRecord("new.jpg", 1, 1), records)
    times["add a file of 100 clips"] = 1000 * (time.perf_counter() - began)
    began = time.perf_counter()
    index.search(queries[:1], k=TOP)
    times["first search after it"] = 1000 * (time.perf_counter() - began)
    began = time.perf_counter()
    with index.writer() as writer:
        writer.remove(["new.jpg"])
    times["remove it again"] = 1000 * (time.perf_counter() - began)
    return times


def _row(name: str, result: dict[str, Any]) -> list[object]:
    if "failed" in result:
        return [name, result["failed"][:60], *[""] * 6]
    return [
        name,
        f"{result['recall']:.3f}",
        f"{result['median_ms']:.2f}",
        f"{result['p90_ms']:.2f}",
        f"{result['memory_bytes'] / 1e6:,.0f} MB",
        f"{result['build_seconds']:.0f}",
        f"{result['build_processor_seconds']:.0f}",
        f"{result['disk_bytes'] / 1e6:,.0f} MB",
    ]


def _draw(results: dict[str, Any], path: Path, title: str) -> None:
    """Bars of time, memory and build, one engine under the other."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = {name: result for name, result in results.items() if "failed" not in result}
    figures = {
        "median of one query, ms (log)": [result["median_ms"] for result in shown.values()],
        "memory, MB": [result["memory_bytes"] / 1e6 for result in shown.values()],
        "build, processor seconds": [result["build_processor_seconds"] for result in shown.values()],
    }
    labels = [f"{name} ({result['recall']:.3f})" for name, result in shown.items()]
    figure, axes = pyplot.subplots(1, 3, figsize=(12, 0.5 * len(shown) + 1.5), sharey=True)
    for axis, (heading, values) in zip(axes, figures.items(), strict=True):
        axis.barh(labels, values, color=["#c0504d" if name == "ours" else "#7f8fa9" for name in shown])
        axis.set_title(heading, fontsize=10)
        if "log" in heading:
            axis.set_xscale("log")
    axes[0].invert_yaxis()
    figure.suptitle(f"{title}; recall@10 in brackets", fontsize=11)
    figure.tight_layout()
    with replacing(path) as written:
        figure.savefig(written, dpi=120)


if __name__ == "__main__":
    main()
