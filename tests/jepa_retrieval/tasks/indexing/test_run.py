"""What one file does to a run: nothing, whatever happens to it."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from indexes import Index
from jepa_retrieval.errors import UsageError
from jepa_retrieval.media import FoundFile
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.tasks.indexing.options import IndexOptions
from jepa_retrieval.tasks.indexing.report import IndexProgress, IndexReport
from jepa_retrieval.tasks.indexing.run import IndexingRun
from jepa_retrieval.tasks.indexing.update import IndexUpdate
from tests.jepa_retrieval.tasks.colour_model import ColourModel
from tests.media_factory import BLUE, GREEN, RED, make_picture, make_video
from tests.stand_in_torchcodec import install


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return Index.create(
        tmp_path / "index", model="colours", prompt="", fingerprint="colours", embedding_size=5
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "media").mkdir()
    return tmp_path / "media"


def run(index: Index, folder: Path, model: ColourModel | None = None, **options: object) -> IndexReport:
    update = IndexUpdate([folder], IndexOptions(**options), MediaRoot(folder))
    report = update.apply(index, model or ColourModel())
    index.refresh()
    return report


def states(index: Index) -> dict[str, str]:
    return {path: record.state for path, record in index.known_files().items()}


def cut_video(path: Path) -> Path:
    """A video of sixteen seconds of which the last six are not there."""
    whole = make_video(path, seconds=16, gop=25, container_options={"movflags": "faststart"})
    data = whole.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    return path


def test_a_file_that_is_cut_off_is_indexed_in_part(index: Index, folder: Path) -> None:
    cut_video(folder / "cut.mp4")
    make_picture(folder / "whole.png")
    report = run(index, folder)
    assert (report.indexed, report.failed) == (2, [])
    (partial,) = report.partial
    assert partial.path == "cut.mp4"
    assert "is cut off" in partial.error
    assert states(index) == {"cut.mp4": "partial", "whole.png": "ok"}
    assert index.clips_of("cut.mp4")
    again = run(index, folder)
    assert (again.unchanged, again.partial) == (2, [])
    os.utime(folder / "cut.mp4", ns=(1, 1))
    assert (run(index, folder).unchanged, states(index)["cut.mp4"]) == (2, "partial")
    assert len(run(index, folder, retry_failed=True).partial) == 1
    make_video(folder / "cut.mp4", seconds=8)
    assert run(index, folder).partial == []
    assert states(index)["cut.mp4"] == "ok"


def test_a_file_that_vanishes_during_the_run_keeps_what_the_index_has(index: Index, folder: Path) -> None:
    make_picture(folder / "a.png", colour=RED)
    make_picture(folder / "b.png", colour=BLUE)
    run(index, folder)
    gone = FoundFile(folder / "a.png", 1, 1)
    (folder / "a.png").unlink()
    found = {"a.png": gone, "b.png": FoundFile(folder / "b.png", 2, 2)}
    with index.writer() as writer:
        report = IndexingRun(ColourModel(), writer, IndexOptions(), prompt="").embed(found)
    assert [(failure.path, failure.error) for failure in report.failed] == [
        ("a.png", "no such file or folder")
    ]
    assert report.indexed == 1
    assert states(index) == {"a.png": "ok", "b.png": "ok"}
    assert index.clips_of("a.png")


def test_files_that_vanish_while_others_are_decoded_do_not_end_the_run(index: Index, folder: Path) -> None:
    for number in range(60):
        make_picture(folder / f"{number:02d}.png", colour=(number * 4, 80, 160))

    def remove_the_rest(progress: IndexProgress) -> None:
        for path in folder.glob("[1-5]*.png"):
            path.unlink(missing_ok=True)

    update = IndexUpdate([folder], IndexOptions(workers=1), MediaRoot(folder), remove_the_rest)
    report = update.apply(index, ColourModel())
    assert report.indexed + len(report.failed) == 60
    assert {failure.error for failure in report.failed} == {"no such file or folder"}


class BlindToRed(ColourModel):
    """Gives no number for what is red."""

    def predict(self, tokens: np.ndarray, queries: Sequence[str]) -> np.ndarray:
        embeddings = super().predict(tokens, queries)
        red = tokens.mean(axis=1)[:, 0] > tokens.mean(axis=1)[:, 1:].max(axis=1)
        return np.where(red[:, np.newaxis], np.float32(np.nan), embeddings)


def test_a_damaged_file_as_large_as_a_disk_is_not_read_whole(index: Index, folder: Path) -> None:
    for name in ("a.mp4", "b.png", "c.mkv"):
        with (folder / name).open("wb") as file:
            file.truncate(1 << 40)  # bytes, none of which takes space
    report = run(index, folder)
    assert {failure.path for failure in report.failed} == {"a.mp4", "b.png", "c.mkv"}
    hashes = {record.content_hash for record in index.known_files().values()}
    assert len(hashes) == 1 and hashes.pop().startswith("head:")
    again = run(index, folder)
    assert (again.failed, again.failed_before) == ([], 3)  # they can be read, and have not changed


def test_a_link_into_the_system_is_named(index: Index, folder: Path) -> None:
    for name in ("mem", "kmsg", "environ"):  # that claim to be empty files, and are not, or cannot be read
        (folder / f"{name}.mp4").symlink_to(f"/proc/self/{name}" if name != "kmsg" else "/proc/kmsg")
    make_picture(folder / "good.png", colour=GREEN)
    report = run(index, folder)
    assert report.indexed == 1
    assert {failure.path for failure in report.failed} == {"mem.mp4", "kmsg.mp4", "environ.mp4"}


def test_a_file_that_cannot_be_stored_is_named_and_the_rest_goes_on(index: Index, folder: Path) -> None:
    for name, colour in (("red", RED), ("green", GREEN), ("blue", BLUE)):
        make_picture(folder / f"{name}.png", colour=colour)
    report = run(index, folder, BlindToRed())
    assert report.indexed == 2
    (failure,) = report.failed
    assert (failure.path, "NaN" in failure.error) == ("red.png", True)
    assert states(index) == {"red.png": "failed", "green.png": "ok", "blue.png": "ok"}


def test_videos_decoded_on_a_gpu_give_the_same_clips(
    index: Index, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: set[str] = set()

    class GpuModel(ColourModel):
        device = "cpu"  # stands for the GPU

        def encode(self, frames: object) -> np.ndarray:
            given.add(type(frames).__name__)
            return super().encode(np.asarray(frames))

    install(monkeypatch)
    make_video(folder / "a.mp4", seconds=8, gop=25)
    run(index, folder)
    expected = index.clips_of("a.mp4")
    os.utime(folder / "a.mp4", ns=(1, 1))
    make_video(folder / "a.mp4", seconds=8, gop=24)  # another content
    report = run(index, folder, GpuModel(), decoder="nvdec")
    assert (report.indexed, report.failed, report.warnings) == (1, [], [])
    assert given == {"Tensor"}
    found = index.clips_of("a.mp4")
    assert [(clip.start, clip.end) for clip in found] == [(clip.start, clip.end) for clip in expected]


def test_a_model_on_the_cpu_takes_no_frames_of_a_gpu(
    index: Index, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch)
    make_video(folder / "a.mp4", seconds=1)
    message = "the decoder nvdec hands frames to a model on a GPU, and colours runs on the CPU"
    with pytest.raises(UsageError, match=message):
        run(index, folder, decoder="nvdec")
