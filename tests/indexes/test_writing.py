"""What is written in clips: columns that come when they are asked for, beside those for speech."""

import json

import numpy as np
import pytest

from indexes import ClipSpeech, ClipWriting, Index, IndexFormatError, IndexStoreError, manifest

CORNERS = (0.1, 0.1, 0.5, 0.1, 0.5, 0.2, 0.1, 0.2)


def written(text: str, source: str = "reader") -> ClipWriting:
    lines = text.split("\n") if text else []
    rows = [(number, number + 1, 0.9, *CORNERS) for number, _ in enumerate(lines)]
    return ClipWriting(text, np.array(rows, np.float32).reshape(-1, 11), source)


@pytest.fixture
def signs(index, put):
    """Two files of two clips each, of which the first was read."""
    with index.writer() as writer:
        first, second = put(writer, "a.mp4")
        put(writer, "b.mp4")
        writer.keep_writing()
        writer.put_writing("a.mp4", {first: written("Harbour Café\nopen"), second: written("")})
    return index


def test_what_is_written_comes_back_line_by_line(signs):
    opened = Index.open(signs.folder)
    assert opened.keeps_writing and not opened.keeps_speech and opened.manifest.format_version == 4
    first, second, third = opened.writing([0, 1, 2])
    assert (first.text, first.source, first.places.shape) == ("Harbour Café\nopen", "reader", (2, 11))
    np.testing.assert_allclose(first.places[1], (1, 2, 0.9, *CORNERS), rtol=1e-6)
    assert (second.text, len(second.places), third) == ("", 0, None)
    assert opened.verify() == []


def test_words_phrases_and_filters_find_it(signs, vector):
    assert [hit.clip_id for hit in signs.search_writing("cafes", k=5)] == [0]
    assert [hit.clip_id for hit in signs.search_writing("", phrases=["cafe open"], k=5)] == [0]
    assert signs.search_writing("", phrases=["open cafe"], k=5) == []
    assert signs.search_writing("cafe", k=5, where="path = 'b.mp4'") == []
    (hits,) = signs.search(vector("a.mp4#0")[None], k=9, where="written like '%Harbour%'")
    assert [hit.clip_id for hit in hits] == [0]


def test_speech_and_writing_are_searched_apart_also_after_later_commits(signs, put):
    with signs.writer() as writer:
        writer.keep_speech()
        times = np.array([[0, 0, 1]], np.float32)
        writer.put_speech("a.mp4", {1: ClipSpeech("lighthouse", times, "en", "x")})
        (new,) = put(writer, "c.mp4", 1)
        writer.put_writing("c.mp4", {new: written("Lighthouse")})
    for index in (signs, Index.open(signs.folder)):
        assert [hit.clip_id for hit in index.search_speech("lighthouse", k=5)] == [1]
        assert [hit.clip_id for hit in index.search_writing("lighthouse", k=5)] == [new]
    signs.maintenance.optimize()
    signs.refresh()
    assert [hit.clip_id for hit in signs.search_writing("lighthouse", k=5)] == [new]
    assert signs.manifest.texts == ("writing", "speech") and signs.verify() == []


def test_an_index_without_writing_stays_in_its_format(index, put):
    with index.writer() as writer:
        (clip_id,) = put(writer, "a.mp4", 1)
        writer.keep_speech()
        with pytest.raises(IndexStoreError, match="keeps no writing"):
            writer.put_writing("a.mp4", {clip_id: written("a")})
    opened = Index.open(index.folder)
    assert opened.manifest.format_version == 3 and opened.writing([clip_id]) == [None]
    with pytest.raises(IndexStoreError, match="keeps no writing"):
        opened.search_writing("a", k=1)


def test_an_older_program_refuses_the_index(signs, monkeypatch):
    monkeypatch.setattr(manifest, "FORMAT_VERSION", 3)
    with pytest.raises(IndexFormatError, match=r"index format 4.*upgrade"):
        Index.open(signs.folder)


def test_writing_in_the_manifest_of_an_older_format_is_refused(signs):
    file = signs.folder / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format_version": 3}))
    with pytest.raises(IndexFormatError, match="texts must be a list"):
        Index.open(signs.folder)


@pytest.mark.parametrize("places", [np.zeros((1, 11)), np.full((2, 11), np.nan)])
def test_places_that_are_not_those_of_the_lines_are_refused(index, put, places):
    with index.writer() as writer:
        (clip_id,) = put(writer, "a.mp4", 1)
        writer.keep_writing()
        writer.put_writing("a.mp4", {clip_id: ClipWriting("two\nlines", places.astype(np.float32), "x")})
    with pytest.raises(IndexFormatError, match="places of lines"):
        Index.open(index.folder).writing([clip_id])
