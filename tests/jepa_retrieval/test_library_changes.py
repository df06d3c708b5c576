"""A library and the files that come, change, move and go, through the Python door, with nano on real media."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from indexes import ClipRecord, IndexNotFoundError, IndexWriteError, arrays
from jepa_retrieval.errors import UsageError
from jepa_retrieval.library import ImageQuery, Library, find_index
from tests.real_media import copy_media, photograph

pytestmark = pytest.mark.long


def paths_of(library: Library, query: object, **options: object) -> list[str]:
    return [hit.path for hit in library.search(query, **options).hits]


@pytest.fixture
def small_library(tmp_path: Path) -> Library:
    shutil.copy(photograph("chelsea.png"), tmp_path / "cat.png")
    shutil.copy(photograph("coffee.png"), tmp_path / "coffee.png")
    made = Library.create(tmp_path)
    made.index()
    return made


def failures(library: Library) -> dict[str, str | None]:
    known = library.records.known_files()
    return {path: record.error for path, record in known.items() if record.state == "failed"}


def test_copies_of_a_file_are_found(small_library: Library) -> None:
    folder = small_library.folder.parent
    shutil.copy(folder / "cat.png", folder / "again.png")
    small_library.index()
    (group,) = small_library.duplicates().groups
    assert (group.kind, [file.path for file in group.files]) == ("copies", ["again.png", "cat.png"])


def test_verify_tells_of_media_that_are_gone_and_of_embeddings_of_another_model(
    small_library: Library,
) -> None:
    assert small_library.verify() == []
    folder = small_library.folder.parent
    (folder / "coffee.png").unlink()
    assert [problem.what for problem in small_library.verify()] == ["orphaned records"]
    small_library.index()
    (clip,) = small_library.records.all_clips()
    rows = small_library.records.clips([clip.clip_id])
    other = np.random.default_rng(0).standard_normal(small_library.model.embedding_size)
    record = small_library.records.known_files()["cat.png"]
    with small_library.records.writer() as writer:
        foreign = ClipRecord(
            None, None, (other / np.linalg.norm(other)).astype(np.float32), tokens=arrays.tokens(rows)[0]
        )
        writer.put(record, [foreign])
    (problem,) = small_library.verify()
    assert problem.what == "mixed fingerprints"
    assert "cat.png" in problem.detail
    assert "--rebuild" in problem.remedy


def test_second_run_changes_nothing(small_library: Library) -> None:
    report = small_library.index()
    assert (report.indexed, report.unchanged, report.removed, report.moved) == (0, 2, 0, 0)


def test_new_changed_moved_and_deleted_files(small_library: Library) -> None:
    folder = small_library.folder.parent
    shutil.copy(photograph("rocket.jpg"), folder / "rocket.jpg")
    (folder / "cat.png").rename(folder / "kitten.png")
    before = small_library.search(ImageQuery(photograph("chelsea.png"))).hits[0]
    report = small_library.index()
    assert (report.indexed, report.unchanged, report.moved, report.removed) == (1, 1, 1, 0)
    moved = small_library.search(ImageQuery(photograph("chelsea.png"))).hits[0]
    assert (before.path, moved.path) == ("cat.png", "kitten.png")

    shutil.copy(photograph("astronaut.png"), folder / "coffee.png")
    (folder / "rocket.jpg").unlink()
    report = small_library.index()
    assert (report.indexed, report.unchanged, report.removed) == (1, 1, 1)
    assert paths_of(small_library, ImageQuery(photograph("astronaut.png")))[0] == "coffee.png"
    assert sorted(paths_of(small_library, "anything")) == ["coffee.png", "kitten.png"]


def test_a_library_folder_that_moves_is_found_in_its_new_place(
    small_library: Library, tmp_path: Path
) -> None:
    moved = tmp_path.with_name(tmp_path.name + " moved")
    tmp_path.rename(moved)
    library = Library.open(moved)
    hit = library.search("a cat").hits[0]
    assert library.resolve(hit.path) == moved / "cat.png"
    assert library.index().unchanged == 2
    moved.rename(tmp_path)


def test_dry_run_plans_and_does_nothing(small_library: Library) -> None:
    shutil.copy(photograph("rocket.jpg"), small_library.folder.parent / "rocket.jpg")
    report = small_library.index(dry_run=True)
    assert list(report.planned.embed) == ["rocket.jpg"]
    assert len(small_library.records.known_files()) == 2


def test_rebuild_keeps_what_was_indexed(small_library: Library) -> None:
    before = small_library.search("a cat").hits[0]
    report = small_library.index(rebuild=True, keep_tokens=False)
    assert (report.indexed, report.failed) == (2, [])
    after = small_library.search("a cat").hits[0]
    assert after.path == before.path
    assert after.score == pytest.approx(before.score, abs=1e-3)
    assert Library.open(small_library.folder).search("a cat").hits[0].path == before.path


def test_tokens_are_kept_unless_switched_off(tmp_path: Path) -> None:
    shutil.copy(photograph("chelsea.png"), tmp_path / "cat.png")
    clip_ids = []
    for keep, name in ((True, "with"), (False, "without")):
        library = Library.create(tmp_path, index=tmp_path / name)
        library.index(keep_tokens=keep)
        clip_ids.append(library.search("a cat").hits[0].clip_id)
        tokens = library.records.clips([clip_ids[-1]], columns=["tokens"])["tokens"][0].as_py()
        assert (tokens is not None) == keep


def test_remove_forgets_files_and_folders(tmp_path: Path) -> None:
    copy_media(tmp_path)
    library = Library.create(tmp_path)
    library.index([tmp_path / "photos"])
    assert library.remove([tmp_path / "photos" / "rocket.jpg"]) == 1
    assert library.remove([tmp_path / "photos"]) == 3
    assert library.search("a cat").hits == []
    assert (tmp_path / "photos" / "rocket.jpg").is_file()


def test_names_of_any_kind_are_searchable(tmp_path: Path) -> None:
    names = [
        b"two  spaces.png",
        b"quo'te\".png",
        b"new\nline.png",
        "emoji 🎬.png".encode(),
        b"latin \xe9.png",
    ]
    for name in names:
        shutil.copy(photograph("chelsea.png"), os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    library = Library.create(tmp_path)
    report = library.index()
    assert (report.indexed, report.failed) == (len(names), [])
    found = {os.fsencode(library.resolve(path).name) for path in paths_of(library, "a cat")}
    assert found == set(names)
    assert library.index().unchanged == len(names)


def test_bad_files_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    shutil.copy(photograph("chelsea.png"), tmp_path / "cat.png")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("this is no video\n" * 100)
    (tmp_path / "truncated.png").write_bytes(photograph("coffee.png").read_bytes()[:3000])
    library = Library.create(tmp_path)
    report = library.index()
    assert report.indexed == 1
    assert sorted(failure.path for failure in report.failed) == ["empty.mp4", "text.mp4", "truncated.png"]
    assert all(failure.error and "\n" not in failure.error for failure in report.failed)
    assert sorted(f.path for f in library.failures()) == ["empty.mp4", "text.mp4", "truncated.png"]
    assert paths_of(library, "a cat") == ["cat.png"]
    again = library.index()
    assert (again.unchanged, again.failed_before, again.failed) == (1, 3, [])
    assert len(library.index(retry_failed=True).failed) == 3


def test_missing_paths_are_named(small_library: Library, tmp_path: Path) -> None:
    report = small_library.index([tmp_path / "cat.png", tmp_path / "not there.mp4"])
    assert [failure.error for failure in report.failed] == ["no such file or folder"]
    with pytest.raises(UsageError, match=r"not there\.mp4"):
        small_library.index([tmp_path / "not there.mp4"])


def test_find_index_looks_upwards(small_library: Library, tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert find_index(deep) == small_library.folder
    with pytest.raises(IndexNotFoundError):
        Library.open(deep)


def test_what_the_scan_cannot_look_at_is_listed_until_it_can(small_library: Library, tmp_path: Path) -> None:
    link = tmp_path / "link.png"
    link.symlink_to(tmp_path / "coffee, later.png")
    for _ in range(2):
        report = small_library.index()
        assert [(failure.path, failure.error) for failure in report.failed] == [
            ("link.png", "no such file or folder")
        ]
        assert failures(small_library) == {"link.png": "no such file or folder"}
    commits = small_library.records.manifest.commit
    small_library.index()
    assert small_library.records.manifest.commit == commits, "nothing new was to be written"
    shutil.copy(photograph("coffee.png"), tmp_path / "coffee, later.png")
    assert small_library.index().failed == []
    assert failures(small_library) == {}
    link.unlink()
    link.symlink_to("nowhere")
    small_library.index()
    assert failures(small_library) == {}, "what was indexed before is kept"
    link.unlink()
    assert small_library.index().removed == 1
    assert failures(small_library) == {}


def test_a_library_says_what_it_is_and_is_made_once(tmp_path: Path, small_library: Library) -> None:
    assert repr(small_library) == f"Library.open({str(small_library.folder)!r})"
    assert eval(repr(small_library), {"Library": Library}).folder == small_library.folder
    with pytest.raises(IndexWriteError, match=r"is an index already: open it with Library\.open\("):
        Library.create(tmp_path)
    for path, reason in (
        (tmp_path / "missing", "no such file or folder"),
        (tmp_path / "cat.png", "is not a folder"),
    ):
        with pytest.raises(UsageError, match=reason):
            Library.create(path)
    assert not (tmp_path / "missing").exists()
