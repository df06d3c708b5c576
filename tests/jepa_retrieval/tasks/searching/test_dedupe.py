"""Near-duplicates: whole files that show the same, and scenes that different videos share."""

import numpy as np
import pytest

from indexes import ClipRecord, Index, MediaRecord
from jepa_retrieval.errors import UsageError
from jepa_retrieval.tasks.searching.dedupe import find_duplicates

SIZE = 32
BLACK = "black"


@pytest.fixture
def library(tmp_path):
    """Makes an index of videos, each given as the names of its windows' pictures, two seconds each."""
    random = np.random.default_rng(0)
    pictures: dict[str, np.ndarray] = {}

    def picture(name: str) -> np.ndarray:
        if name not in pictures:
            value = random.standard_normal(SIZE)
            pictures[name] = value / np.linalg.norm(value)
        again = pictures[name] + 0.02 * random.standard_normal(SIZE)  # another encoding
        return (again / np.linalg.norm(again)).astype(np.float32)

    def make(videos: dict[str, str], hashes: dict[str, str] | None = None) -> Index:
        index = Index.create(tmp_path / "index", model="m", prompt="", fingerprint="f", embedding_size=SIZE)
        with index.writer() as writer:
            for path, windows in videos.items():
                kind = "image" if path.endswith(".jpg") else "video"
                clips = [clip(kind, number, name) for number, name in enumerate(windows.split())]
                record = MediaRecord(path, 1, 1, kind=kind, content_hash=(hashes or {}).get(path, path))
                writer.put(record, clips)
        return index

    def clip(kind: str, number: int, name: str) -> ClipRecord:
        start = None if kind == "image" else 2.0 * number
        return ClipRecord(start, None if start is None else start + 2.0, picture(name))

    return make


def groups(index: Index, **options) -> list[tuple[str, list[str]]]:
    return [(g.kind, [file.path for file in g.files]) for g in find_duplicates(index, **options).groups]


def test_files_with_the_same_bytes_are_copies(library):
    index = library({"a.mp4": "x y", "b.mp4": "x y", "c.mp4": "z"}, {"a.mp4": "1", "b.mp4": "1"})
    assert groups(index) == [("copies", ["a.mp4", "b.mp4"])]


def test_another_encoding_is_a_near_duplicate(library):
    index = library({"a.mp4": "p q r s t", "b.mp4": "p q r s t", "c.mp4": "u v w"})
    report = find_duplicates(index)
    assert [(g.kind, [f.path for f in g.files]) for g in report.groups] == [("near", ["a.mp4", "b.mp4"])]
    first, second = report.groups[0].files
    assert first.similarity == 1.0
    assert 0.95 < second.similarity < 1.0
    assert report.scenes == []


def test_a_copy_that_lost_its_first_seconds_is_a_near_duplicate(library):
    index = library({"a.mp4": "o p q r s t", "b.mp4": "p q r s t"})
    assert groups(index) == [("near", ["a.mp4", "b.mp4"])]


@pytest.mark.parametrize("intro", [1, 3, 6])
def test_a_black_intro_makes_no_duplicates(library, intro):
    black = " ".join([BLACK] * intro)
    index = library({"a.mp4": f"{black} p q r s", "b.mp4": f"{black} u v w x"})
    report = find_duplicates(index)
    assert (report.groups, report.scenes) == ([], [])


def test_a_shared_scene_is_told_with_its_times(library):
    index = library({"a.mp4": "k l m p q r s", "b.mp4": "t p q r u v w"})
    report = find_duplicates(index)
    assert report.groups == []
    (scene,) = report.scenes
    assert (scene.first_path, scene.first_start, scene.first_end) == ("a.mp4", 6.0, 12.0)
    assert (scene.second_path, scene.second_start, scene.second_end) == ("b.mp4", 2.0, 8.0)


def test_photographs_are_compared_with_photographs(library):
    index = library({"a.jpg": "p", "b.jpg": "p", "c.jpg": "q", "d.mp4": "p"})
    assert groups(index) == [("near", ["a.jpg", "b.jpg"])]


def test_copies_and_near_duplicates_make_one_group(library):
    index = library(
        {"a.mp4": "p q r", "b.mp4": "p q r", "c.mp4": "p q r"}, {"a.mp4": "1", "c.mp4": "1", "b.mp4": "2"}
    )
    ((kind, paths),) = groups(index)
    assert (kind, paths) == ("near", ["a.mp4", "b.mp4", "c.mp4"])


def test_the_threshold_decides_what_is_alike(library):
    index = library({"a.jpg": "p", "b.jpg": "p"})
    assert groups(index, threshold=0.9999) == []
    with pytest.raises(UsageError, match="threshold"):
        find_duplicates(index, threshold=0.0)


def test_an_empty_index_has_no_duplicates(library):
    assert groups(library({})) == []
