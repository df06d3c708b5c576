"""Indexing with workers of a real Ray cluster on this machine: what a plain run gives, whatever dies on the way."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jepa_retrieval.errors import ClusterError, UsageError
from jepa_retrieval.library import Library
from jepa_retrieval.tasks.indexing.distributed import cluster
from jepa_retrieval.tasks.indexing.distributed.head import require_head
from jepa_retrieval.tasks.indexing.distributed.reaper import descendants
from jepa_retrieval.tasks.indexing.report import IndexProgress
from tests.media_factory import BLUE, GREEN, RED, YELLOW, make_picture, make_video
from tests.waiting import MAX_SECONDS, wait_for, wait_until_ended

GONE_SECONDS = 30  # far less than Ray's agents would stay


@pytest.fixture(scope="module")
def workers() -> Iterator[Any]:
    """A cluster that the runs of this file find and leave alone."""
    with cluster.connected(None, workers=2) as ray:
        yield ray


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """Four pictures, a video, and a file that cannot be read."""
    folder = tmp_path / "media"
    folder.mkdir()
    for number, colour in enumerate((RED, GREEN, BLUE, YELLOW)):
        make_picture(folder / f"{number}.png", colour=colour)
    make_video(folder / "video.mp4", seconds=6)
    (folder / "broken.mp4").write_bytes(b"no video" * 100)
    return folder


def distributed(library: Library, **options: object) -> object:
    return library.index(engine="ray", **{"workers": 2, "shard_files": 2, **options})


def content(library: Library) -> dict[str, list[tuple[float | None, float | None]]]:
    return {
        path: [(c.start, c.end) for c in library.records.clips_of(path)]
        for path in library.records.known_files()
    }


def vectors(library: Library) -> np.ndarray:
    clips = sorted(library.records.all_clips(), key=lambda clip: (clip.path, clip.start or 0))
    return library.records.embeddings([clip.clip_id for clip in clips]).astype(np.float32)


def test_what_is_missing_is_said_in_one_sentence(media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library.create(media)
    with pytest.raises(ClusterError, match=r"the Ray cluster at 127\.0\.0\.1:1 cannot be used"):
        distributed(library, address="127.0.0.1:1")
    monkeypatch.setattr(cluster.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'jepa-retrieval\[distributed\]'"):
        distributed(library)
    assert library.records.known_files() == {}


def test_workers_make_the_index_of_a_plain_run(workers: Any, media: Path, tmp_path: Path) -> None:
    plain = Library.create(media, index=tmp_path / "plain")
    plain.index()
    library = Library.create(media, index=tmp_path / "ray")
    told: list[IndexProgress] = []
    report = distributed(library, on_progress=told.append)
    assert report.indexed == 5
    assert [failure.path for failure in report.failed] == ["broken.mp4"]
    assert library.records.known_files() == plain.records.known_files()
    assert content(library) == content(plain)
    np.testing.assert_allclose(vectors(library), vectors(plain), atol=1e-3)
    assert library.verify() == []
    assert told[-1].files_done == told[-1].files_total == 6
    assert {worker.pid for step in told for worker in step.workers}.isdisjoint({0, os.getpid()})
    # Changes are taken up as by a plain run.
    (media / "0.png").rename(media / "moved.png")
    (media / "1.png").unlink()
    make_picture(media / "2.png", colour=RED, size=(90, 60))
    report = distributed(library)
    assert (report.moved, report.removed, report.indexed, report.failed) == (1, 1, 1, [])
    assert set(content(library)) == {"moved.png", "2.png", "3.png", "video.mp4", "broken.mp4"}
    again = distributed(library)
    assert (again.indexed, again.unchanged, again.failed_before) == (0, 4, 1)


def test_work_of_a_worker_that_dies_is_done_by_another(workers: Any, media: Path) -> None:
    library = Library.create(media)
    killed: list[int] = []

    def kill_first(progress: IndexProgress) -> None:
        if not killed and progress.workers:
            killed.append(progress.workers[0].pid)
            os.kill(killed[0], signal.SIGKILL)

    report = distributed(library, on_progress=kill_first, workers=1, shard_files=6)
    assert killed
    assert (report.indexed, len(report.failed)) == (5, 1)
    assert all(len(clips) == (path != "broken.mp4") for path, clips in content(library).items())
    assert library.verify() == []


def test_a_file_that_always_kills_its_worker_is_named_and_the_rest_is_done(workers: Any, media: Path) -> None:
    for name in ("2.png", "3.png", "broken.mp4", "video.mp4"):
        (media / name).unlink()
    library = Library.create(media)

    def kill(progress: IndexProgress) -> None:
        for worker in progress.workers:
            if worker.current == "0.png" and worker.files_done == 0:
                os.kill(worker.pid, signal.SIGKILL)

    report = distributed(library, on_progress=kill, max_retries=0, workers=1)
    assert (report.indexed, set(content(library))) == (1, {"0.png", "1.png"})
    (failure,) = library.failures()
    assert (failure.path, failure.error in {f.error for f in report.failed}) == ("0.png", True)
    assert "worker" in failure.error
    assert distributed(library).failed_before == 1
    assert library.index(retry_failed=True).indexed == 1
    assert library.failures() == []


def test_a_driver_that_is_killed_leaves_whole_files_and_no_processes(media: Path) -> None:
    for number in range(30):
        shutil.copy(media / f"{number % 4}.png", media / f"copy {number}.png")
    library = Library.create(media)
    command = [
        sys.executable,
        "-m",
        "cli.main",
        "index",
        str(media),
        "--distributed",
        "ray",
        "--shard-files",
        "2",
    ]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def has_stored() -> bool:
        library.records.refresh()
        return bool(library.records.known_files()) or driver.poll() is not None

    try:
        wait_for(has_stored)
        below = descendants(driver.pid)
        assert library.records.known_files() and below
    finally:
        driver.kill()
        driver.wait()
    assert library.search("red", top=50).hits
    report = library.index()
    assert set(library.records.known_files()) == {path.name for path in media.iterdir() if path.suffix}
    assert all(len(clips) == (path != "broken.mp4") for path, clips in content(library).items())
    assert library.verify() == []
    assert report.indexed + report.unchanged == 35
    wait_until_ended(below, seconds=GONE_SECONDS)


@pytest.mark.parametrize("wanted", [1, 3])  # of Ray's processes: the cluster is not there yet
def test_a_driver_that_is_interrupted_while_its_cluster_starts_leaves_nothing(
    media: Path, wanted: int
) -> None:
    command = [sys.executable, "-m", "cli.main", "index", str(media), "--distributed", "ray"]
    before = folders_of_clusters()
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        below = wait_for(lambda: started if len(started := descendants(driver.pid)) >= wanted else None)
        assert folders_of_clusters() - before
        driver.send_signal(signal.SIGINT)
        _, messages = driver.communicate(timeout=MAX_SECONDS)
    finally:
        driver.kill()
    assert driver.returncode == 130
    assert "Interrupted" in messages
    wait_until_ended(below, seconds=GONE_SECONDS)
    assert not [folder for folder in folders_of_clusters() - before if not is_in_use(folder)]


def folders_of_clusters() -> set[Path]:
    """Of all clusters on this machine that were started for a run."""
    return set(Path("/tmp").glob("jepa-ray-*"))


def is_in_use(folder: Path) -> bool:
    """Whether a running process names it: another run, beside the test, has a cluster too."""
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if os.fsencode(folder) in command.read_bytes():
                return True
    return False


def test_the_head_of_a_cluster_is_found(workers: Any) -> None:
    require_head(workers.get_runtime_context().gcs_address)


def test_a_connection_of_the_caller_stays_whatever_is_asked_for(workers: Any, media: Path) -> None:
    library = Library.create(media)
    with pytest.raises(UsageError, match=r"connected to the Ray cluster at .*, not to 127\.0\.0\.1:1"):
        distributed(library, address="127.0.0.1:1")
    assert workers.is_initialized()
    here = workers.get_runtime_context().gcs_address
    assert distributed(library, address=here).indexed == 5
    assert workers.is_initialized()
