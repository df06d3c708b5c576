"""A stored FAISS index is what its description says, or it is refused before a search could trust it."""

import faiss
import numpy as np
import pytest

from indexes.vectors.ann_index import AnnIndex
from indexes.vectors.faiss_file import read_faiss_file
from indexes.vectors.kinds import KINDS
from indexes.vectors.reduce import principal_axes

ROWS, SIZE = 300, 32
APPROXIMATE = [name for name in KINDS if name != "exact"]


@pytest.fixture(params=APPROXIMATE)
def stored(request, tmp_path):
    """A kind and a function that writes its index after a change to it."""
    kind = KINDS[request.param]
    vectors = np.random.default_rng(0).standard_normal((ROWS, SIZE)).astype(np.float16)
    index = AnnIndex.train(kind, vectors, principal_axes(vectors))
    index.add(vectors)

    def write(change=lambda _: None):
        change(index.faiss_index)
        index.write(tmp_path / "x.faiss")
        return tmp_path / "x.faiss"

    return kind, write


def test_what_was_written_is_read(stored):
    kind, write = stored
    assert read_faiss_file(write(), kind, rows=ROWS, size=SIZE).ntotal == ROWS


@pytest.mark.parametrize(
    "change",
    [
        lambda index: setattr(index, "is_trained", False),
        lambda index: setattr(index, "ntotal", ROWS + 1),
        lambda index: setattr(index, "metric_type", faiss.METRIC_L2),
        lambda index: setattr(faiss.downcast_index(index.index), "metric_type", faiss.METRIC_L2),
        lambda index: setattr(faiss.downcast_index(index.index), "ntotal", ROWS - 1),
    ],
    ids=["untrained", "rows", "metric", "inner metric", "inner rows"],
)
def test_another_state_is_refused(stored, change):
    kind, write = stored
    with pytest.raises((OSError, ValueError)):
        read_faiss_file(write(change), kind, rows=ROWS, size=SIZE)


def test_another_kind_number_of_rows_or_size_is_refused(stored):
    kind, write = stored
    path = write()
    for rows, size in ((ROWS + 1, SIZE), (ROWS, SIZE + 1), (0, SIZE)):
        with pytest.raises(ValueError, match="it holds another"):
            read_faiss_file(path, kind, rows=rows, size=size)
    other = KINDS["ivf-sq8" if not kind.has_lists else "hnsw"]
    with pytest.raises(ValueError, match="it holds another"):
        read_faiss_file(path, other, rows=ROWS, size=SIZE)


def test_a_file_of_something_else_is_refused(tmp_path):
    for content in (b"", b"IxPT", b"x" * 1000):
        (tmp_path / "x.faiss").write_bytes(content)
        with pytest.raises(OSError, match="it is no index of FAISS"):
            read_faiss_file(tmp_path / "x.faiss", KINDS["hnsw"], rows=1, size=1)
    faiss.write_index(faiss.IndexFlatIP(4), str(tmp_path / "flat.faiss"))
    with pytest.raises(ValueError, match="another type"):
        read_faiss_file(tmp_path / "flat.faiss", KINDS["hnsw"], rows=0, size=4)


@pytest.mark.parametrize("stored", [name for name in APPROXIMATE if KINDS[name].has_lists], indirect=True)
def test_row_numbers_outside_of_the_embeddings_are_refused(stored):
    kind, write = stored

    def change(index):
        lists = faiss.downcast_index(index.index).invlists
        number = next(n for n in range(lists.nlist) if lists.list_size(n))
        faiss.rev_swig_ptr(lists.get_ids(number), 1)[0] = ROWS

    with pytest.raises(ValueError, match="row number"):
        read_faiss_file(write(change), kind, rows=ROWS, size=SIZE)


@pytest.mark.parametrize("stored", [name for name in APPROXIMATE if not KINDS[name].has_lists], indirect=True)
def test_links_of_a_graph_that_lead_out_are_refused(stored):
    kind, write = stored

    def change(index):
        neighbours = faiss.downcast_index(index.index).hnsw.neighbors
        faiss.rev_swig_ptr(neighbours.data(), neighbours.size())[0] = 10**6

    with pytest.raises((OSError, ValueError)):
        read_faiss_file(write(change), kind, rows=ROWS, size=SIZE)
