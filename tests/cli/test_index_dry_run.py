"""`jepa index --dry-run`: what it shows, and that it ends as the run would."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Jepa
from tests.real_media import photograph
from tests.unprivileged import unprivileged

pytestmark = pytest.mark.long

JEPA = [sys.executable, "-m", "cli.main"]


def test_a_dry_run_says_what_would_happen_and_makes_no_index(jepa: Jepa, photos: Path) -> None:
    done = jepa("index", photos, "--dry-run")
    assert (done.status, done.out) == (0, "index\tchelsea.png\nindex\tcoffee.png\n")
    assert "Would index 2" in done.err
    assert sorted(path.name for path in photos.iterdir()) == ["chelsea.png", "coffee.png"]
    assert json.loads(jepa("index", photos, "--dry-run", "--json").out)["index"] == [
        "chelsea.png",
        "coffee.png",
    ]


def test_a_dry_run_says_what_it_finds(jepa: Jepa, photos: Path) -> None:
    (photos / "notes.txt").write_text("no picture")
    done = jepa("index", photos, photos / "gone", "--exclude", "private/", "--dry-run")
    assert done.status == 1
    assert "gone: no such file or folder" in done.err
    assert "the pattern 'private/' matched nothing" in done.err
    assert "Left out 1 file or folder: unknown kind (1).\n" in done.err
    plan = json.loads(jepa("index", photos, "--exclude", "private/", "--dry-run", "--json").out)
    assert (plan["failed"], plan["unmatched_patterns"]) == ([], ["private/"])
    assert plan["left_out"] == {"unknown kind": 1}


def test_a_dry_run_ends_as_the_run_would(jepa: Jepa, photos: Path, tmp_path: Path) -> None:
    nothing, empty = tmp_path / "nothing", tmp_path / "empty"
    for folder in (nothing, empty):
        folder.mkdir()
    (empty / "a.jpg").touch()
    for folder, why in (
        (nothing, f"no videos or images found in {nothing}"),
        (empty, "nothing could be read"),
    ):
        dry, done = jepa("index", folder, "--dry-run"), jepa("index", folder)
        assert (dry.status, dry.out) == (done.status, "") == (2, "")
        assert dry.err.splitlines()[-1] == f"Error: {why}, so no index would be created"
        assert done.err.splitlines()[-1] == f"Error: {why}, so no index was created"
        assert "a new index" not in dry.err + done.err and not (folder / ".jepa").exists()


def test_a_dry_run_tells_of_files_that_will_fail_and_that_failed_before(jepa: Jepa, photos: Path) -> None:
    (photos / "empty.jpg").touch()
    (photos / "broken.jpg").write_bytes(b"no picture")
    first = jepa("index", photos, "--dry-run")
    assert first.status == 1 and "Warning: empty.jpg: is empty\n" in first.err
    assert first.out.split() == ["index", "broken.jpg", "index", "chelsea.png", "index", "coffee.png"]
    assert jepa("index", photos).status == 1
    again = jepa("index", photos, "--dry-run")
    assert again.status == 0 and "2 unchanged, 2 failed in an earlier run" in again.err
    retried = jepa("index", photos, "--retry-failed", "--dry-run", "--json")
    plan = json.loads(retried.out)
    assert retried.status == 1 and (plan["index"], plan["failed_before"]) == (["broken.jpg"], 0)
    assert plan["failed"] == [{"path": "empty.jpg", "error": "is empty"}]


def test_a_dry_run_refuses_what_the_run_refuses(jepa: Jepa, photos: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    shutil.copy(photograph("rocket.jpg"), other)
    named = ("--index", photos / ".jepa")
    assert jepa("index", photos, other, *named).status == 0
    for options in (("--prompt", "What is it?"), ("--model", "open-vljepa")):
        dry, done = (jepa("index", photos, *named, *options, *more) for more in (["--dry-run"], []))
        assert dry == done and dry.status == 2 and "was created with the" in dry.err
    rebuild = ("index", photos, *named, "--rebuild", "--dry-run")
    assert jepa(*rebuild).out.count("other.png") == 1  # which a rebuild embeds too
    other.unlink()
    lost = jepa(*rebuild)
    assert (
        lost.status == 2
        and f"a file of the index, {other}, is not there and would be lost: bring it back" in lost.err
    )
    assert jepa(*rebuild, "--prune").status == 0


def test_a_dry_run_refuses_a_place_where_no_index_can_be(jepa: Jepa, photos: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    foreign = photos / ".jepa"
    foreign.mkdir()
    (foreign / "notes.txt").write_text("mine")
    for place in (("--index", file), ("--index", file / "below"), ()):
        dry, done = (jepa("index", photos, *place, *more) for more in (["--dry-run"], []))
        assert dry == done and (dry.status, dry.out) == (2, "") and "--index DIR puts" in dry.err
    assert sorted(path.name for path in foreign.iterdir()) == ["notes.txt", "writer.lock"]


@pytest.mark.parametrize("lost", ["data", "_versions"])
def test_a_dry_run_names_damage_as_the_run_does(jepa: Jepa, photos: Path, lost: str) -> None:
    assert jepa("index", photos).status == 0
    for file in (photos / ".jepa" / "clips.lance" / lost).iterdir():
        if lost == "data":
            file.write_bytes(file.read_bytes()[:100])
        else:
            file.unlink()
    dry, done = (jepa("index", photos, *more) for more in (["--dry-run"], []))
    assert dry == done and (dry.status, dry.out) == (2, "")
    assert f"{photos / '.jepa'} is damaged (clips.lance " in dry.err and "run `jepa verify`" in dry.err


@pytest.mark.parametrize("indexed", [False, True])
def test_a_dry_run_refuses_a_folder_that_cannot_be_written(jepa: Jepa, photos: Path, indexed: bool) -> None:
    if indexed:
        assert jepa("index", photos).status == 0
    locked = photos / ".jepa" if indexed else photos
    locked.chmod(0o555)
    command = [*unprivileged(), *JEPA, "index", str(photos)]
    dry, done = (
        subprocess.run([*command, *more], capture_output=True, text=True) for more in (["--dry-run"], [])
    )
    locked.chmod(0o755)
    assert (dry.returncode, dry.stdout, dry.stderr) == (done.returncode, done.stdout, done.stderr)
    assert dry.returncode == 2 and "Permission denied" in dry.stderr


def test_a_dry_run_refuses_a_model_for_speech_that_there_is_not(
    jepa: Jepa, photos: Path, tmp_path: Path
) -> None:
    for model in ("whisper:junk", f"whisper:local:{tmp_path / 'gone'}"):
        dry, done = (jepa("index", photos, "--speech-model", model, *more) for more in (["--dry-run"], []))
        assert dry == done and (dry.status, dry.out) == (2, "") and model in dry.err
    assert jepa("index", photos, "--speech-model", "whisper:small", "--dry-run").status == 0  # not downloaded
