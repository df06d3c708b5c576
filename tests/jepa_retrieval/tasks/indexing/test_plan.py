import shutil
from pathlib import Path
from typing import Any

import pytest

from indexes.records import MediaRecord
from jepa_retrieval.media import content_hash, scan
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.tasks.indexing.plan import Plan, make_plan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.jpg", "b.jpg", "sub/c.mp4"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"media " + name.encode())
    return tmp_path


def records(folder: Path, **changes: object) -> dict[str, MediaRecord]:
    """What an index would know of every file as it is now."""
    root = MediaRoot(folder)
    known = {}
    for path in (path for path in folder.rglob("*") if path.is_file()):
        state = path.stat()
        fields = {"size": state.st_size, "mtime_ns": state.st_mtime_ns, "content_hash": content_hash(path)}
        known[root.to_text(path)] = MediaRecord(path=root.to_text(path), **(fields | changes))
    return known


def plan(
    folder: Path,
    known: dict[str, MediaRecord],
    *roots: str,
    scan_options: dict[str, object] | None = None,
    **options: Any,
) -> Plan:
    paths = [folder / root for root in roots] or [folder]
    found = scan([path for path in paths if path.exists()], **(scan_options or {}))
    return make_plan(found, known, roots=paths, media_root=MediaRoot(folder), **options)


def test_everything_is_new_to_an_empty_index(folder: Path) -> None:
    made = plan(folder, {})
    assert sorted(made.embed) == ["a.jpg", "b.jpg", "sub/c.mp4"]
    assert (made.unchanged, made.gone, made.moved, made.touched) == (0, [], {}, {})


def test_known_files_are_unchanged(folder: Path) -> None:
    made = plan(folder, records(folder))
    assert (made.unchanged, made.embed) == (3, {})


def test_moved_file_is_recognised_by_its_content(folder: Path) -> None:
    known = records(folder)
    (folder / "a.jpg").rename(folder / "sub" / "renamed.jpg")
    made = plan(folder, known)
    assert {new: old for new, (old, _) in made.moved.items()} == {"sub/renamed.jpg": "a.jpg"}
    assert (made.gone, made.embed) == ([], {})


def test_copy_is_a_new_file_not_a_moved_one(folder: Path) -> None:
    known = records(folder)
    shutil.copy(folder / "a.jpg", folder / "copy.jpg")
    made = plan(folder, known)
    assert (sorted(made.embed), made.moved) == (["copy.jpg"], {})


def test_two_new_copies_of_one_lost_file_move_it_once(folder: Path) -> None:
    known = records(folder)
    shutil.copy(folder / "a.jpg", folder / "d.jpg")
    (folder / "a.jpg").rename(folder / "e.jpg")
    made = plan(folder, known)
    assert (len(made.moved), len(made.embed), made.gone) == (1, 1, [])


def test_touched_file_is_not_embedded_again(folder: Path) -> None:
    known = records(folder, mtime_ns=1)
    made = plan(folder, known)
    assert (sorted(made.touched), made.embed) == (["a.jpg", "b.jpg", "sub/c.mp4"], {})


def test_changed_content_of_the_same_size_is_embedded_again(folder: Path) -> None:
    known = records(folder, mtime_ns=1)
    (folder / "a.jpg").write_bytes(b"MEDIA a.jpg")
    assert sorted(plan(folder, known).embed) == ["a.jpg"]


def test_gone_files_are_only_those_below_the_roots(folder: Path) -> None:
    (folder / "sub" / "d.mp4").write_bytes(b"stays")
    known = records(folder)
    (folder / "a.jpg").unlink()
    (folder / "sub" / "c.mp4").unlink()
    assert sorted(plan(folder, known).gone) == ["a.jpg", "sub/c.mp4"]
    assert plan(folder, known, "sub").gone == ["sub/c.mp4"]


def test_a_folder_whose_name_begins_alike_is_not_below_the_root(folder: Path) -> None:
    known = records(folder)
    (folder / "su").mkdir()
    shutil.rmtree(folder / "sub")
    assert plan(folder, known, "su").gone == []


def test_failed_files_wait_until_asked_for_unless_they_could_not_be_read(folder: Path) -> None:
    known = records(folder, state="failed", error="damaged")
    assert (plan(folder, known).failed_before, plan(folder, known).embed) == (3, {})
    assert len(plan(folder, known, retry_failed=True).embed) == 3
    unread = records(folder, state="failed", error="permission denied", content_hash="")
    assert len(plan(folder, unread).embed) == 3


def test_embed_all_takes_unchanged_files_too(folder: Path) -> None:
    assert len(plan(folder, records(folder), embed_all=True).embed) == 3


def test_a_file_that_vanishes_before_it_is_hashed_is_left_to_the_decoder(folder: Path) -> None:
    known = records(folder, mtime_ns=1)
    found = scan(folder)
    listed = list(found)
    (folder / "a.jpg").unlink()
    found._found = iter(listed)
    made = make_plan(found, known, roots=[folder], media_root=MediaRoot(folder))
    assert (sorted(made.embed), sorted(made.touched)) == (["a.jpg"], ["b.jpg", "sub/c.mp4"])


def test_a_folder_that_can_be_read_again_is_no_failure_any_more(folder: Path) -> None:
    known = records(folder)
    del known["sub/c.mp4"]
    known["sub"] = MediaRecord("sub", size=0, mtime_ns=0, state="failed", error="permission denied")
    for options in ({}, {"retry_failed": True}, {"prune": True}, {"embed_all": True}):
        made = plan(folder, known, **options)
        assert (made.cleared, made.gone, made.unselected) == (["sub"], [], [])
        assert "sub/c.mp4" in made.embed
    assert plan(folder, known, "a.jpg").cleared == []  # the run did not look at it


def test_a_file_is_deleted_where_there_is_a_folder_now(folder: Path) -> None:
    known = records(folder)
    (folder / "a.jpg").unlink()
    (folder / "a.jpg").mkdir()
    made = plan(folder, known)
    assert (made.gone, made.cleared, made.unselected) == (["a.jpg"], [], [])
