"""FAISS on one thread: its threads spin while they wait, which is slow where other tests run too."""

import faiss
import pytest

from indexes.vectors.gpu import backend, resident


@pytest.fixture(autouse=True)
def one_thread():
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before)


class Graph:
    """CAGRA's part: a graph is made of all vectors at once. Here it compares all of them."""

    def __init__(self, size):
        self.index = faiss.IndexFlatIP(size)

    def train(self, vectors):
        self.index.add(vectors)

    def search(self, queries, count):
        return self.index.search(queries, count)


@pytest.fixture
def play_gpus(monkeypatch):
    """GPUs played by FAISS's CPU indexes, which have the same codes and methods: how many, and their free memory."""

    def play(count=1, free=float("inf")):
        def flat(size, gpu):
            return faiss.IndexScalarQuantizer(size, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)

        def copied(index, gpu):
            copy = faiss.clone_index(index)
            if hasattr(copy, "pq"):
                copy.pq.cp.niter = 1  # takes half a minute on a CPU otherwise
            return copy

        monkeypatch.setattr(
            backend, "find_gpus", lambda: [backend.Gpu(number, free) for number in range(count)]
        )
        monkeypatch.setattr(backend, "flat_index", flat)
        monkeypatch.setattr(backend, "copied_to_gpu", copied)
        monkeypatch.setattr(backend, "cagra_index", lambda size, gpu: Graph(size))
        monkeypatch.setattr(backend, "has_cagra", lambda: True)
        monkeypatch.setattr(
            backend, "search_cagra", lambda graph, queries, count: graph.search(queries, count)
        )
        monkeypatch.setattr(resident, "RESIDENT", resident.ResidentIndexes())

    return play
