"""Vectors of what is said and written: found by meaning, kept while the texts stay, and harmless when damaged."""

import json

import numpy as np
import pytest

from indexes import Index, IndexStoreError, IndexWriteError
from indexes.records import Passage
from indexes.vectors import passages as stored
from indexes.vectors.passages import key_of


@pytest.fixture
def encode(vector):
    """Texts to the vectors that they determine; notes which texts it was asked for."""

    def do(texts):
        do.asked += texts
        return np.stack([vector(text) for text in texts])

    do.asked = []
    return do


def said(clip_id: int, *texts: str) -> list[Passage]:
    return [Passage(clip_id, "said", line, 1, text) for line, text in enumerate(texts)]


@pytest.fixture
def filled(index, put, encode):
    """Two files of two clips each, with three different texts, one of which is in two clips."""
    with index.writer() as writer:
        put(writer, "a.mp4")
        put(writer, "b.mp4")
        passages = [*said(0, "one", "two"), *said(2, "one"), Passage(3, "written", 1, 2, "three")]
        assert index.passages.store(writer, passages, encode)
    return index


def find(index, vector, text, **options):
    hits = index.passages.search(vector(text), **{"k": 9, "senses": ["said", "written"], **options})
    return [(hit.clip.clip_id, hit.sense, hit.first_line) for hit in hits if hit.key == key_of(text)]


def test_passages_are_found_with_their_places(filled, vector, encode):
    assert encode.asked == ["one", "two", "three"]
    opened = Index.open(filled.folder)
    assert opened.passages.are_complete and opened.passages.count() == 3
    assert find(opened, vector, "one") == [(0, "said", 0), (2, "said", 0)]
    (hit, *_) = opened.passages.search(vector("three"), k=2, senses=["written"])
    assert (hit.clip.path, hit.first_line, hit.lines) == ("b.mp4", 1, 2)
    assert hit.clip.score == pytest.approx(1, abs=1e-3)
    assert opened.passages.sample(2).shape == (2, 16)
    assert opened.verify() == []


def test_senses_filters_and_the_number_of_hits_hold(filled, vector):
    assert find(filled, vector, "one", senses=["written"]) == []
    assert find(filled, vector, "one", where="path = 'b.mp4'") == [(2, "said", 0)]
    assert len(filled.passages.search(vector("one"), k=1, senses=["said"])) == 1
    assert filled.passages.search(vector("one"), k=5, senses=["said"], where="path = 'c.mp4'") == []
    with pytest.raises(IndexStoreError, match="shape"):
        filled.passages.search(np.zeros(3, np.float32), k=1, senses=["said"])


def test_a_text_counts_once_in_a_clip_and_hides_no_other(index, put, vector, encode):
    with index.writer() as writer:
        put(writer, "a.mp4")
        put(writer, "b.mp4")
        again = [passage for clip in (0, 1, 2) for passage in said(clip, *["one"] * 60)]
        index.passages.store(writer, [*again, *said(3, "one")], encode)
    assert find(index, vector, "one") == [(clip, "said", 0) for clip in range(4)]
    assert find(index, vector, "one", per_text=2) == [(0, "said", 0), (1, "said", 0)]
    assert find(index, vector, "one", k=3) == [(clip, "said", 0) for clip in range(3)]


def test_texts_that_stay_are_not_encoded_again_and_others_are_forgotten(filled, put, vector, encode):
    commit = filled.manifest.commit.number
    with filled.writer() as writer:
        assert not filled.passages.store(
            writer, [*said(0, "one", "two"), *said(2, "one"), Passage(3, "written", 1, 2, "three")], encode
        )
    assert filled.manifest.commit.number == commit
    with filled.writer() as writer:
        writer.remove(["b.mp4"])
        (new, _) = put(writer, "c.mp4")
        assert filled.passages.store(writer, [*said(0, "two"), *said(new, "four", "two")], encode)
    assert encode.asked == ["one", "two", "three", "four"]
    assert find(filled, vector, "one") == [] and find(filled, vector, "four") == [(new, "said", 0)]
    assert find(filled, vector, "two") == [(0, "said", 0), (new, "said", 1)]
    assert filled.passages.are_complete and filled.passages.count() == 2 and filled.verify() == []


def test_a_reader_that_is_open_takes_them_up_with_the_next_commit(index, put, vector, encode):
    with index.writer() as writer:
        put(writer, "a.mp4")
    reader = Index.open(index.folder)
    assert find(reader, vector, "one") == [] and not reader.passages.are_complete
    with index.writer() as writer:
        index.passages.store(writer, said(0, "one"), encode)
    assert reader.refresh() and find(reader, vector, "one") == [(0, "said", 0)]


def test_zeros_are_stored_and_never_found(index, put, vector):
    with index.writer() as writer:
        put(writer, "a.mp4")
        index.passages.store(writer, said(0, "?"), lambda texts: np.zeros((len(texts), 16), np.float32))
    assert index.passages.search(vector("one"), k=5, senses=["said"]) == []
    assert len(index.passages.sample(5)) == 0


def test_a_run_that_ends_early_keeps_what_it_encoded(filled, vector, encode, monkeypatch):
    monkeypatch.setattr(stored, "_BATCH", 1)
    monkeypatch.setattr(stored, "_SAVED_AFTER", 1)

    def fails_later(texts):
        if "six" in texts:
            raise KeyboardInterrupt
        return encode(texts)

    with pytest.raises(KeyboardInterrupt), filled.writer() as writer:
        filled.passages.store(writer, said(0, "five", "six"), fails_later)
    filled.refresh()
    assert not filled.passages.are_complete and find(filled, vector, "one")
    encode.asked.clear()
    with filled.writer() as writer:
        filled.passages.store(writer, said(0, "five", "six"), encode)
    assert encode.asked == ["six"] and filled.passages.are_complete and filled.verify() == []


@pytest.mark.parametrize("name", ["passages-*.f16", "places-*.bin", "passages.json"])
def test_damaged_files_are_named_and_made_again(filled, vector, encode, name):
    (path,) = (filled.folder / "vectors").glob(name)
    path.write_bytes(path.read_bytes()[:-20] + b"x" * 20)
    opened = Index.open(filled.folder)
    assert opened.passages.search(vector("one"), k=5, senses=["said"]) == []
    (problem,) = opened.verify()
    assert problem.what == "missing or damaged vectors of words" and "jepa index" in problem.remedy
    assert not opened.passages.are_complete  # so that `jepa index` makes them again
    with opened.writer() as writer:
        opened.passages.store(writer, said(0, "one"), encode)
    assert find(opened, vector, "one") == [(0, "said", 0)] and opened.verify() == []
    assert len(list((filled.folder / "vectors").glob("places-*"))) == 1


def test_a_table_that_points_outside_is_refused(filled, vector):
    (path,) = (filled.folder / "vectors").glob("places-*.bin")
    places = np.frombuffer(path.read_bytes(), stored.PLACE_DTYPE).copy()
    places["row"][-1] = 99
    path.write_bytes(places.tobytes())
    description = filled.folder / "vectors" / "passages.json"
    content = json.loads(description.read_text())
    import zlib

    content["places"]["crc32"] = zlib.crc32(places.tobytes())
    description.write_text(json.dumps(content))
    opened = Index.open(filled.folder)
    assert opened.passages.search(vector("one"), k=5, senses=["said"]) == []
    assert "out of range" in opened.verify()[0].detail


def test_they_survive_optimize_and_a_deleted_folder_of_vectors_costs_only_them(filled, vector):
    filled.maintenance.optimize()
    assert find(filled, vector, "one")
    for path in (filled.folder / "vectors").iterdir():
        path.unlink()
    opened = Index.open(filled.folder)
    assert find(opened, vector, "one") == [] and not opened.passages.are_complete


def test_a_folder_that_cannot_be_written_is_one_error(filled, encode, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with filled.writer() as writer:
        monkeypatch.setattr("indexes.vectors.files.append_rows", full)
        with pytest.raises(IndexWriteError, match="No space"):
            filled.passages.store(writer, said(0, "new"), encode)
        monkeypatch.undo()
    assert filled.verify() == []
