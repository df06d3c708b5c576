"""Vector search: what is found equals a search by brute force, whatever the way it was found."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexes import ClipRecord, Index, MediaRecord
from indexes.vectors import kinds, plan, search
from indexes.vectors.gpu import resident

SIZE = 24
CLIPS_PER_FILE = 10


@pytest.fixture
def clustered():
    """Unit vectors around 40 centres, float16-exact, and queries near some of them."""

    def make(count, seed=0):
        rng = np.random.default_rng(seed)
        centres = rng.standard_normal((40, SIZE))
        vectors = 0.8 * centres[rng.integers(0, 40, count)] + 0.6 * rng.standard_normal((count, SIZE))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors.astype(np.float16).astype(np.float32)

    return make


@pytest.fixture
def fill(new_index):
    """An index of the given vectors: ten clips a file, files named by the first clip's number, size by number."""

    def do(vectors, index=None, first=0):
        index = index or new_index(embedding_size=SIZE)
        with index.writer() as writer:
            for begin in range(0, len(vectors), CLIPS_PER_FILE):
                part = vectors[begin : begin + CLIPS_PER_FILE]
                clips = [ClipRecord(float(n), n + 1.0, vector) for n, vector in enumerate(part)]
                writer.put(MediaRecord(f"{first + begin}.mp4", first + begin, 1), clips)
        return index

    return do


@pytest.fixture(params=["numpy", "faiss", "gpu", "hnsw", "ivf-sq8", "ivf-pq"])
def way(request, monkeypatch, play_gpus):
    """Force one way to search on a small index; the GPU is played by FAISS's own CPU index."""
    eager = request.param != "numpy"
    monkeypatch.setattr(search, "MAX_NUMPY_ROWS", 0 if eager else 10**9)
    monkeypatch.setattr(search, "MAX_ROWS_WITHOUT_FAISS", 0)
    approximate = request.param not in ("numpy", "faiss", "gpu")
    monkeypatch.setattr(plan, "MIN_APPROXIMATE_ROWS", 500 if approximate else 10**9)
    if approximate:
        # Over so few vectors the whole ann index is searched, so that its answers are exact.
        monkeypatch.setattr(plan, "MIN_TRAINING_ROWS", 500)
        monkeypatch.setattr(plan, "AUTOMATIC_KINDS", (request.param,))
        monkeypatch.setattr(kinds, "EFFORTS", (1024,))
    if request.param == "gpu":
        play_gpus()
        monkeypatch.setattr(resident, "MIN_COMPARISONS", 0)
    return request.param


def brute_force(vectors, alive, queries, k):
    """Scores [Q, k] of the best among the rows that are alive."""
    return -np.sort(-(queries @ vectors[alive].T), axis=1)[:, :k]


def check(index, vectors, alive, queries, k, where=None):
    found = index.search(queries, k=k, where=where)
    scores = np.array([[hit.score for hit in hits] for hits in found])
    assert np.allclose(scores, brute_force(vectors, alive, queries, k), atol=1e-5)
    for hits, query in zip(found, queries, strict=True):
        for hit in hits:
            row = int(hit.path.removesuffix(".mp4")) + int(hit.start)
            assert alive[row]
            assert hit.score == pytest.approx(vectors[row] @ query, abs=1e-5)


def test_search_equals_brute_force(fill, clustered, way):
    vectors = clustered(1000)
    index = fill(vectors)
    queries = clustered(8, seed=1)
    everything = np.ones(1000, bool)
    for k in (1, 10, 300):
        check(index, vectors, everything, queries, k)
    assert len(index.search(queries[:1], k=5000)[0]) == 1000
    assert (index._reader.snapshot.vectors._faiss is None) == (way == "numpy")


@pytest.mark.parametrize("most", [10, 100, 450, 600, 990])
def test_filters_of_any_selectivity_equal_brute_force(fill, clustered, way, most):
    vectors = clustered(1000)
    index = fill(vectors)
    check(index, vectors, np.arange(1000) < most, clustered(8, seed=1), 10, where=f"size < {most}")


def test_any_filter_and_any_number_of_hits_equal_brute_force(fill, clustered, way):
    vectors = clustered(600)
    index = fill(vectors)
    files = range(0, 600, CLIPS_PER_FILE)

    @settings(max_examples=30)
    @given(
        kept=st.sets(st.sampled_from(files), min_size=1),
        first=st.integers(0, CLIPS_PER_FILE - 1),
        k=st.integers(1, 40),
        seed=st.integers(0, 100),
    )
    def holds(kept, first, k, seed):
        where = f"size in ({','.join(map(str, sorted(kept)))}) and start >= {first}"
        rows = np.arange(600)
        alive = np.isin(rows // CLIPS_PER_FILE * CLIPS_PER_FILE, list(kept)) & (
            rows % CLIPS_PER_FILE >= first
        )
        check(index, vectors, alive, clustered(2, seed=seed), min(k, int(alive.sum())), where=where)

    holds()


def test_rows_after_the_files_and_deleted_rows(fill, clustered, way):
    vectors = clustered(1100)
    index = fill(vectors[:1000])
    alive = np.ones(1100, bool)
    alive[:100] = alive[500:520] = False
    with index.writer() as writer:
        writer.remove([f"{first}.mp4" for first in [*range(0, 100, 10), 500, 510]])
    queries = clustered(8, seed=1)
    check(index, vectors[:1000], alive[:1000], queries, 10)
    fill(vectors[1000:], index, first=1000)
    check(index, vectors, alive, queries, 10)
    check(index, vectors, alive & (np.arange(1100) >= 900), queries, 10, where="size >= 900")
    # A killed writer leaves commits that the files do not have.
    writer = index.writer()
    writer.remove(["1050.mp4"])
    writer.commit()
    writer._lock.release()
    index.refresh()
    alive[1050:1060] = False
    check(index, vectors, alive, queries, 10)


def test_a_query_whose_whole_neighbourhood_was_deleted(fill, new_index, way):
    """The nearest 600 of 2,000 vectors are gone, more than a graph search would look at."""
    rng = np.random.default_rng(0)
    near = np.eye(1, SIZE) + 0.05 * rng.standard_normal((600, SIZE))
    vectors = np.concatenate([near, rng.standard_normal((1400, SIZE))])
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)
    alive = np.arange(2000) >= 400
    index = fill(vectors)
    with index.writer() as writer:
        writer.remove([f"{first}.mp4" for first in range(0, 400, 10)])
    query = np.eye(1, SIZE, dtype=np.float32)
    check(index, vectors, alive, query, 10)
    check(index, vectors, np.arange(2000) >= 600, query, 10, where="size >= 600")


def test_the_fast_index_grows_only_when_a_tenth_is_missing(fill, clustered, monkeypatch):
    monkeypatch.setattr(plan, "MIN_APPROXIMATE_ROWS", 500)
    index = fill(clustered(1000))
    (ann,) = (index.folder / "vectors").glob("*.faiss")
    fill(clustered(50, seed=1), index, first=1000)
    assert ann.exists()
    fill(clustered(100, seed=2), index, first=2000)
    assert not ann.exists()
    assert len(list((index.folder / "vectors").glob("*.faiss"))) == 1


def test_the_files_shrink_when_a_quarter_was_deleted(fill, clustered):
    index = fill(clustered(400))
    with index.writer() as writer:
        writer.remove([f"{first}.mp4" for first in range(0, 200, 10)])
    (embeddings,) = (index.folder / "vectors").glob("embeddings-*")
    assert embeddings.stat().st_size == 200 * SIZE * 2


def test_faiss_is_not_loaded_for_one_query_of_a_small_index(fill, clustered):
    index = fill(clustered(100))
    code = (
        "import sys, numpy as np; from indexes import Index; index = Index.open(sys.argv[1]); "
        f"assert len(index.search(np.ones((1, {SIZE}), np.float32), k=3)[0]) == 3; "
        "print(sorted({'faiss', 'lance', 'pyarrow', 'pandas', 'torch', 'filelock'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(index.folder)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_warm_up_loads_faiss(fill, clustered):
    index = fill(clustered(100))
    index.warm_up()
    assert index._reader.snapshot.vectors._faiss is not None


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of an index of 600 clips with a graph, and their vectors."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((600, SIZE))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16).astype(np.float32)
    folder = tmp_path_factory.mktemp("built") / "index"
    index = Index.create(folder, model="m", prompt="", fingerprint="f", embedding_size=SIZE)
    with pytest.MonkeyPatch.context() as patch, index.writer() as writer:
        patch.setattr(plan, "MIN_APPROXIMATE_ROWS", 500)
        patch.setattr(plan, "MIN_TRAINING_ROWS", 500)
        for row, vector in enumerate(vectors):
            writer.put(MediaRecord(f"{row}.mp4", row, 1), [ClipRecord(0.0, 1.0, vector)])
        writer.build_vectors()
    return folder, vectors


@pytest.mark.parametrize("part", ["embeddings-*", "hits-*", "paths-*", "*.faiss", "vectors.json"])
@pytest.mark.parametrize("damage", ["removed", "cut short", "overwritten"])
def test_damaged_files_cost_time_but_never_an_answer(built, tmp_path, clustered, monkeypatch, part, damage):
    monkeypatch.setattr(plan, "MIN_APPROXIMATE_ROWS", 500)
    monkeypatch.setattr(plan, "MIN_TRAINING_ROWS", 500)
    monkeypatch.setattr(search, "MAX_ROWS_WITHOUT_FAISS", 0)
    folder, vectors = built
    shutil.copytree(folder, tmp_path / "index")
    index = Index.open(tmp_path / "index")
    assert index.verify() == []
    (path,) = (index.folder / "vectors").glob(part)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    if damage == "removed":
        path.unlink()
    elif damage == "cut short":
        path.write_bytes(content[:middle])
    else:
        content[middle : middle + 40] = b"\xa7" * len(content[middle : middle + 40])
        path.write_bytes(content)
    everything = np.ones(600, bool)
    queries = clustered(4, seed=1)
    check(Index.open(index.folder), vectors, everything, queries, 10)
    (problem,) = index.verify()
    assert problem.what == "missing or damaged vector index"
    index.maintenance.build_vectors()
    assert index.verify() == []
    check(index, vectors, everything, queries, 10)


def test_the_next_writer_mends_files_that_are_gone(fill, clustered):
    index = fill(clustered(100))
    for path in (index.folder / "vectors").iterdir():
        path.unlink()
    with index.writer():
        pass
    assert index.verify() == []


def test_clips_of_many_batches_keep_their_own_vectors(index):
    """The tables hand out a few thousand clips at a time; removed and added ones lie between the others."""
    random = np.random.default_rng(5)
    vectors = random.standard_normal((21_000, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    def put_file(writer, number):
        part = vectors[1000 * number : 1000 * (number + 1)]
        writer.put(MediaRecord(f"{number}.jpg", 1, 1), [ClipRecord(None, None, v) for v in part])

    with index.writer() as writer:
        for number in range(20):
            put_file(writer, number)
    with index.writer() as writer:
        writer.remove(["3.jpg"])
        put_file(writer, 7)
        put_file(writer, 20)
    assert index.verify() == []
    for number in (0, 7, 12, 20):
        query = vectors[1000 * number + 501]
        best = index.search(query[None], k=1)[0][0]
        assert (best.path, round(best.score, 2)) == (f"{number}.jpg", 1.0)
