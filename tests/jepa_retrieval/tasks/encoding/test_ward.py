import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import diags_array
from sklearn.cluster import AgglomerativeClustering

from jepa_retrieval.tasks.encoding.ward import ward_merges


def sklearn_labels(points: np.ndarray, **choice: float | int | None) -> np.ndarray:
    neighbour = np.ones(len(points) - 1)
    chain = diags_array([neighbour, neighbour], offsets=[-1, 1]).tocsr()
    clustering = AgglomerativeClustering(linkage="ward", connectivity=chain, compute_full_tree=True, **choice)
    labels: np.ndarray = clustering.fit(points).labels_
    return labels


def borders_of(labels: np.ndarray) -> list[int]:
    return (np.flatnonzero(np.diff(labels)) + 1).tolist()


@settings(max_examples=40)
@given(st.integers(2, 80), st.integers(0, 10_000), st.integers(1, 80))
def test_runs_are_those_of_scikit_learn(windows: int, seed: int, count: int) -> None:
    points = np.random.default_rng(seed).standard_normal((windows, 6))
    merges = ward_merges(points)
    count = min(count, windows)
    kept = merges.borders[windows - count :]
    assert sorted(kept.tolist()) == borders_of(
        sklearn_labels(points, n_clusters=count, distance_threshold=None)
    )
    threshold = float(np.median(merges.heights))
    kept = merges.borders[windows - 1 - int((merges.heights >= threshold * (1 + 1e-9)).sum()) :]
    assert sorted(kept.tolist()) == borders_of(
        sklearn_labels(points, n_clusters=None, distance_threshold=threshold * (1 + 1e-9))
    )


def test_heights_are_ward_distances() -> None:
    merges = ward_merges(np.array([[0.0], [1.0], [4.0]]))
    assert merges.borders.tolist() == [1, 2]
    # Runs of 2 and 1 points whose means are 3.5 apart.
    assert merges.heights == pytest.approx([1.0, np.sqrt(2 * 2 * 1 / 3) * 3.5])


@pytest.mark.parametrize("windows", [0, 1])
def test_nothing_to_merge(windows: int) -> None:
    assert len(ward_merges(np.zeros((windows, 3))).borders) == 0
