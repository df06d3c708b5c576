"""Videos decoded by the embedding process: the same windows as from the workers. The CPU stands for the GPU."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jepa_retrieval.errors import MediaError
from jepa_retrieval.media import DecodePool, DecodeRequest, Failed, Finished, MediaWindow, Probed
from jepa_retrieval.media.frame_fit import Fit
from jepa_retrieval.media.gpu import reading
from jepa_retrieval.media.gpu.reading import check_gpu_decoder
from jepa_retrieval.media.types import Decoded, Event, GpuWindow
from jepa_retrieval.media.video.frame_sources import TorchCodecSource
from tests.media_factory import make_picture, make_video
from tests.stand_in_torchcodec import VideoDecoder, install

SIZE = 64


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    with DecodePool(workers=1) as opened:
        yield opened


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> type[VideoDecoder]:
    return install(monkeypatch)


@pytest.fixture(params=["stand-in", "torchcodec"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "stand-in":
        install(monkeypatch)
        return
    try:
        importlib.import_module("torchcodec.decoders")
    except (ImportError, OSError, RuntimeError) as error:
        pytest.skip(f"torchcodec cannot be loaded here: {str(error).splitlines()[0]}")


def events_of(pool: DecodePool, path: Path, device: str | None = "cpu", **options: Any) -> list[Event]:
    options = {"decoder": "nvdec", **options}
    return list(pool.run([DecodeRequest(path, image_size=SIZE, **options)], device=device))


def windows_of(events: list[Event]) -> list[MediaWindow]:
    assert isinstance(events[0], Probed) and isinstance(events[-1], Finished), events
    return [window for event in events if isinstance(event, Decoded) for window in event.windows]


def compare(pool: DecodePool, path: Path, **options: Any) -> tuple[list[MediaWindow], tuple[str, ...]]:
    """Assert that both ways give the same; return the windows of the GPU, and the warnings."""
    expected = events_of(pool, path, None, **options)
    found = events_of(pool, path, **options)
    ours, theirs = windows_of(found), windows_of(expected)
    assert [(w.start, w.end, w.crops) for w in ours] == [(w.start, w.end, w.crops) for w in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert np.abs(one.times - other.times).max() < 1e-3
        frames = one.frames.numpy() if isinstance(one, GpuWindow) else one.frames
        assert np.abs(frames.astype(int) - other.frames).mean() < 4  # colours are scaled in another order
        assert (one.thumbnail is None) == (other.thumbnail is None)
    last, before = found[-1], expected[-1]
    assert (
        isinstance(last, Finished)
        and isinstance(before, Finished)
        and found[0]
        == Probed(
            last.request,
            expected[0].info,  # type: ignore[union-attr]
        )
    )
    assert (last.content_hash, last.duration, last.partial) == (
        before.content_hash,
        before.duration,
        before.partial,
    )
    return ours, last.warnings


@pytest.mark.parametrize(
    "options",
    [
        {"sampling": 2.0},
        {"fit": Fit("crop", short_side=72), "thumbnails": False},
        {"fit": Fit("pad"), "start": 1.1, "end": 3.0},
    ],
)
def test_the_same_windows_as_from_a_worker(
    tmp_path: Path, pool: DecodePool, library: None, options: dict[str, Any]
) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=5, gop=30, start_time=1.0, sound=True, size=(320, 120))
    windows, warnings = compare(pool, video, **options)
    assert warnings == () and windows
    assert all(isinstance(window, GpuWindow) and window.frames.dtype == torch.uint8 for window in windows)


def test_high_definition_that_does_not_state_its_colours(
    tmp_path: Path, pool: DecodePool, library: None
) -> None:
    compare(pool, make_video(tmp_path / "a.mp4", seconds=0.5, size=(1280, 720)))


def test_the_device_is_passed_on(tmp_path: Path, pool: DecodePool, stand_in: type[VideoDecoder]) -> None:
    assert isinstance(windows_of(events_of(pool, make_video(tmp_path / "a.mp4"), "cuda:0"))[0], GpuWindow)
    assert stand_in.devices == ["cuda:0"]


def test_what_is_not_for_the_gpu_is_read_by_a_worker(
    tmp_path: Path, pool: DecodePool, stand_in: type[VideoDecoder]
) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=1)
    assert windows_of(events_of(pool, make_picture(tmp_path / "a.jpg")))[0].start is None
    assert not isinstance(windows_of(events_of(pool, video, None))[0], GpuWindow)
    assert not isinstance(windows_of(events_of(pool, video, decoder="pyav"))[0], GpuWindow)
    assert stand_in.devices == []


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "a.mkv",
            {"gop": 25, "options": {"intra-refresh": "1", "bf": "0"}},
            "its key frames need the frames before them",
        ),
        ("a.h264", {}, "its frames carry no times"),
        ("a.mp4", {"rotation": 90}, "it does not turn rotated video upright"),
    ],
)
def test_what_it_would_show_differently_is_read_by_a_worker(
    tmp_path: Path,
    pool: DecodePool,
    stand_in: type[VideoDecoder],
    name: str,
    options: dict[str, Any],
    message: str,
) -> None:
    windows, warnings = compare(pool, make_video(tmp_path / name, seconds=4, **options))
    assert warnings == (f"was read with PyAV, not nvdec: {message}",)
    assert not any(isinstance(window, GpuWindow) for window in windows)


def test_what_nvdec_does_not_decode_is_read_by_a_worker(
    tmp_path: Path, pool: DecodePool, stand_in: type[VideoDecoder]
) -> None:
    class Fallback:
        def __str__(self) -> str:
            return "[CUDA] Fallback status: Falling back due to: Video not supported"

    stand_in.cpu_fallback = Fallback()
    windows, warnings = compare(pool, make_video(tmp_path / "a.mp4", seconds=1))
    assert warnings == ("was read with PyAV, not nvdec: NVDEC does not decode it (Video not supported)",)
    assert not isinstance(windows[0], GpuWindow)


def test_a_worker_goes_on_where_the_gpu_fails(
    tmp_path: Path, pool: DecodePool, stand_in: type[VideoDecoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, batch: int) -> None:
        if batch == 4:
            raise RuntimeError("CUDA error: out of memory\nmore of it")

    stand_in.on_read = staticmethod(fail)
    monkeypatch.setattr(reading, "_BATCH_BYTES", 160 * 96 * 3)  # frame by frame
    windows, warnings = compare(pool, make_video(tmp_path / "a.mp4", seconds=6), sampling=1.0)
    assert warnings == ("was read with PyAV, not nvdec: CUDA error: out of memory",)
    assert [isinstance(window, GpuWindow) for window in windows] == [True, False, False]


def test_a_file_that_changes_meanwhile_has_failed(
    tmp_path: Path, pool: DecodePool, stand_in: type[VideoDecoder]
) -> None:
    def grow(path: Path, batch: int) -> None:
        with path.open("ab") as file:
            file.write(b"more")

    stand_in.on_read = staticmethod(grow)
    last = events_of(pool, make_video(tmp_path / "a.mp4", seconds=1))[-1]
    assert isinstance(last, Failed) and last.reason == "was changed while it was read"


def test_a_damaged_file_is_never_opened_here(
    tmp_path: Path, pool: DecodePool, stand_in: type[VideoDecoder]
) -> None:
    damaged = tmp_path / "a.mp4"
    damaged.write_bytes(make_video(tmp_path / "b.mp4", seconds=1).read_bytes()[:600])
    expected, found = events_of(pool, damaged, None)[-1], events_of(pool, damaged)[-1]
    assert isinstance(expected, Failed) and isinstance(found, Failed)
    assert found.reason == expected.reason
    assert stand_in.devices == []


def test_the_check_before_a_run(stand_in: type[VideoDecoder], monkeypatch: pytest.MonkeyPatch) -> None:
    check_gpu_decoder("cuda")
    stand_in.cpu_fallback = "[CUDA] Fallback status: Falling back due to: NVcuvid unavailable"
    message = r"the decoder nvdec cannot be used on cuda: NVDEC does not decode it \(NVcuvid unavailable\)"
    with pytest.raises(MediaError, match=message):
        check_gpu_decoder("cuda")
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", None)
    with pytest.raises(MediaError, match="the decoder torchcodec is not installed: pip install torchcodec"):
        check_gpu_decoder("cuda")


def test_torchcodec_before_version_0_12_has_another_name_for_nvdec(
    stand_in: type[VideoDecoder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = []

    @contextmanager
    def set_cuda_backend(backend: str) -> Iterator[None]:
        if backend not in ("ffmpeg", "beta"):
            raise ValueError(f"Invalid CUDA backend ({backend}).")
        chosen.append(backend)
        yield

    monkeypatch.setattr(sys.modules["torchcodec.decoders"], "set_cuda_backend", set_cuda_backend)
    path = make_video(tmp_path / "video.mp4")
    TorchCodecSource(path, device="cuda")
    assert chosen == ["beta"] and stand_in.devices == ["cuda"]
