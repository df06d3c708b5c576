"""The temporary folder of an export: what a killed export left is deleted, what another one uses is not."""

import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from jepa_retrieval.library import Library
from jepa_retrieval.report.export import ExportMoment, export_moments
from tests.media_factory import make_picture, make_video

HOLD = (
    "import sys, time; from pathlib import Path; from filelock import FileLock\n"
    "with FileLock(Path(sys.argv[1]) / 'lock'): print('held', flush=True); time.sleep(60)"
)


def made(path: Path, *, old: bool) -> Path:
    """A folder as an export makes it, with half a clip in it."""
    path.mkdir()
    (path / "export.zip").write_bytes(b"half of it")
    (path / "lock").touch()
    if old:
        os.utime(path, (time.time() - 3600,) * 2)
    return path


def test_only_what_a_killed_export_left_is_deleted(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    out = tmp_path / "out"
    out.mkdir()
    killed = made(out / ".jepa-export-killed", old=True)
    new = made(out / ".jepa-export-new", old=False)
    used = made(out / ".jepa-export-used", old=True)
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(used)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        moment = ExportMoment("a.mp4", "video", 0.0, 1.0)
        export_moments(out / "a.csv", [moment], Library.create(tmp_path / "media"))
    finally:
        holder.kill()
        holder.communicate()
    assert not killed.exists() and new.exists() and used.exists()
    assert (out / "a.csv").read_text().count("a.mp4") == 1


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    for name in ("media", "out"):
        (tmp_path / name).mkdir()
    target, link = tmp_path / "out" / "a.csv", tmp_path / "a.csv"
    target.write_text("old")
    link.symlink_to(target)
    moment = ExportMoment("a.mp4", "video", 0.0, 1.0)
    report = export_moments(link, [moment], Library.create(tmp_path / "media"))
    assert report.file == link and link.is_symlink()
    assert target.read_text().count("a.mp4") == 1


@pytest.mark.parametrize("ending", ["zip", "otio", "fcpxml", "edl"])
def test_moments_in_an_archive_are_left_out_by_name(tmp_path: Path, ending: str) -> None:
    make_video(tmp_path / "a.mp4", seconds=2, fps=25)
    make_picture(tmp_path / "b.png")
    with tarfile.open(tmp_path / "s.tar", "w") as shard:
        shard.add(tmp_path / "a.mp4", "in.mp4")
        shard.add(tmp_path / "b.png", "in.png")
    moments = [
        ExportMoment("s.tar/in.mp4", "video", 0.0, 1.0),
        ExportMoment("s.tar/in.png", "image"),
        ExportMoment("a.mp4", "video", 0.0, 1.0),
    ]
    report = export_moments(tmp_path / f"out.{ending}", moments, Library.create(tmp_path))
    assert report.moments == 1
    assert [(one.moment.path, "archive" in one.reason) for one in report.left_out] == [
        ("s.tar/in.mp4", True),
        ("s.tar/in.png", True),
    ]
