"""`jepa index`: what it prints, what it leaves behind, and how it ends."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.index_report import print_report
from jepa_retrieval.errors import UsageError
from jepa_retrieval.library import Library
from jepa_retrieval.tasks.indexing.report import IndexReport
from tests.cli.conftest import Golden, Jepa
from tests.media_factory import make_video
from tests.real_media import photograph, video
from tests.unprivileged import unprivileged

pytestmark = pytest.mark.long

JEPA = [sys.executable, "-m", "cli.main"]


def test_a_run_and_a_second_one(jepa: Jepa, photos: Path) -> None:
    first = jepa("index", photos, "--json")
    assert first.status == 0
    assert json.loads(first.out) | {"seconds": 0} == {
        "indexed": 2, "unchanged": 0, "moved": 0, "removed": 0, "partial": [], "failed": [], "failed_before": 0,
        "left_out": {}, "clips": 2,        "seconds": 0,
    }  # fmt: skip
    (photos / "coffee.png").unlink()
    (photos / "chelsea.png").rename(photos / "cat.png")
    second = json.loads(jepa("index", photos, "--json").out)
    assert [second[name] for name in ("indexed", "unchanged", "moved", "removed", "clips")] == [0, 0, 1, 1, 1]


def test_files_that_fail_are_named_and_the_status_is_1(jepa: Jepa, photos: Path) -> None:
    for number in range(12):
        (photos / f"broken-{number:02d}.jpg").write_bytes(b"no picture")
    done = jepa("index", photos)
    assert done.status == 1
    assert "Indexed 2 files" in done.out and "12 failed" in done.out
    warnings = [line for line in done.err.splitlines() if line.startswith("Warning: ")]
    assert len(warnings) == 11
    assert "broken-00.jpg: " in warnings[0]
    assert "2 more files failed; 'jepa status --failed' lists them" in warnings[-1]
    again = jepa("index", photos)
    assert again.status == 0 and "12 failed in an earlier run" in again.out
    retried = jepa("index", photos, "--retry-failed", "--json")
    assert retried.status == 1 and len(json.loads(retried.out)["failed"]) == 12


def test_what_status_cannot_list_is_listed_by_json(jepa: Jepa, photos: Path) -> None:
    (photos / "list.jsonl").write_text('"chelsea.png"\n' + "no line\n" * 14)
    (photos / "broken.jpg").write_bytes(b"no picture")
    done = jepa("index", photos / "list.jsonl", photos / "broken.jpg", "--index", photos / ".jepa")
    assert done.status == 1
    assert done.err.splitlines()[-1] == "Warning: 5 more problems; --json lists them"
    again = jepa("index", photos / "list.jsonl", "--index", photos / ".jepa", "--json")
    assert [failure["error"] for failure in json.loads(again.out)["failed"]][-1] == "line 15 is not JSON"
    assert len(json.loads(again.out)["failed"]) == 14
    assert jepa("status", "--failed", "--index", photos).out.startswith("broken.jpg\t")


def test_include_and_exclude(jepa: Jepa, photos: Path) -> None:
    assert jepa("index", photos, "--exclude", "coffee*", "--dry-run").out == "index\tchelsea.png\n"
    assert jepa("index", photos, "--include", "coffee*", "--dry-run").out == "index\tcoffee.png\n"


def test_an_index_of_its_own(jepa: Jepa, photos: Path, tmp_path: Path) -> None:
    index = tmp_path / "elsewhere" / "photos.index"
    assert jepa("index", photos, "--index", index).status == 0
    assert (index / "manifest.json").is_file() and not (photos / ".jepa").exists()
    assert "chelsea.png" in jepa("search", "a cat", "--index", index).out


def test_a_folder_named_as_index_gets_it_inside(jepa: Jepa, photos: Path) -> None:
    assert jepa("index", photos, "--index", photos, "--exclude", "coffee*").status == 0
    assert (photos / ".jepa" / "manifest.json").is_file()


def test_a_folder_below_goes_into_the_index_above(jepa: Jepa, photos: Path) -> None:
    assert jepa("index", photos).status == 0
    (photos / "more").mkdir()
    shutil.copy(photograph("rocket.jpg"), photos / "more" / "rocket.jpg")
    assert json.loads(jepa("index", photos / "more", "--json").out)["clips"] == 3
    assert not (photos / "more" / ".jepa").exists()


def test_an_index_keeps_its_model_and_prompt(jepa: Jepa, photos: Path) -> None:
    assert jepa("index", photos, "--prompt", "What is this?").status == 0
    done = jepa("index", photos, "--prompt", "Who is this?")
    assert done.status == 2
    assert "What is this?" in done.err and "--rebuild" in done.err
    assert jepa("index", photos, "--model", "another").status == 2


def test_rebuild_embeds_everything_again(jepa: Jepa, photos: Path) -> None:
    assert jepa("index", photos).status == 0
    assert json.loads(jepa("index", photos, "--rebuild", "--json").out)["indexed"] == 2
    assert jepa("verify", "--index", photos).status == 0


def test_a_missing_path_beside_a_good_one_is_named(jepa: Jepa, photos: Path) -> None:
    done = jepa("index", photos, photos / "missing")
    assert done.status == 1
    assert "missing: no such file or folder" in done.err


def test_following_takes_new_files_and_ends_with_ctrl_c(photos: Path) -> None:
    command = [*JEPA, "index", str(photos), "--follow", "--interval", "0.2", "--json", "--no-progress"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert json.loads(process.stdout.readline())["indexed"] == 2
        temporary = photos.parent / "bikes.mp4"
        shutil.copy(video("bikes.mp4"), temporary)
        temporary.rename(photos / "bikes.mp4")
        assert json.loads(process.stdout.readline())["indexed"] == 1
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 130
    assert (
        errors.splitlines()[-1]
        == "Interrupted. Finished files are kept; run the same command again to continue."
    )
    assert "Traceback" not in errors


def test_the_summary_is_all_that_is_printed_when_quiet(jepa: Jepa, photos: Path, golden: Golden) -> None:
    first, second = jepa("index", photos, "--quiet"), jepa("--quiet", "index", photos)
    assert (first.err, second.err) == ("", "")
    golden("index", first.out + second.out)


def test_a_file_without_read_permission_does_not_stop_the_run(photos: Path) -> None:
    secret = shutil.copy(photograph("rocket.jpg"), photos / "secret.jpg")
    Path(secret).chmod(0)
    for command in (
        ["index", "--json"],
        ["index", "--json"],
        ["classify", "--json", "--labels", "cat,coffee"],
    ):
        done = subprocess.run(
            [*unprivileged(), *JEPA, command[0], str(photos), *command[1:]], capture_output=True, text=True
        )
        assert done.returncode == 1, done.stderr
        assert "secret.jpg: permission denied" in done.stderr


def test_the_decoder_is_an_option(jepa: Jepa, tmp_path: Path) -> None:
    shutil.copy(video("bikes.mp4"), tmp_path)
    clips = [
        json.loads(
            jepa("index", tmp_path, "--index", tmp_path / decoder, "--decoder", decoder, "--json").out
        )["clips"]
        for decoder in ("pyav", "decord")
    ]
    assert clips[0] == clips[1] > 0


def test_an_unknown_decoder_leaves_no_index_behind(jepa: Jepa, photos: Path) -> None:
    done = jepa("index", photos, "--decoder", "opencv")
    assert done.status == 2
    assert "decoder must be one of auto, pyav, decord, torchcodec, nvdec, not 'opencv'" in done.err
    assert not (photos / ".jepa").exists()


def test_a_missing_disk_is_said_and_its_files_are_kept(jepa: Jepa, photos: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    assert jepa("index", photos, "--index", index).status == 0
    photos.rename(tmp_path / "unplugged")
    for missing in (False, True):
        if missing:
            photos.mkdir()  # an empty mount point
        done = jepa("index", photos, "--index", index, "--json")
        assert (done.status, json.loads(done.out)["removed"]) == (1, 0)
        assert [folder["files"] for folder in json.loads(done.out)["absent"]] == [2]
        assert str(photos) in done.err and "--prune" in done.err
    found = jepa("search", "a cat", "--index", index)
    assert found.out.rstrip("\n").endswith("offline")
    assert all(
        hit["offline"] for hit in json.loads(jepa("search", "a cat", "--index", index, "--json").out)["hits"]
    )
    assert json.loads(jepa("index", photos, "--index", index, "--dry-run", "--json").out)["remove"] == []
    pruned = jepa("index", photos, "--index", index, "--prune", "--json")
    assert (pruned.status, json.loads(pruned.out)["removed"]) == (0, 2)


def test_files_that_the_options_no_longer_select_are_kept(jepa: Jepa, photos: Path) -> None:
    jepa("index", photos)
    done = jepa("index", photos, "--include", "coffee*", "--json")
    assert (done.status, json.loads(done.out)["removed"], json.loads(done.out)["unselected"]) == (0, 0, 1)
    assert "Kept 1 file in the index" in done.err
    pruned = jepa("index", photos, "--include", "coffee*", "--prune", "--json")
    assert json.loads(pruned.out)["removed"] == 1


def test_following_survives_a_mount_that_goes_away(photos: Path, tmp_path: Path) -> None:
    command = [
        *JEPA,
        "index",
        photos,
        "--index",
        tmp_path / "index",
        "--follow",
        "--interval",
        "0.2",
        "--json",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["indexed"] == 2
        photos.rename(tmp_path / "unplugged")
        gone = json.loads(process.stdout.readline())
        assert (gone["removed"], [folder["files"] for folder in gone["absent"]]) == (0, [2])
        shutil.copy(photograph("rocket.jpg"), tmp_path / "unplugged")
        (tmp_path / "unplugged").rename(photos)
        back = json.loads(process.stdout.readline())
        assert (back["unchanged"], back["indexed"], back["removed"]) == (2, 1, 0)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)


def test_what_was_read_in_part_is_listed(jepa: Jepa, photos: Path) -> None:
    cut = make_video(photos / "cut.mp4", seconds=16, gop=25, container_options={"movflags": "faststart"})
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 6 // 10])
    done = jepa("index", photos, "--json")
    (partial,) = json.loads(done.out)["partial"]
    assert (done.status, partial["path"], json.loads(done.out)["failed"]) == (1, "cut.mp4", [])
    assert f"cut.mp4: {partial['error']}; indexed in part" in done.err
    listed = jepa("status", "--index", photos / ".jepa", "--partial")
    assert listed.out == f"cut.mp4\t{partial['error']}\n"
    assert "partial  1 (see 'jepa status --partial')" in jepa("status", "--index", photos / ".jepa").out


def test_what_is_left_out_is_counted_and_listed(jepa: Jepa, photos: Path) -> None:
    (photos / "notes.txt").write_text("no media")
    (photos / "private").mkdir()
    shutil.copy(photograph("rocket.jpg"), photos / "private")
    done = jepa("index", photos, "--exclude", photos / "private", "--exclude", "*.nothing", "--json")
    assert json.loads(done.out)["left_out"] == {"unknown kind": 1, "excluded": 1}
    assert "the pattern '*.nothing' matched nothing" in done.err
    assert "Left out 2 files and folders: unknown kind (1), excluded (1)." in done.err
    listed = jepa("status", "--index", photos / ".jepa", "--left-out")
    assert listed.out == "notes.txt\tunknown kind\nprivate\texcluded\n"
    assert "left out  2 (see 'jepa status --left-out')" in jepa("status", "--index", photos / ".jepa").out
    jepa("index", photos)
    assert jepa("status", "--index", photos / ".jepa", "--left-out").out == "notes.txt\tunknown kind\n"
    removed = jepa("index", photos, "--exclude", "private", "--json")
    assert (removed.status, json.loads(removed.out)["removed"]) == (0, 1)


def test_everything_that_a_run_reports(jepa: Jepa, photos: Path, tmp_path: Path, golden: Golden) -> None:
    """A file read in part, a broken one, one of unknown kind, a missing folder, a file that is no longer selected."""
    cut = make_video(photos / "cut.mp4", seconds=16, gop=25, container_options={"movflags": "faststart"})
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 6 // 10])
    (photos / "broken.png").write_bytes(b"no picture" * 100)
    (photos / "notes.txt").write_text("no media")
    disk = tmp_path / "disk"
    disk.mkdir()
    shutil.copy(photograph("rocket.jpg"), disk)
    index = ("index", photos, disk, "--index", tmp_path / "index", "--no-progress")
    first = jepa(*index)
    disk.rename(tmp_path / "unplugged")
    second = jepa(*index, "--include", "c*")
    pruned = jepa(*index, "--include", "c*", "--prune")
    status = jepa("status", "--index", tmp_path / "index")
    assert [done.status for done in (first, second, pruned)] == [1, 1, 0]
    text = "".join(done.err + done.out for done in (first, second, pruned, status))
    golden("index_report", text.replace(str(tmp_path), "FOLDER"))


@pytest.mark.parametrize("made_before", [False, True])
def test_no_index_stays_where_nothing_could_be_read(jepa: Jepa, tmp_path: Path, made_before: bool) -> None:
    broken = [tmp_path / f"{number}.mp4" for number in range(12)]
    for path in broken:
        path.write_bytes(b"no video" * 100)
    index = tmp_path / "index"
    if made_before:
        index.mkdir()
    done = jepa("index", *broken, "--index", index, "--json")
    assert done.status == 2 and "Error: nothing could be read, so no index was created" in done.err
    assert "a new index" not in done.err
    assert len(json.loads(done.out)["failed"]) == 12
    assert all(
        f"Warning: {path.name}: is not" in done.err for path in broken
    )  # no status can list them later
    assert index.is_dir() == made_before and list(index.glob("*")) == []
    shutil.copy(photograph("rocket.jpg"), tmp_path / "a.jpg")
    assert jepa("index", tmp_path / "a.jpg", broken[0], "--index", index).status == 1
    assert jepa("index", broken[1], "--index", index).status == 1  # an index that is not new stays
    assert (index / "manifest.json").is_file()


def test_no_index_stays_where_nothing_was_found(jepa: Jepa, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    done = jepa("index", tmp_path)
    assert done.status == 2
    assert f"Error: no videos or images found in {tmp_path}, so no index was created" in done.err
    assert "unknown kind (1)" in done.err and "'jepa status" not in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    Library.create(tmp_path)
    assert jepa("index", tmp_path).status == 0  # an index that is not new stays


@pytest.mark.parametrize("error", [UsageError("no such option"), RuntimeError("a fault of the program")])
def test_an_index_for_which_the_run_fails_does_not_stay(
    jepa: Jepa, photos: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Library, "index", fail)
    done = jepa("index", photos)
    assert done.status == 2 and "a new index" not in done.err
    assert not (photos / ".jepa").exists()


def test_damaged_packets_of_a_whole_file_are_told(
    jepa: Jepa, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = make_video(tmp_path / "a.mp4", seconds=8, gop=8)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 200] = b"\xff" * 200
    path.write_bytes(data)
    done = jepa("index", tmp_path, "--sampling", 2, "--json")
    (warned,) = json.loads(done.out)["warnings"]
    assert done.status == 0 and warned["path"] == "a.mp4" and "damaged" in warned["error"]
    assert f"a.mp4: {warned['error']}; indexed all the same" in done.err
    assert caplog.records == []
    assert "warnings" not in json.loads(jepa("index", tmp_path, "--sampling", 2, "--json").out)


def test_a_later_run_counts_the_files_in_part_and_ends_well(jepa: Jepa, photos: Path) -> None:
    cut = make_video(photos / "cut.mp4", seconds=16, gop=25, container_options={"movflags": "faststart"})
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 6 // 10])
    assert jepa("index", photos).status == 1
    again = jepa("index", photos)
    assert again.status == 0 and "3 unchanged (1 in part)" in again.out
    assert json.loads(jepa("index", photos, "--json").out)["partial_before"] == 1


def test_a_folder_that_cannot_be_written_is_one_sentence_with_the_option(photos: Path) -> None:
    photos.chmod(0o555)
    done = subprocess.run([*unprivileged(), *JEPA, "index", str(photos)], capture_output=True, text=True)
    photos.chmod(0o755)
    assert done.returncode == 2
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert str(photos) in error
    assert error.endswith("Permission denied; --index DIR puts the index into another folder")


def test_a_report_says_how_much_was_read_from_stores(capsys: pytest.CaptureFixture[str]) -> None:
    report = IndexReport(indexed=2, fetched=1_300_000, fetched_of=25_000_000)
    print_report(report, json=True, one_line=True)
    summary = json.loads(capsys.readouterr().out)
    assert (summary["store_bytes_read"], summary["store_bytes"]) == (1_300_000, 25_000_000)
    print_report(report, json=False, one_line=False)
    assert "1.3 MB of 25.0 MB read from stores" in capsys.readouterr().out
