"""Kinds of vector index: which is chosen, what it reaches, and that its choice and its answers last."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexes import ClipRecord, Index, IndexStoreError, MediaRecord, SearchSettings
from indexes.vectors import plan as plans
from indexes.vectors import search
from indexes.vectors.kinds import EXACT, KINDS
from indexes.vectors.plan import AUTOMATIC_KINDS, choose
from indexes.vectors.reduce import principal_axes

SIZE, CLIPS, CLIPS_PER_FILE = 32, 3000, 10
APPROXIMATE = [name for name in KINDS if name != "exact"]


def made(count, seed, *, shift=0.0):
    """Unit vectors of which few directions matter, as those of real models; `shift` moves them off, as texts are."""
    basis = np.random.default_rng(0)
    directions = basis.standard_normal((8, SIZE))
    offset = shift * basis.standard_normal(SIZE)
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((count, 8)) @ directions + 0.1 * rng.standard_normal((count, SIZE)) + offset
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float16).astype(np.float32)


def put(index, vectors, first=0):
    with index.writer() as writer:
        for begin in range(0, len(vectors), CLIPS_PER_FILE):
            part = vectors[begin : begin + CLIPS_PER_FILE]
            clips = [ClipRecord(float(n), n + 1.0, vector) for n, vector in enumerate(part)]
            writer.put(MediaRecord(f"{first + begin}.mp4", first + begin, 1), clips)


def recall(index, vectors, alive, queries, where=None):
    rows = np.flatnonzero(alive)
    best = rows[np.argsort(-(queries @ vectors[rows].T), axis=1)[:, :10]]
    found = index.search(queries, k=10, where=where)
    rows_of = [{int(hit.path.removesuffix(".mp4")) + int(hit.start) for hit in hits} for hits in found]
    assert all(alive[list(rows)].all() for rows in rows_of)
    return np.mean([len(set(a) & b) / 10 for a, b in zip(best.tolist(), rows_of, strict=True)])


@pytest.fixture(scope="module")
def vectors():
    return made(CLIPS, 1)


@pytest.fixture(scope="module")
def filled(tmp_path_factory, vectors):
    folder = tmp_path_factory.mktemp("kinds") / "index"
    index = Index.create(folder, model="m", prompt="", fingerprint="f", embedding_size=SIZE)
    put(index, vectors)
    index.maintenance.save_queries(made(100, 2, shift=1.0))
    return index


@pytest.fixture
def eager(monkeypatch):
    monkeypatch.setattr(search, "MAX_ROWS_WITHOUT_FAISS", 0)
    monkeypatch.setattr(search, "MAX_NUMPY_ROWS", 20)


@pytest.fixture(scope="module", params=APPROXIMATE)
def index(request, filled):
    """The same index under each kind."""
    filled.maintenance.optimize(settings=SearchSettings(kind=request.param))
    return Index.open(filled.folder)


def test_recall_is_as_measured_for_queries_off_the_data(index, vectors, eager):
    stats = index.stats()
    assert stats.vector_kind == index.maintenance.search_settings.kind
    assert 0.9 < stats.recall_measured <= 1
    assert stats.search_memory_bytes > 0
    found = recall(index, vectors, np.ones(CLIPS, bool), made(200, 3, shift=1.0))
    assert index._reader.snapshot.vectors.load_faiss().kind == index.maintenance.search_settings.kind
    assert found > stats.recall_measured - 0.05


@pytest.mark.parametrize("most", [50, 900, 2000, 2900])
def test_filters_keep_their_answers_and_few_rows_are_exact(index, vectors, eager, most):
    found = recall(index, vectors, np.arange(CLIPS) < most, made(50, 3), where=f"size < {most}")
    assert found > 0.9 if most >= CLIPS / 2 else found == 1


@pytest.mark.parametrize("kind", ["ivf-sq8", "ivf-pq"])
def test_with_little_memory_vectors_stay_on_disk_and_lists_take_filters(
    filled, vectors, eager, monkeypatch, kind
):
    monkeypatch.setattr(search, "MAX_ROWS_SCANNED", 100)
    filled.maintenance.optimize(settings=SearchSettings(kind=kind, memory=4e5))
    for most in (50, 900, 2000, 2900):
        alive = np.arange(CLIPS) < most
        assert recall(filled, vectors, alive, made(50, 3, shift=1.0), where=f"size < {most}") > 0.9
    assert filled._reader.snapshot.vectors.load_faiss()._storage is None


@pytest.mark.parametrize("kind", ["hnsw", "ivf-sq8", "ivf-pq"])
def test_clips_come_and_go_and_the_choice_stays(tmp_path, vectors, eager, kind):
    index = Index.create(tmp_path / "i", model="m", prompt="", fingerprint="f", embedding_size=SIZE)
    put(index, vectors[:2000])
    index.maintenance.optimize(settings=SearchSettings(kind=kind))
    put(index, vectors[2000:], first=2000)
    assert index.stats().vector_kind == kind
    with index.writer() as writer:
        writer.remove([f"{first}.mp4" for first in range(0, 500, CLIPS_PER_FILE)])
    alive = np.arange(CLIPS) >= 500
    assert recall(index, vectors, alive, made(50, 4)) > 0.9
    (stored,) = (index.folder / "vectors").glob("*.faiss")
    content = bytearray(stored.read_bytes())
    content[len(content) // 2] ^= 0xFF
    stored.write_bytes(content)
    assert recall(Index.open(index.folder), vectors, alive, made(50, 4)) == 1  # exact, until it is mended
    index.maintenance.optimize()
    assert index.stats().vector_kind == kind
    assert index.verify() == []


def test_without_sample_queries_it_is_measured_between_clips_and_again_with_them(tmp_path, vectors):
    index = Index.create(tmp_path / "i", model="m", prompt="", fingerprint="f", embedding_size=SIZE)
    put(index, vectors)
    index.maintenance.optimize(settings=SearchSettings(kind="ivf-sq8"))
    before = (index.folder / "vectors" / "vectors.json").read_text()
    assert '"texts": false' in before
    index.maintenance.tune()
    assert (index.folder / "vectors" / "vectors.json").read_text() == before
    index.maintenance.save_queries(made(100, 2, shift=1.0))
    index.maintenance.tune()
    assert '"texts": true' in (index.folder / "vectors" / "vectors.json").read_text()
    assert index.verify() == []


def test_too_little_memory_is_one_clear_error(filled):
    kind = filled.stats().vector_kind
    with pytest.raises(IndexStoreError, match="more than the limit"):
        filled.maintenance.optimize(settings=SearchSettings(memory=1000))
    assert filled.stats().vector_kind == kind
    with pytest.raises(IndexStoreError, match="no kind of vector index named 'annoy'"):
        filled.maintenance.plan(SearchSettings(kind="annoy"))


def test_a_damaged_wish_is_ignored_with_a_warning(filled, caplog):
    filled.maintenance.optimize(settings=SearchSettings(memory=5e6))
    assert Index.open(filled.folder).maintenance.search_settings == SearchSettings(memory=5e6)
    (filled.folder / "search.json").write_text('{"format_version": 1, "memory": "much"}')
    assert filled.maintenance.search_settings == SearchSettings()
    assert "search.json is ignored" in caplog.text
    (filled.folder / "search.json").unlink()


def test_the_defaults():
    def name(rows, **wanted):
        return choose(SearchSettings(**wanted), rows=rows, size=512, reduced=128).kind.name

    assert name(100) == name(49_999) == "exact"
    assert name(50_000) == name(10_000_000) == AUTOMATIC_KINDS[0]
    assert name(1_000_000, recall=1.0) == "exact"
    assert name(10_000_000, memory=8e9) == AUTOMATIC_KINDS[0]
    assert name(10_000_000, memory=1.5e9) == "ivf-pq"
    assert name(40_000, memory=20e6) == "ivf-sq8"
    assert name(100, memory=1) == "exact"


@given(
    rows=st.integers(0, 10**9),
    memory=st.none() | st.floats(1, 1e12),
    recall=st.none() | st.floats(0.01, 1),
    reduced=st.integers(2, 512),
)
def test_a_choice_fits_whenever_any_kind_does(rows, memory, recall, reduced):
    wanted = SearchSettings(memory, recall)
    plan = choose(wanted, rows=rows, size=512, reduced=reduced)
    assert plan.fits == (memory is None or plan.memory <= memory)
    assert plan.expected_recall <= plan.kind.recall
    allowed = (
        [EXACT, *(KINDS[name] for name in AUTOMATIC_KINDS)] if rows >= plans.MIN_TRAINING_ROWS else [EXACT]
    )
    costs = [rows * kind.bytes_per_clip(size=512, reduced=reduced) for kind in allowed]
    assert plan.fits == (memory is None or min(costs) <= memory)
    more = choose(
        SearchSettings(None if memory is None else 2 * memory, recall), rows=rows, size=512, reduced=reduced
    )
    assert more.fits >= plan.fits


def test_principal_axes_are_orthonormal_and_keep_inner_products(vectors):
    axes = principal_axes(vectors.astype(np.float16))
    assert axes.shape == (16, SIZE)
    assert np.allclose(axes @ axes.T, np.eye(16), atol=1e-5)
    reduced = vectors @ axes.T
    assert np.abs(reduced[:100] @ reduced.T - vectors[:100] @ vectors.T).max() < 0.1
