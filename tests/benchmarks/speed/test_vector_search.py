"""The comparison of vector engines: made vectors are like real ones, engines answer truly, the target is reached."""

import numpy as np
import pytest

from benchmarks.shared.synthetic_vectors import make_vectors, mix
from benchmarks.speed.vector_engines import ENGINES, TOP, build, measure
from indexes.vectors.exact import search_rows

SIZE = 16


@pytest.fixture
def real():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((400, SIZE)) * np.linspace(2, 0.2, SIZE) + rng.standard_normal(SIZE)
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_synthetic_vectors_have_the_mean_and_the_spread_of_real_ones(real):
    made = mix(real, 20_000, np.random.default_rng(1))
    assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    difference = np.linalg.norm(made.mean(axis=0) - real.mean(axis=0))
    assert difference < 0.1 * np.linalg.norm(real.mean(axis=0))
    spread, wanted = np.cov(made.T), np.cov(real.T)
    assert np.linalg.norm(spread - wanted) < 0.2 * np.linalg.norm(wanted)


def test_synthetic_vectors_are_made_once(real, tmp_path):
    first = np.array(make_vectors(tmp_path / "v.f16", real, 1000))
    assert first.shape == (1000, SIZE) and first.dtype == np.float16
    assert np.array_equal(first, make_vectors(tmp_path / "v.f16", real[::-1], 1000))


@pytest.mark.parametrize("name", ["numpy", "ours", "hnswlib", "usearch"])
def test_engines_find_what_is_nearest(real, tmp_path, name):
    if name == "hnswlib":
        pytest.importorskip("hnswlib", reason="hnswlib is a package of the extra 'bench'")
    vectors = make_vectors(tmp_path / "v.f16", real, 2000)
    np.save(tmp_path / "sample.npy", real[:20])
    queries = real[:50]
    scores, truth = search_rows(vectors, queries, np.arange(2000), TOP)
    (tmp_path / name).mkdir()
    engine = ENGINES[name](vectors, tmp_path / name)
    assert build(engine)["build_seconds"] > 0
    result = measure(engine, queries, truth, 0.98)
    assert result["recall"] >= 0.98
    assert result["recall"] == result["curve"][-1]["recall"]
    found = engine.search(queries[:1], result["effort"])[0]
    assert vectors[found[0]].astype(np.float32) @ queries[0] == pytest.approx(scores[0, 0], abs=1e-3)
