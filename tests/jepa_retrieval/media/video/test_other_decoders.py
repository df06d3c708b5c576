"""decord and TorchCodec: the same frames as PyAV, or PyAV's own with a message."""

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jepa_retrieval.errors import MediaError, UsageError
from jepa_retrieval.media import (
    DecodePool,
    DecodeRequest,
    FoundFile,
    MediaWindow,
    ReadReport,
    read_windows,
    scan,
)
from tests.jepa_retrieval.media.conftest import Read
from tests.media_factory import RED, make_picture, make_video

Times = Callable[[list[MediaWindow]], list[float]]
SIZE = 64
HEVC = {"codec": "libx265", "options": {"preset": "ultrafast", "x265-params": "log-level=none"}}


@pytest.fixture(params=["decord", "torchcodec"])
def decoder(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    try:
        importlib.import_module({"torchcodec": "torchcodec.decoders"}.get(name, name))
    except (ImportError, OSError, RuntimeError) as error:
        pytest.skip(f"{name} cannot be loaded here: {str(error).splitlines()[0]}")
    return name


def compare(path: Path, decoder: str, **options: Any) -> list[str]:
    """Assert that both decoders read the same; return what the other one's report says."""
    options = {"image_size": SIZE, "thumbnails": False, **options}
    reports = ReadReport(), ReadReport()
    ours, theirs = (
        list(read_windows(DecodeRequest(path, decoder=name, **options), report=report))
        for name, report in zip(("pyav", decoder), reports, strict=True)
    )
    assert [(w.start, w.end) for w in theirs] == [(w.start, pytest.approx(w.end, abs=1e-3)) for w in ours]
    for one, other in zip(ours, theirs, strict=True):
        assert np.abs(one.times - other.times).max() < 1e-3
        assert (
            np.abs(one.frames.astype(int) - other.frames).mean() < 4
        )  # of 255: colours are scaled in another order
    assert reports[1].duration == pytest.approx(reports[0].duration, abs=1e-3)
    return [warning for warning in reports[1].warnings if "PyAV" in warning]


MADE = {
    "dense key frames": {"gop": 12},
    "sparse key frames": {"gop": 250},
    "rotated": {"rotation": 90},
    "upside down": {"rotation": 180},
    "10-bit": {"pixel_format": "yuv420p10le"},
    "full chroma": {"pixel_format": "yuv444p"},
    "full range": {"pixel_format": "yuvj420p"},
    "unmarked HD": {"size": (1280, 720), "seconds": 1.0},
    "BT.709 in SD": {"options": {"colorspace": "bt709"}},
    "late start": {"start_time": 1.0, "sound": True},
    "HEVC": HEVC,
}


@pytest.mark.parametrize("sampling", ["keyframes", "auto", 2.0])
@pytest.mark.parametrize("kind", MADE)
def test_the_same_frames(tmp_path: Path, decoder: str, kind: str, sampling: Any) -> None:
    video = make_video(tmp_path / "a.mp4", **{"seconds": 5.0, **MADE[kind]})
    assert compare(video, decoder, sampling=sampling) == []


def test_a_variable_frame_rate(tmp_path: Path, decoder: str) -> None:
    video = make_video(tmp_path / "a.mkv", times=[0.0, 0.3, 0.35, 1.9, 2.0, 2.7, 6.1, 6.15, 7.0])
    assert compare(video, decoder, sampling=4.0, frames_per_window=8) == []


def test_reordered_frames_in_an_old_container(tmp_path: Path, decoder: str) -> None:
    compare(make_video(tmp_path / "a.avi", seconds=4, codec="mpeg4", options={"bf": "2"}), decoder)


@pytest.mark.parametrize("interval", [(2.5, 5.0), (1.1, 1.12), (0.0, 0.7)])
def test_an_interval(tmp_path: Path, decoder: str, interval: tuple[float, float]) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=6, gop=50, start_time=1.0)
    start, end = interval
    assert compare(video, decoder, start=start, end=end) == []


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "intra.mkv",
            {"gop": 25, "options": {"intra-refresh": "1", "bf": "0"}},
            "its key frames need the frames before them",
        ),
        ("ycgco.mkv", {"options": {"colorspace": "ycgco"}}, "it does not know the colour space"),
    ],
)
def test_what_it_would_show_differently_is_read_with_pyav(
    tmp_path: Path, decoder: str, name: str, options: dict[str, Any], message: str
) -> None:
    video = make_video(tmp_path / name, seconds=4, **options)
    assert compare(video, decoder) == [f"was read with PyAV, not {decoder}: {message}"]


@pytest.mark.parametrize("decoder", ["decord"], indirect=True)
def test_what_decord_cannot_decode(tmp_path: Path, decoder: str) -> None:
    video = make_video(tmp_path / "a.mkv", seconds=2, codec="libsvtav1", options={"svtav1-params": "lp=1"})
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
    assert compare(video, decoder) == ["was read with PyAV, not decord: it cannot decode the file"]
    stream = make_video(tmp_path / "b.ts", seconds=6, gop=25)
    assert compare(stream, decoder) == [
        "was read with PyAV, not decord: it shows wrong frames of containers without an index"
    ]
    open_groups = make_video(tmp_path / "c.mp4", seconds=6, gop=24, codec="mpeg4", options={"bf": "2"})
    assert compare(open_groups, decoder) == [
        "was read with PyAV, not decord: it shows wrong frames where groups of pictures are open"
    ]


@pytest.mark.parametrize("decoder", ["torchcodec"], indirect=True)
def test_a_stream_without_stamps(tmp_path: Path, decoder: str) -> None:
    video = make_video(tmp_path / "a.h264", seconds=4)
    assert compare(video, decoder) == ["was read with PyAV, not torchcodec: its frames carry no times"]


@pytest.mark.shared
def test_every_codec(shared_data: Path, decoder: str) -> None:
    files = [entry.path for entry in scan(shared_data / "videos" / "codecs") if isinstance(entry, FoundFile)]
    assert len(files) >= 20
    left = {
        path.name for path in files for sampling in ("auto", 2.0) if compare(path, decoder, sampling=sampling)
    }
    assert left <= {
        "decord__corrupted.mp4",
        "ocv__tree.avi",
        "pyscene__fades.mp4",
        "torchcodec__av1_video.mkv",
        "torchcodec__h265_video.mp4",
        "torchcodec__h265_10bits.mp4",
        "torchcodec__nasa_13013.mp4",
    }


def test_pictures_do_not_need_it(tmp_path: Path, read: Read, decoder: str) -> None:
    assert len(read(make_picture(tmp_path / "a.jpg"), decoder=decoder)) == 1


def test_in_a_worker_process(tmp_path: Path, decoder: str) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=2, scenes=[RED])
    with DecodePool(workers=1) as pool:
        events = list(pool.run([DecodeRequest(video, image_size=SIZE, decoder=decoder)]))  # type: ignore[arg-type]
    assert [type(event).__name__ for event in events][-1] == "Finished"
    assert events[-1].warnings == ()  # type: ignore[union-attr]


def test_the_environment_names_the_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JEPA_DECODER", "opencv")
    with pytest.raises(
        UsageError, match=r"\$JEPA_DECODER must be one of auto, pyav, decord, torchcodec, nvdec, not 'opencv'"
    ):
        DecodeRequest(tmp_path / "a.mp4", image_size=SIZE)
    assert DecodeRequest(tmp_path / "a.mp4", image_size=SIZE, decoder="pyav").decoder == "pyav"


def test_a_decoder_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jepa_retrieval.media.decoders.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="the decoder decord is not installed: pip install decord"):
        DecodeRequest(tmp_path / "a.mp4", image_size=SIZE, decoder="decord")


def test_a_decoder_that_cannot_be_loaded_stops_the_run_with_one_sentence(
    tmp_path: Path, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=1)
    (tmp_path / "torchcodec").mkdir()
    (tmp_path / "torchcodec" / "__init__.py").write_text("raise RuntimeError('no FFmpeg libraries')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchcodec"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    message = "the decoder torchcodec is not installed: pip install torchcodec, and FFmpeg's libraries"
    with pytest.raises(MediaError, match=message):
        read(video, decoder="torchcodec")
    with DecodePool(workers=1) as pool, pytest.raises(MediaError, match=message):
        list(pool.run([DecodeRequest(video, image_size=SIZE, decoder="torchcodec")]))
