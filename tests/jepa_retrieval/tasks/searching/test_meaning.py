"""What is said and written in other words than those of a query."""

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from indexes import ClipRecord, ClipSpeech, ClipWriting, Index, MediaRecord
from jepa_retrieval.libraries import Libraries
from jepa_retrieval.library import Library
from jepa_retrieval.tasks.indexing.passages import add_passages
from tests.jepa_retrieval.tasks.colour_model import ColourModel

SIZE = 64
# Texts with one of these words mean a colour, in other words.
SYNONYMS = {"crimson": "red", "azure": "blue"}
SAID = (
    "the crimson one is here",
    "now it is azure",
    *(f"nothing of interest number {n}" for n in range(12)),
)


class Meaning:
    """Colours by their other names, too; each other text in a direction of its own."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        rows = []
        for text in texts:
            words = {SYNONYMS.get(word, word) for word in text.split()}
            meant = next((name for name in ("red", "green", "blue", "yellow") if name in words), text)
            rows.append(np.random.default_rng(zlib.crc32(meant.encode())).standard_normal(SIZE))
        vectors = np.array(rows, np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def library(colour_model: ColourModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    """Of one video with sound, in which each second something is said, and a photograph on which it is written."""
    monkeypatch.setattr(ColourModel, "y_encoder", property(lambda _: Meaning()))
    monkeypatch.setattr(ColourModel, "embedding_size", SIZE)
    library = Library.create(tmp_path)
    index = library.records
    neutral = np.eye(SIZE, dtype=np.float32)[4]
    with index.writer() as writer:
        clips = writer.put(
            MediaRecord("a.mp4", 1, 1), [ClipRecord(float(n), n + 1.0, neutral) for n in range(len(SAID))]
        )
        (image,) = writer.put(MediaRecord("b.png", 1, 1, kind="image"), [ClipRecord(None, None, neutral)])
        writer.keep_speech()
        writer.keep_writing()
        spoken = {
            clip: ClipSpeech(text, times_of(text, number), "en", "a.srt")
            for number, (clip, text) in enumerate(zip(clips, SAID, strict=True))
        }
        writer.put_speech("a.mp4", spoken)
        place = np.array([[0, 0, 0.9, *[0.1, 0.1] * 4]] * 2, np.float32)
        writer.put_writing("b.png", {image: ClipWriting("the azure\ndoor", place, "reader")})
        assert add_passages(index, writer, library.model)
        assert not add_passages(index, writer, library.model)  # nothing is missing
    return Library.open(tmp_path)


def times_of(text: str, start: float) -> np.ndarray:
    words, at, rows = text.split(), 0, []
    for number, word in enumerate(words):
        rows.append((at, start + number / 10, start + number / 10 + 0.1))
        at += len(word) + 1
    return np.array(rows, np.float32)


def test_a_line_that_means_the_same_is_found_and_marked(library: Library) -> None:
    (hit,) = library.search("red", within=["said"]).hits
    assert (hit.said, hit.found_by, hit.by_meaning) == (SAID[0], ("said",), ("said",))
    assert hit.start == pytest.approx(0.0) and hit.end == pytest.approx(0.5, abs=0.01)
    assert hit.words == [("said in other words", SAID[0])] and hit.quoted.startswith("≈ ")
    (literal,) = library.search("crimson", within=["said"]).hits
    assert (literal.said, literal.by_meaning) == (SAID[0], ())


def test_writing_is_found_by_the_lines_that_stand_together(library: Library) -> None:
    (hit,) = library.search("blue", within=["written"]).hits
    assert (hit.path, hit.written, hit.by_meaning) == ("b.png", "the azure / door", ("written",))
    assert {hit.path for hit in library.search("blue", within=["said", "written"]).hits} == {"a.mp4", "b.png"}


def test_quotes_filters_and_the_least_confidence_hold(library: Library) -> None:
    assert library.search('"red"', within=["said"]).hits == []
    assert library.search("red", within=["said"], where="path = 'b.png'").hits == []
    assert library.search("red", within=["said"], min_confidence=0.95).hits == []
    assert library.search("something else", within=["said"]).hits == []  # near to many lines means nothing
    many = library.search_many(["red", "blue"], within=["said"])
    assert [[hit.said for hit in result.hits] for result in many] == [[SAID[0]], [SAID[1]]]


def test_pictures_of_one_index_damp_the_meaning_of_lines_in_another(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    pictures = Library.create(folder)
    red, other = Meaning().encode(["red", "other"])
    with pictures.records.writer() as writer:
        for number in range(12):
            far = Meaning().encode([f"picture {number}"])[0]
            shown = far if number else red + 1.9 * other
            clip = ClipRecord(None, None, (shown / np.linalg.norm(shown)).astype(np.float32))
            writer.put(MediaRecord(f"{number}.png", 1, 1, kind="image"), [clip])
    (seen,) = Library.open(folder).search("red", top=1).hits
    (said,) = library.search("red", top=1).hits
    assert said.by_meaning and seen.confidence is not None and said.confidence is not None
    assert 0.3 < seen.confidence < said.confidence
    both = Libraries.open([tmp_path, folder])
    assert both.search("red", top=1).hits[0].path == seen.path
    assert both.search("red", within=["said"]).unanswered  # one has no speech
    (alone,) = both.search("red", within=["said"]).hits
    assert alone.said == SAID[0]


def test_a_line_that_is_said_again_and_again_hides_no_other(library: Library) -> None:
    neutral = np.eye(SIZE, dtype=np.float32)[4]
    with library.records.writer() as writer:
        for path, line, count in (("c.mp4", "crimson again", 60), ("d.mp4", "a crimson thing", 1)):
            records = [ClipRecord(float(n), n + 1.0, neutral) for n in range(count)]
            clips = writer.put(MediaRecord(path, 1, 1), records)
            spoken = {
                clip: ClipSpeech(line, times_of(line, float(number)), "en", "a.srt")
                for number, clip in enumerate(clips)
            }
            writer.put_speech(path, spoken)
        add_passages(library.records, writer, library.model)
    found = Library.open(library.folder).search("red", within=["said"], per_file=True).hits
    assert {hit.path for hit in found} == {"a.mp4", "c.mp4", "d.mp4"}


def test_a_line_that_has_changed_since_is_not_found(library: Library) -> None:
    with library.records.writer() as writer:
        clips = [clip.clip_id for clip in library.records.clips_of("a.mp4")]
        writer.put_speech("a.mp4", {clips[0]: ClipSpeech("off", times_of("off", 0.0), "en", "a.srt")})
    library.records.refresh()
    assert library.search("red", within=["said"]).hits == []


def test_texts_that_the_model_does_not_know_are_left_out(library: Library) -> None:
    with library.records.writer() as writer:
        clips = [clip.clip_id for clip in library.records.clips_of("a.mp4")]
        text = "zqa zqb zqc red"
        writer.put_speech("a.mp4", {clips[0]: ClipSpeech(text, times_of(text, 0.0), None, "a.srt")})
        add_passages(library.records, writer, library.model)
    found = Index.open(library.folder).passages.search(Meaning().encode(["red"])[0], k=9, senses=["said"])
    assert all(hit.clip.clip_id != clips[0] for hit in found)
