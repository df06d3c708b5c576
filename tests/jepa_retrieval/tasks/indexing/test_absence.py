"""Absence is no deletion: of a disk, of a mount, of an option."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from indexes.records import MediaRecord
from jepa_retrieval.tasks.indexing import absence
from jepa_retrieval.tasks.indexing.absence import EMPTY, HOLDS_NONE, NOT_MOUNTED, NOT_THERE
from jepa_retrieval.tasks.indexing.plan import Plan
from tests.conftest import REPOSITORY
from tests.jepa_retrieval.tasks.indexing.test_plan import plan, records


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A folder with a mount point in it."""
    for name in ("a.jpg", "disk/b.jpg", "disk/trip/c.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(b"media " + name.encode())
    return tmp_path


def absent(made: Plan) -> list[tuple[str, str, int]]:
    return [(Path(folder.path).name, folder.reason, folder.files) for folder in made.absent]


@pytest.mark.parametrize("root", ["disk", "disk/trip"])
def test_a_root_that_is_missing_is_kept(disk: Path, root: str) -> None:
    known = records(disk)
    count = sum(text.startswith(root) for text in known)
    shutil.rmtree(disk / root)
    made = plan(disk, known, root)
    assert (made.gone, absent(made)) == ([], [(Path(root).name, NOT_THERE, count)])


def test_a_root_that_is_empty_where_it_was_not_is_kept(disk: Path) -> None:
    known = records(disk)
    shutil.rmtree(disk / "disk")
    (disk / "disk").mkdir()
    assert absent(plan(disk, known, "disk")) == [("disk", EMPTY, 2)]
    # It is no other when it lies below a root that is there.
    made = plan(disk, known)
    assert (made.gone, absent(made), made.unchanged) == ([], [("disk", EMPTY, 2)], 1)


def test_another_disk_at_the_same_place_takes_nothing_away(disk: Path) -> None:
    known = records(disk)
    shutil.rmtree(disk / "disk")
    (disk / "disk").mkdir()
    (disk / "disk" / "other.jpg").write_bytes(b"another disk")
    made = plan(disk, known, "disk")
    assert (made.gone, absent(made)) == ([], [("disk", HOLDS_NONE, 2)])
    assert sorted(made.embed) == ["disk/other.jpg"]


def test_a_deleted_file_beside_others_is_gone(disk: Path) -> None:
    known = records(disk)
    (disk / "disk" / "b.jpg").unlink()
    made = plan(disk, known, "disk")
    assert (made.gone, made.absent, made.unchanged) == (["disk/b.jpg"], [], 1)


def test_a_deleted_folder_is_gone(disk: Path) -> None:
    known = records(disk)
    shutil.rmtree(disk / "disk" / "trip")
    made = plan(disk, known)
    assert (made.gone, made.absent) == (["disk/trip/c.jpg"], [])


def test_the_folder_of_a_disk_that_a_desktop_removed_with_it_is_kept(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = records(disk)
    shutil.rmtree(disk / "disk")
    monkeypatch.setattr(absence, "MOUNT_FOLDERS", (str(disk.parent / "*"),))
    made = plan(disk, known)
    assert (made.gone, absent(made), made.unchanged) == ([], [("disk", NOT_THERE, 2)], 1)
    (disk / "a.jpg").unlink()  # a file is no disk
    (disk / "c.jpg").write_bytes(b"another")
    known["c.jpg"] = records(disk)["c.jpg"]
    assert plan(disk, known).gone == ["a.jpg"]


@pytest.mark.parametrize(
    ("folder", "is_disk"),
    [
        ("/media/anna/CAMERA", True),
        ("/run/media/anna/CAMERA", True),
        ("/Volumes/CAMERA", True),
        ("/mnt/nas", True),
        ("/media/anna/CAMERA/2024", False),
        ("/home/anna/media/CAMERA", False),
        ("/home/media/anna/CAMERA", False),
    ],
)
def test_where_desktops_put_disks(folder: str, is_disk: bool) -> None:
    assert absence._held_disk(Path(folder)) is is_disk


def test_files_that_were_all_moved_show_that_the_root_is_there(disk: Path) -> None:
    known = records(disk)
    (disk / "disk" / "b.jpg").unlink()
    (disk / "disk" / "trip").rename(disk / "disk" / "holiday")
    made = plan(disk, known, "disk")
    assert {new: old for new, (old, _) in made.moved.items()} == {"disk/holiday/c.jpg": "disk/trip/c.jpg"}
    assert (made.gone, made.absent) == (["disk/b.jpg"], [])


def test_what_the_options_do_not_select_is_kept(disk: Path) -> None:
    (disk / ".hidden.jpg").write_bytes(b"hidden")
    known = records(disk)
    assert plan(disk, known).unselected == [".hidden.jpg"]
    made = plan(disk, known, scan_options={"include": ["a.*"]})
    assert (made.gone, sorted(made.unselected)) == ([], [".hidden.jpg", "disk/b.jpg", "disk/trip/c.jpg"])


def test_what_a_pattern_excludes_is_removed(disk: Path) -> None:
    known = records(disk)
    for pattern in ("disk", "disk/trip/", str(disk / "disk" / "trip")):
        made = plan(disk, known, scan_options={"exclude": [pattern]})
        expected = ["disk/trip/c.jpg"] if "trip" in pattern else ["disk/b.jpg", "disk/trip/c.jpg"]
        assert (sorted(made.gone), made.unselected, made.absent) == (expected, [], [])


def test_prune_removes_all_of_that(disk: Path) -> None:
    (disk / ".hidden.jpg").write_bytes(b"hidden")
    known: dict[str, MediaRecord] = records(disk)
    shutil.rmtree(disk / "disk")
    assert sorted(plan(disk, known, prune=True).gone) == [".hidden.jpg", "disk/b.jpg", "disk/trip/c.jpg"]
    made = plan(disk, known, "disk", prune=True)
    assert (sorted(made.gone), made.absent) == (["disk/b.jpg", "disk/trip/c.jpg"], [])


def test_a_link_to_a_folder_that_is_not_followed_any_more(
    disk: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "far.jpg").write_bytes(b"far")
    (disk / "link").symlink_to(elsewhere)
    found = plan(disk, {}, scan_options={"follow_links": True})
    assert str(elsewhere / "far.jpg") in found.embed
    known = records(disk) | {str(elsewhere / "far.jpg"): MediaRecord(str(elsewhere / "far.jpg"), 3, 1)}
    made = plan(disk, known)
    assert (made.gone, made.absent) == ([], [])


@pytest.mark.parametrize("stray", [False, True], ids=["folder removed", "another file in it"])
def test_a_mount_point_that_is_none_any_more_takes_nothing_away(disk: Path, stray: bool) -> None:
    """Wherever it is: an automounter removes the folder, and without a disk files land in it."""
    known = records(disk)
    shutil.rmtree(disk / "disk")
    if stray:
        (disk / "disk").mkdir()
        (disk / "disk" / "stray.jpg").write_bytes(b"written while no disk was there")
    made = plan(disk, known, mounts=["disk"])
    assert (made.gone, absent(made)) == ([], [("disk", NOT_MOUNTED, 2)])
    assert made.mounts == ["disk"]
    assert sorted(plan(disk, known, mounts=["disk"], prune=True).gone) == ["disk/b.jpg", "disk/trip/c.jpg"]
    assert plan(disk, known, mounts=["disk"], prune=True).mounts == []
    assert sorted(plan(disk, known).gone) == ["disk/b.jpg", "disk/trip/c.jpg"]  # it never was a mount point


def test_files_that_were_moved_to_where_a_disk_was_mounted_are_ordinary_files(disk: Path) -> None:
    known = records(disk)
    (disk / "disk" / "b.jpg").unlink()
    made = plan(disk, known, mounts=["disk"])
    assert (made.gone, made.absent, made.mounts) == (["disk/b.jpg"], [], [])


MOUNT_AND_LOSE = """
import subprocess, sys
from pathlib import Path
from indexes import Index
from indexes.mounts import read_mounts
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.tasks.indexing.options import IndexOptions
from jepa_retrieval.tasks.indexing.update import IndexUpdate
from tests.jepa_retrieval.tasks.colour_model import ColourModel
from tests.media_factory import make_picture

media, disk = Path(sys.argv[1]), Path(sys.argv[1]) / "disk"
disk.mkdir(parents=True)
subprocess.run(["mount", "-t", "tmpfs", "none", str(disk)], check=True)
make_picture(media / "a.png")
make_picture(disk / "b.png")
model = ColourModel()
index = Index.create(media / ".jepa", model="colours", prompt="", fingerprint=model.fingerprint(None),
                     embedding_size=model.embedding_size)
update = IndexUpdate([media], IndexOptions(), MediaRoot(media))
assert update.apply(index, model).indexed == 2
assert read_mounts(index.folder, index.manifest) == ("disk",)
subprocess.run(["umount", str(disk)], check=True)
disk.rmdir()
report = update.apply(index, model)
assert (report.removed, [folder.files for folder in report.absent]) == (0, [1]), report
assert sorted(index.known_files()) == ["a.png", "disk/b.png"]
assert read_mounts(index.folder, index.manifest) == ("disk",)
assert not index.verify()
"""


def test_a_disk_that_is_unmounted_with_its_folder(tmp_path: Path) -> None:
    if shutil.which("unshare") is None or not _may_mount(tmp_path):
        pytest.skip("mounting is not allowed here")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    program = [sys.executable, "-c", MOUNT_AND_LOSE, str(tmp_path / "media")]
    done = subprocess.run(
        ["unshare", "--mount", *program], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def _may_mount(folder: Path) -> bool:
    attempt = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", str(folder)]
    return subprocess.run(attempt, capture_output=True, check=False).returncode == 0
