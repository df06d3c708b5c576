"""What is said in clips: columns that come when they are asked for, and their full-text search."""

import json

import numpy as np
import pytest

from indexes import ClipSpeech, FilterError, Index, IndexFormatError, IndexStoreError, manifest


def said(text: str, language: str = "en", source: str = "tiny.en") -> ClipSpeech:
    words, at = text.replace("\n", " ").split(" ") if text else [], 0
    rows = []
    for number, word in enumerate(words):
        rows.append((at, number / 2, number / 2 + 0.4))
        at += len(word) + 1
    return ClipSpeech(text, np.array(rows, np.float32).reshape(-1, 3), language, source)


@pytest.fixture
def spoken(index, put):
    """Two files of two clips each, of which the first was listened to."""
    with index.writer() as writer:
        first, second = put(writer, "a.mp4")
        put(writer, "b.mp4")
        writer.keep_speech()
        writer.put_speech(
            "a.mp4", {first: said("The dogs bark\nat the café."), second: said("", source="a.srt")}
        )
    return index


def test_an_index_without_speech_is_what_it_always_was(index, put):
    with index.writer() as writer:
        (clip_id,) = put(writer, "a.mp4", 1)
        with pytest.raises(IndexStoreError, match="keeps no speech"):
            writer.put_speech("a.mp4", {clip_id: said("a dog")})
    opened = Index.open(index.folder)
    assert opened.manifest.format_version == 1 and not opened.keeps_speech
    assert "texts" not in json.loads((index.folder / "manifest.json").read_text())
    assert opened.speech([clip_id]) == [None]
    with pytest.raises(IndexStoreError, match="keeps no speech"):
        opened.search_speech("dog", k=1)
    with pytest.raises(FilterError, match="said"):
        opened.search([[1.0] * 16], k=1, where="said like '%dog%'")


def test_what_is_said_comes_back_word_by_word(spoken):
    opened = Index.open(spoken.folder)
    assert opened.keeps_speech and not opened.keeps_captions and opened.manifest.format_version == 3
    first, second, third = opened.speech([0, 1, 2])
    assert (first.text, first.language, first.source) == ("The dogs bark\nat the café.", "en", "tiny.en")
    np.testing.assert_allclose(first.times[:2], [[0, 0, 0.4], [4, 0.5, 0.9]])
    assert (second.text, second.source, len(second.times), third) == ("", "a.srt", 0, None)
    assert opened.verify() == []


@pytest.mark.parametrize(
    ("words", "phrases", "found"),
    [
        ("dog", [], [0]),  # another inflection
        ("CAFE", [], [0]),  # neither case nor accents matter
        ("", ["bark at the cafe"], [0]),  # over the end of a line
        ("", ["the bark"], []),
        ("nothing of the kind", ["dogs bark"], [0]),
        ("cat", [], []),
        ("", [], []),
        ("?!", [], []),
    ],
)
def test_words_and_phrases_are_found(spoken, words, phrases, found):
    hits = spoken.search_speech(words, phrases=phrases, k=5)
    assert [hit.clip_id for hit in hits] == found
    assert all(hit.score > 0 and hit.path == "a.mp4" for hit in hits)


def test_clips_that_were_added_later_are_found_and_deleted_ones_are_not(spoken, put):
    with spoken.writer() as writer:
        (new,) = put(writer, "c.mp4", 1)
        writer.put_speech("c.mp4", {new: said("a dog and another dog")})
        writer.commit()
        assert {hit.path for hit in Index.open(spoken.folder).search_speech("dog", k=5)} == {"a.mp4", "c.mp4"}
        writer.remove(["a.mp4"])
        writer.move("c.mp4", "d.mp4", mtime_ns=1)
    spoken.maintenance.optimize()
    spoken.refresh()
    (hit,) = spoken.search_speech("dogs", k=5)
    assert (hit.clip_id, hit.path) == (new, "d.mp4")
    assert spoken.search_speech("dogs", k=5, where="path = 'a.mp4'") == []
    assert spoken.verify() == []


def test_a_filter_chooses_before_the_search_and_may_name_what_is_said(spoken, put, vector):
    with spoken.writer() as writer:
        put(writer, "c.mp4", 1)
        writer.put_speech("c.mp4", {4: said("dog dog dog", language="de")})
    (hit,) = spoken.search_speech("dog", k=1, where="path = 'a.mp4'")
    assert hit.path == "a.mp4"
    for where, paths in (
        ("said like '%bark%'", {"a.mp4"}),
        ("language = 'de'", {"c.mp4"}),
        ("said_by = 'a.srt'", {"a.mp4"}),
        ("said is null", {"b.mp4"}),
    ):
        (hits,) = spoken.search(vector("a.mp4#0")[None], k=9, where=where)
        assert {hit.path for hit in hits} == paths
    with pytest.raises(FilterError, match=r"columns are .*said"):
        spoken.search_speech("dog", k=1, where="nothing = 1")


def test_captions_and_speech_go_together_in_either_order(new_index, put):
    for name, order in (("one", ("keep_captions", "keep_speech")), ("two", ("keep_speech", "keep_captions"))):
        index = new_index(name)
        with index.writer() as writer:
            first, _ = put(writer, "a.mp4")
            for keep in order:
                getattr(writer, keep)()
            writer.caption("a.mp4", {first: "A dog."})
            writer.put_speech("a.mp4", {first: said("good boy")})
            put(writer, "b.mp4")
        opened = Index.open(index.folder)
        assert opened.captions([first]) == ["A dog."] and opened.speech([first])[0].text == "good boy"
        assert opened.search_speech("boy", k=2)[0].clip_id == first
        assert opened.manifest.texts == tuple(keep.removeprefix("keep_") for keep in order)


def test_an_older_program_refuses_the_index(spoken, monkeypatch):
    monkeypatch.setattr(manifest, "FORMAT_VERSION", 2)
    with pytest.raises(IndexFormatError, match=r"index format 3.*upgrade"):
        Index.open(spoken.folder)


@pytest.mark.parametrize("texts", [None, "speech", ["pictures"], ["speech", "speech"], [{}], {"speech": 1}])
def test_a_manifest_with_other_texts_is_refused(spoken, texts):
    file = spoken.folder / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "texts": texts}))
    with pytest.raises(IndexFormatError, match="texts must be a list"):
        Index.open(spoken.folder)


@pytest.mark.parametrize("rows", [[[-1, 0, 1]], [[9, 0, 1]], [[2, 0, 1], [1, 1, 2]], [[0, np.nan, 1]]])
def test_times_that_are_not_those_of_the_text_are_refused(index, put, rows):
    with index.writer() as writer:
        (clip_id,) = put(writer, "a.mp4", 1)
        writer.keep_speech()
        writer.put_speech("a.mp4", {clip_id: ClipSpeech("two words", np.array(rows, np.float32), "en", "x")})
    with pytest.raises(IndexFormatError, match="times of words"):
        Index.open(index.folder).speech([clip_id])
