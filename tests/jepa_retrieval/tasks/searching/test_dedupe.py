"""Near-duplicates: whole files that show the same, and scenes that different videos share."""

import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexes import ClipRecord, Index, MediaRecord
from jepa_retrieval.errors import UsageError
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.tasks.searching.dedupe import find_duplicates
from tests.jepa_retrieval.tasks.searching.test_same_picture import page, scene

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

    def make(
        videos: dict[str, str],
        hashes: dict[str, str] | None = None,
        thumbnails: dict[str, Image.Image] | None = None,
    ) -> Index:
        index = Index.create(tmp_path / "index", model="m", prompt="", fingerprint="f", embedding_size=SIZE)
        with index.writer() as writer:
            for path, windows in videos.items():
                kind = "image" if path.endswith(".jpg") else "video"
                shown = None if thumbnails is None else jpeg(thumbnails[path])
                clips = [clip(kind, number, name, shown) for number, name in enumerate(windows.split())]
                record = MediaRecord(path, 1, 1, kind=kind, content_hash=(hashes or {}).get(path, path))
                writer.put(record, clips)
        return index

    def clip(kind: str, number: int, name: str, shown: bytes | None) -> ClipRecord:
        start = None if kind == "image" else 2.0 * number
        end = None if start is None else start + 2.0
        return ClipRecord(start, end, picture(name), thumbnail=shown)

    def jpeg(image: Image.Image) -> bytes:
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "JPEG")
        return buffer.getvalue()

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


def test_pages_that_mean_the_same_are_no_duplicates(library):
    names = ["a.jpg", "b.jpg", "c.jpg"]
    shown = {"a.jpg": page(1), "b.jpg": page(2), "c.jpg": page(1).resize((425, 550))}
    index = library(dict.fromkeys(names, "letter"), thumbnails=shown)
    assert groups(index) == [("near", ["a.jpg", "c.jpg"])]


def test_a_still_video_is_compared_by_its_pictures(library):
    """Where nothing changes, a row of equal windows says no more than one."""
    names = ["a.mp4", "b.mp4", "c.mp4"]
    shown = {"a.mp4": page(1), "b.mp4": page(2), "c.mp4": page(1)}
    index = library(dict.fromkeys(names, "slide slide slide"), thumbnails=shown)
    assert groups(index) == [("near", ["a.mp4", "c.mp4"])]


def test_a_video_in_which_something_changes_is_known_by_its_stream(library):
    """Another encoding has other key frames, so that the thumbnails show other moments."""
    shown = {"a.mp4": scene(1), "b.mp4": scene(2)}
    index = library(dict.fromkeys(shown, "p q r s t"), thumbnails=shown)
    assert groups(index) == [("near", ["a.mp4", "b.mp4"])]


@pytest.mark.parametrize("broken", [b"", b"no picture"])
def test_a_damaged_thumbnail_does_not_end_the_search(library, tmp_path, broken):
    index = library({"a.jpg": "p", "b.jpg": "p"})
    with index.writer() as writer:
        for path in ("a.jpg", "b.jpg"):
            clips = [ClipRecord(None, None, index.embeddings([0])[0], thumbnail=broken)]
            writer.put(MediaRecord(path, 1, 1, kind="image", content_hash=path), clips)
    index.refresh()
    assert groups(index) == [("near", ["a.jpg", "b.jpg"])]


def test_links_are_no_copies(library, tmp_path: Path):
    media = tmp_path / "media"
    media.mkdir()
    (media / "a.jpg").write_bytes(b"picture")
    (media / "link.jpg").symlink_to("a.jpg")
    os.link(media / "a.jpg", media / "other name.jpg")
    only = library(
        dict.fromkeys(["a.jpg", "link.jpg", "other name.jpg"], "p"),
        dict.fromkeys(["a.jpg", "link.jpg", "other name.jpg"], "1"),
    )
    (group,) = find_duplicates(only, media_root=MediaRoot(media)).groups
    assert group.kind == "links"
    assert [(file.path, file.link and file.link.kind) for file in group.files] == [
        ("a.jpg", None), ("link.jpg", "symbolic"), ("other name.jpg", "hard"),
    ]  # fmt: skip
    assert group.files[1].link.target == group.files[2].link.target == str(media / "a.jpg")
    shutil.rmtree(tmp_path / "index")
    shutil.copy(media / "a.jpg", media / "copy.jpg")
    paths = ["a.jpg", "copy.jpg", "gone.jpg", "link.jpg"]
    copies = library(dict.fromkeys(paths, "p"), dict.fromkeys(paths, "1"))
    (group,) = find_duplicates(copies, media_root=MediaRoot(media)).groups
    assert (group.kind, [file.path for file in group.files if file.link]) == ("copies", ["link.jpg"])
