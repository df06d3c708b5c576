"""`jepa search --export`: the file, what is said about it, and the exit status."""

import csv
import json
from pathlib import Path

import opentimelineio as otio

from tests.cli.conftest import Jepa

VIDEOS = "kind = 'video'"


def test_moments_are_written_beside_the_results(jepa: Jepa, library: Path, tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    done = jepa("search", "bicycles", "--index", library, "--top", 3, "--json", "--export", table)
    assert done.status == 0 and f"Wrote 3 moments to {table}" in done.err
    document = json.loads(done.out)
    assert document["export"] == {"file": str(table), "format": "csv", "moments": 3, "left_out": []}
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [hit["path"] for hit in document["hits"]]


def test_what_the_format_cannot_hold_is_named_and_the_status_is_1(
    jepa: Jepa, library: Path, tmp_path: Path
) -> None:
    file = tmp_path / "a.edl"
    where = "path in ('videos/bikes.mp4', 'photos/coffee.png')"
    done = jepa("search", "bicycles", "--index", library, "--where", where, "--export", file)
    assert done.status == 1
    assert f"Warning: photos/coffee.png is not in {file}: an EDL holds no photographs" in done.err
    assert "videos/bikes.mp4" in done.out and "FROM CLIP NAME: bikes.mp4" in file.read_text("utf-8")


def test_edits_of_real_videos(jepa: Jepa, library: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.otio"
    assert jepa("search", "a street", "--index", library, "--where", VIDEOS, "--export", target).status == 0
    clips = list(otio.adapters.read_from_file(str(target)).find_clips())
    assert clips
    for clip in clips:
        file_range = clip.media_reference.available_range
        assert clip.source_range.start_time.value >= 0
        assert clip.source_range.end_time_exclusive() <= file_range.end_time_exclusive()


def test_a_wrong_name_is_refused_before_the_search(jepa: Jepa, library: Path, tmp_path: Path) -> None:
    done = jepa("search", "a cat", "--index", library, "--export", tmp_path / "a.avi")
    assert done.status == 2 and ".edl, .otio, .fcpxml, .vtt, .csv, .zip" in done.err and not done.out
    done = jepa("search", "a cat", "--index", library, "--export", tmp_path / "none" / "a.edl")
    assert done.status == 2 and "none: no such file or folder" in done.err


def test_results_are_printed_although_the_export_fails(jepa: Jepa, library: Path) -> None:
    done = jepa("search", "a cat", "--index", library, "--export", "/proc/a.csv")
    assert done.status == 1 and "/proc/a.csv: " in done.err and ".jepa-export" not in done.err
    assert "chelsea.png" in done.out
    only_photo = ("--where", "path = 'photos/coffee.png'", "--export", "/tmp/a.edl", "--json")
    done = jepa("search", "coffee", "--index", library, *only_photo)
    assert done.status == 1 and "nothing to export to /tmp/a.edl" in done.err
    assert [hit["path"] for hit in json.loads(done.out)["hits"]] == ["photos/coffee.png"]


def test_nothing_found_writes_nothing(jepa: Jepa, library: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.edl"
    done = jepa("search", "a cat", "--index", library, "--min-confidence", 1, "--export", file)
    assert done.status == 0 and "was not written: there are no moments" in done.err
    assert not file.exists()
