"""Search on GPUs, which FAISS's CPU indexes play here: what is uploaded when, what fits, and what comes out."""

import logging
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import faiss
import numpy as np
import pytest

from indexes import ClipRecord, Index, IndexStoreError, MediaRecord, SearchSettings
from indexes.vectors import plan, search
from indexes.vectors.exact import rank_rows
from indexes.vectors.gpu import backend, resident
from indexes.vectors.gpu.backend import Gpu
from indexes.vectors.gpu.index import GpuIndex
from indexes.vectors.gpu.kinds import GPU_KINDS, choose_gpu_kind, pq_bytes
from indexes.vectors.gpu.probes import tune_probes

pytestmark = pytest.mark.long

SIZE = 32


@pytest.fixture
def vectors():
    """Unit vectors in few directions, float16-exact."""
    rng = np.random.default_rng(0)
    found = rng.standard_normal((2000, 8)) @ rng.standard_normal((8, SIZE)) + 0.05 * rng.standard_normal(
        (2000, SIZE)
    )
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found.astype(np.float16)


@pytest.fixture
def queries(vectors):
    rng = np.random.default_rng(1)
    found = vectors[:50].astype(np.float32) + 0.1 * rng.standard_normal((50, SIZE)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.fixture
def fill(new_index, monkeypatch):
    """An index of vectors, a hundred clips a file, that searches with FAISS from the first query on."""
    monkeypatch.setattr(search, "MAX_NUMPY_ROWS", 0)
    monkeypatch.setattr(search, "MAX_ROWS_WITHOUT_FAISS", 0)

    def do(vectors, index=None, first=0, settings=None):
        index = index or new_index(embedding_size=SIZE)
        if settings is not None:
            index.maintenance.optimize(settings=settings)
        with index.writer() as writer:
            for begin in range(0, len(vectors), 100):
                part = vectors[begin : begin + 100].astype(np.float32)
                clips = [ClipRecord(float(n), n + 1.0, vector) for n, vector in enumerate(part)]
                writer.put(MediaRecord(f"{first + begin}.mp4", 1, 1), clips)
        return index

    return do


@pytest.fixture
def uploads(monkeypatch):
    """How many rows each upload brought to the GPU."""
    counts = []
    original = GpuIndex.build.__func__

    def build(cls, kind, embeddings, gpus):
        counts.append(len(embeddings))
        return original(cls, kind, embeddings, gpus)

    monkeypatch.setattr(GpuIndex, "build", classmethod(build))
    return counts


def best_scores(vectors, queries, k=10):
    return -np.sort(-(queries @ vectors.astype(np.float32).T), axis=1)[:, :k]


def scores_of(index, queries, k=10):
    return np.array([[hit.score for hit in hits] for hits in index.search(queries, k=k)])


@pytest.mark.parametrize(
    ("name", "gpus"),
    [*((name, 1) for name in GPU_KINDS), ("gpu-flat", 3), ("gpu-ivf-sq8", 3), ("gpu-cagra", 3)],
)
def test_every_kind_finds_the_best_on_one_and_several_gpus(vectors, queries, play_gpus, name, gpus):
    play_gpus()
    kind = GPU_KINDS[name]
    vectors = vectors[:400] if name == "gpu-ivf-pq" else vectors  # whose training takes long on a CPU
    index = GpuIndex.build(
        kind, vectors[: len(vectors) * 3 // 4], [Gpu(number, np.inf) for number in range(gpus)]
    )
    index.add_missing(vectors)
    assert index.rows == len(vectors)
    found = index.search(queries, 4 * kind.candidates)
    scores = rank_rows(vectors, queries, found, 10)[0]
    assert np.mean(scores >= best_scores(vectors, queries)[:, -1:] - 1e-6) > 0.95


def test_as_many_lists_are_probed_as_the_recall_needs(vectors, queries, fill, play_gpus):
    play_gpus()
    # In all directions alike, so that neighbours are spread over many lists; then in few, where one list has them.
    spread = np.random.default_rng(0).standard_normal((4000, SIZE))
    spread = (spread / np.linalg.norm(spread, axis=1, keepdims=True)).astype(np.float16)
    probes = []
    for some in (spread, np.repeat(vectors[:200], 20, axis=0)):
        index = GpuIndex.build(GPU_KINDS["gpu-ivf-flat"], some, [Gpu(0, np.inf)])
        index.set_probes(1)
        probes.append(tune_probes(index, some))
        found = rank_rows(some, queries, index.search(queries, 40), 10)[0]
        assert np.mean(found >= best_scores(some, queries)[:, -1:] - 1e-3) > 0.93
    assert probes[0] > probes[1] == 16


@pytest.mark.parametrize(
    ("free", "expected"),
    [
        (1e12, "gpu-flat"),
        (1.1e9, "gpu-flat"),
        (0.9e9, "gpu-ivf-flat"),
        (0.3e9, "gpu-ivf-sq8"),
        (0.1e9, "gpu-ivf-pq"),
        (1e7, None),
    ],
)
def test_the_kind_is_chosen_by_memory(free, expected):
    kind = choose_gpu_kind([Gpu(0, free)], rows=1_000_000, size=512, reduced=128)
    assert (kind.name if kind else None) == expected


def test_several_gpus_hold_what_one_does_not():
    one, four = [Gpu(0, 80e9)], [Gpu(number, 80e9) for number in range(4)]
    assert choose_gpu_kind(one, rows=200_000_000, size=512, reduced=128).name != "gpu-flat"
    assert choose_gpu_kind(four, rows=200_000_000, size=512, reduced=128).name == "gpu-flat"


def test_an_unknown_kind_is_named():
    with pytest.raises(IndexStoreError, match=r"gpu-hnsw.*gpu-flat, gpu-ivf-flat"):
        choose_gpu_kind([Gpu(0, 1e9)], rows=10, size=8, reduced=8, name="gpu-hnsw")


@pytest.mark.parametrize(("reduced", "expected"), [(128, 64), (112, 56), (2, 1), (1, 1), (48, 24), (512, 64)])
def test_product_quantised_codes_have_a_length_that_faiss_knows(reduced, expected):
    assert pq_bytes(reduced) == expected


def test_single_queries_upload_nothing_unless_that_is_asked(vectors, queries, fill, play_gpus, uploads):
    play_gpus()
    index = fill(vectors)
    index.search(queries[:1], k=10)
    assert uploads == []
    index.maintenance.optimize(settings=SearchSettings(device="cuda"))
    assert np.allclose(scores_of(index, queries[:1]), best_scores(vectors, queries[:1]), atol=1e-5)
    assert uploads == [2000]
    assert index._reader.snapshot.vectors.load_faiss().kind == "gpu-flat"


def test_many_queries_are_worth_an_upload_and_later_searches_use_it(
    vectors, queries, fill, play_gpus, uploads, monkeypatch
):
    play_gpus()
    monkeypatch.setattr(resident, "MIN_COMPARISONS", 50 * 2000)
    index = fill(vectors)
    for some in (queries, queries[:1], queries):
        assert np.allclose(scores_of(index, some), best_scores(vectors, some), atol=1e-5)
    assert uploads == [2000]


def test_added_files_are_uploaded_alone(vectors, queries, fill, play_gpus, uploads):
    play_gpus()
    index = fill(vectors[:1500], settings=SearchSettings(device="cuda"))
    old = Index.open(index.folder)
    scores_of(index, queries)
    scores_of(old, queries)
    fill(vectors[1500:], index=index, first=1500)
    assert np.allclose(scores_of(index, queries), best_scores(vectors, queries), atol=1e-5)
    # A reader of the commit before does not see them.
    assert np.allclose(scores_of(old, queries), best_scores(vectors[:1500], queries), atol=1e-5)
    assert uploads == [1500]


def test_removed_files_are_not_found(vectors, queries, fill, play_gpus, uploads):
    play_gpus()
    index = fill(vectors, settings=SearchSettings(device="cuda"))
    scores_of(index, queries)
    with index.writer() as writer:
        writer.remove(["0.mp4"])
    assert np.allclose(scores_of(index, queries), best_scores(vectors[100:], queries), atol=1e-5)
    assert uploads == [2000]


def test_without_memory_for_the_vectors_the_stored_index_is_copied(
    vectors, queries, fill, play_gpus, uploads, monkeypatch
):
    monkeypatch.setattr(plan, "MIN_APPROXIMATE_ROWS", 500)
    monkeypatch.setattr(plan, "AUTOMATIC_KINDS", ("ivf-sq8",))
    play_gpus(free=2000 * 25)
    index = fill(vectors, settings=SearchSettings(device="cuda"))
    found = scores_of(index, queries)
    assert index._reader.snapshot.vectors.load_faiss().kind == "gpu-ivf-sq8"
    assert uploads == []
    assert np.mean(found >= best_scores(vectors, queries)[:, -1:] - 1e-6) > 0.95


def test_too_little_memory_is_told_once_and_the_cpu_searches(vectors, queries, fill, play_gpus, caplog):
    play_gpus(free=1000)
    index = fill(vectors, settings=SearchSettings(device="cuda"))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert np.allclose(scores_of(index, queries), best_scores(vectors, queries), atol=1e-5)
    told = [record.getMessage() for record in caplog.records]
    assert told == ["searching on the CPU, because 2,000 vectors do not fit the memory of the GPU"]


@pytest.mark.parametrize("where", ["build", "search"])
def test_a_gpu_that_fails_is_told_once_and_the_cpu_searches(
    vectors, queries, fill, play_gpus, monkeypatch, caplog, where
):
    play_gpus()

    def fail(*_):
        raise RuntimeError("out of memory")

    if where == "build":
        monkeypatch.setattr(backend, "flat_index", fail)
    else:
        monkeypatch.setattr(GpuIndex, "search", fail)
    index = fill(vectors, settings=SearchSettings(device="cuda"))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert np.allclose(scores_of(index, queries), best_scores(vectors, queries), atol=1e-5)
    assert len(caplog.records) == 1
    assert "out of memory" in caplog.text


def test_device_cpu_never_looks_for_a_gpu(vectors, queries, fill, monkeypatch):
    def never():
        raise AssertionError("looked for a GPU")

    monkeypatch.setattr(backend, "find_gpus", never)
    monkeypatch.setattr(resident, "MIN_COMPARISONS", 0)
    index = fill(vectors, settings=SearchSettings(device="cpu"))
    assert np.allclose(scores_of(index, queries), best_scores(vectors, queries), atol=1e-5)


def test_threads_share_one_upload_and_wait_for_each_other(
    vectors, queries, fill, play_gpus, uploads, monkeypatch
):
    play_gpus()
    inside = []
    original = backend.flat_index

    def flat(size, gpu):
        index = original(size, gpu)
        search_ = index.search

        def guarded(*arguments):
            inside.append(1)
            assert len(inside) == 1, "two threads search on one card"
            found = search_(*arguments)
            inside.pop()
            return found

        index.search = guarded
        return index

    monkeypatch.setattr(backend, "flat_index", flat)
    index = fill(vectors, settings=SearchSettings(device="cuda"))
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: scores_of(index, queries), range(32)))
    assert all(np.allclose(scores, best_scores(vectors, queries), atol=1e-5) for scores in found)
    assert uploads == [2000]


def test_what_is_made_on_a_gpu_is_left_as_faiss_made_it(monkeypatch):
    """FAISS's objects take no attributes of ours: the real functions, with FAISS's GPU half played."""
    monkeypatch.setattr(faiss, "GpuIndexFlatIP", lambda resources, size, config: faiss.IndexFlatIP(size))
    monkeypatch.setattr(faiss, "GpuIndexFlatConfig", SimpleNamespace)
    monkeypatch.setattr(faiss, "StandardGpuResources", lambda: None)
    monkeypatch.setattr(
        faiss, "index_cpu_to_gpu", lambda resources, gpu, index, options: faiss.clone_index(index)
    )
    assert backend.flat_index(8, 0).d == 8
    assert backend.copied_to_gpu(faiss.IndexFlatIP(4), 0).d == 4


def test_this_machine_is_asked_without_an_error():
    assert all(gpu.free > 0 for gpu in backend.find_gpus())
