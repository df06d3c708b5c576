"""How long does cutting a long stream take: our Ward clustering of a chain, compared with scikit-learn's?

    python -m benchmarks.speed.ward_speed [--windows 20000] [--size 512]

The stream is synthetic: scenes of 2 to 30 windows, each a random direction with some noise. Both cut it into the same
number of clips, and must find the same borders.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from scipy.sparse import diags_array
from sklearn.cluster import AgglomerativeClustering

from benchmarks.shared.common import print_table, save_result, timed
from jepa_retrieval.tasks.encoding.segment import segment

ROUNDS = 3
NOISE = 0.5  # length of what is added to a scene's direction


def main() -> None:
    """Cut with both, compare, print."""
    options = _arguments()
    stream, scenes = synthetic_stream(options.windows, options.size)
    ours, our_borders = _fastest(lambda: [run.start for run in segment(stream, count=scenes)][1:])
    theirs, their_borders = _fastest(lambda: _sklearn(stream, scenes))
    same = len(set(our_borders) & set(their_borders)) / max(1, len(our_borders))
    rows: list[list[object]] = [["jepa_retrieval", f"{ours:.2f}"], ["scikit-learn", f"{theirs:.2f}"]]
    print(f"{options.windows} windows of {options.size}, {scenes} runs; best of {ROUNDS}")
    print_table(["Ward clustering with temporal connectivity", "seconds"], rows)
    print(f"borders that both found: {100 * same:.1f}%")
    result: dict[str, object] = {"windows": options.windows, "size": options.size, "runs": scenes}
    print(
        save_result("ward_speed", {**result, "seconds": ours, "scikit-learn seconds": theirs, "same": same})
    )


def synthetic_stream(windows: int, size: int) -> tuple[np.ndarray, int]:
    """Unit vectors, float32 [W, E], and how many scenes they show."""
    random = np.random.default_rng(0)
    lengths: list[int] = []
    while sum(lengths) < windows:
        lengths.append(int(random.integers(2, 31)))
    scenes = random.standard_normal((len(lengths), size)).repeat(lengths, axis=0)[:windows]
    scenes /= np.linalg.norm(scenes, axis=1, keepdims=True)
    moved = scenes + NOISE * random.standard_normal(scenes.shape) / size**0.5
    return (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32), len(lengths)


def _sklearn(stream: np.ndarray, count: int) -> list[int]:
    neighbour = np.ones(len(stream) - 1)
    chain = diags_array([neighbour, neighbour], offsets=[-1, 1]).tocsr()
    clustering = AgglomerativeClustering(n_clusters=count, linkage="ward", connectivity=chain)
    return (np.flatnonzero(np.diff(clustering.fit(stream).labels_)) + 1).tolist()


def _fastest(cut: Callable[[], list[int]]) -> tuple[float, list[int]]:
    seconds, borders = float("inf"), []
    for _ in range(ROUNDS):
        with timed() as timer:
            borders = cut()
        seconds = min(seconds, timer.seconds)
    return seconds, borders


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--windows", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=512)
    return parser.parse_args()


if __name__ == "__main__":
    main()
