"""Captions: a column that comes when it is asked for, and what becomes of it as files change."""

import pytest

from indexes import FilterError, Index, IndexFormatError, IndexStoreError, manifest


@pytest.fixture
def captioned(index, put):
    """Two files of two clips; those of a.mp4 have sentences."""
    with index.writer() as writer:
        first, second = put(writer, "a.mp4")
        put(writer, "b.mp4")
        writer.keep_captions()
        writer.caption("a.mp4", {first: "A dog runs.", second: "It's a cat."})
    return index


def test_an_index_without_captions_is_what_it_always_was(index, put):
    with index.writer() as writer:
        (clip_id,) = put(writer, "a.mp4", 1)
        with pytest.raises(IndexStoreError, match="keeps no captions"):
            writer.caption("a.mp4", {clip_id: "A dog."})
    opened = Index.open(index.folder)
    assert opened.manifest.format_version == 1
    assert not opened.keeps_captions
    assert opened.captions([clip_id]) == [None]
    with pytest.raises(FilterError, match="caption"):
        opened.search([[1.0] * 16], k=1, where="caption like '%dog%'")


def test_captions_come_back_and_can_be_filtered_by(captioned, vector):
    opened = Index.open(captioned.folder)
    assert opened.keeps_captions
    assert opened.captions([1, 0, 3]) == ["It's a cat.", "A dog runs.", None]
    assert opened.captions([]) == []
    (hits,) = opened.search(vector("b.mp4#0")[None], k=9, where="caption LIKE '%cat%'")
    assert [hit.clip_id for hit in hits] == [1]
    (without,) = opened.search(vector("b.mp4#0")[None], k=9, where="caption IS NULL")
    assert {hit.path for hit in without} == {"b.mp4"}
    with pytest.raises(FilterError, match=r"columns are .*caption"):
        opened.search(vector("a")[None], k=1, where="no_such_column = 1")
    assert opened.verify() == []


def test_files_that_are_moved_keep_their_captions_and_new_ones_have_none(captioned, put):
    with captioned.writer() as writer:
        writer.keep_captions()
        writer.move("a.mp4", "c.mp4", mtime_ns=1)
        (new,) = put(writer, "d.mp4", 1)
        put(writer, "b.mp4", salt="changed")
    assert captioned.captions([0, 1, new]) == ["A dog runs.", "It's a cat.", None]
    assert captioned.verify() == []


def test_one_caption_of_a_file_may_be_replaced(captioned):
    with captioned.writer() as writer:
        writer.caption("a.mp4", {1: "A bird flies."})
    assert captioned.captions([0, 1]) == ["A dog runs.", "A bird flies."]


def test_a_program_that_knows_no_captions_refuses_the_index(captioned, monkeypatch):
    monkeypatch.setattr(manifest, "FORMAT_VERSION", 1)
    with pytest.raises(IndexFormatError, match=r"index format 2.*upgrade"):
        Index.open(captioned.folder)


def test_a_reader_stays_with_the_index_as_it_was(index, put):
    with index.writer() as writer:
        put(writer, "a.mp4", 1)
    reader = Index.open(index.folder)
    with index.writer() as writer:
        writer.keep_captions()
        writer.caption("a.mp4", {0: "A dog."})
    assert not reader.keeps_captions
    reader.refresh()
    assert reader.captions([0]) == ["A dog."]
