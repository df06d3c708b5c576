"""FAISS on one thread: its threads spin while they wait, which is slow where other tests run too."""

import faiss
import pytest


@pytest.fixture(autouse=True)
def one_thread():
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before)
