"""decord as the other back end: the same times, nearly the same pixels."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jepa_retrieval.errors import MediaError, UnreadableMediaError
from jepa_retrieval.media import MediaWindow
from tests.jepa_retrieval.media.conftest import Read
from tests.media_factory import make_picture, make_video
from tests.real_media import video as real_video

decord = pytest.importorskip("decord", reason="decord has wheels for Linux x86_64 only")
Times = Callable[[list[MediaWindow]], list[float]]


@pytest.mark.parametrize("sampling", ["keyframes", "auto", 2.0])
def test_same_times_and_pictures(tmp_path: Path, read: Read, frame_times: Times, sampling: object) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=7, gop=60, options={"bf": "0"}, rotation=90)
    ours, theirs = (
        read(video, sampling=sampling, backend=backend, image_size=64) for backend in ("pyav", "decord")
    )
    assert frame_times(theirs) == pytest.approx(frame_times(ours), abs=0.001)
    for one, other in zip(ours, theirs, strict=True):
        assert (one.start, one.end) == (other.start, pytest.approx(other.end))
        assert np.abs(one.frames.astype(int) - other.frames).mean() < 3


def test_real_video(read: Read, frame_times: Times) -> None:
    ours, theirs = (
        read(real_video("bikes.mp4"), backend=backend, image_size=128) for backend in ("pyav", "decord")
    )
    assert frame_times(theirs) == pytest.approx(frame_times(ours), abs=0.13)  # a few frames: see video_decord
    assert (
        np.mean([np.abs(a.frames.astype(int) - b.frames).mean() for a, b in zip(ours, theirs, strict=True)])
        < 4
    )


def test_a_part_and_a_late_start(tmp_path: Path, read: Read) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=6, gop=50, start_time=1.0, sound=True)
    for options in ({}, {"start": 2.5, "end": 5.0}):
        ours, theirs = (
            read(video, backend=backend, image_size=64, **options) for backend in ("pyav", "decord")
        )
        assert [(w.start, len(w.frames)) for w in theirs] == [(w.start, len(w.frames)) for w in ours]


def test_pictures_do_not_need_it(tmp_path: Path, read: Read) -> None:
    assert len(read(make_picture(tmp_path / "a.jpg"), backend="decord")) == 1


def test_what_it_cannot_read(tmp_path: Path, read: Read) -> None:
    video = make_video(tmp_path / "a.mkv", seconds=1, codec="libsvtav1", options={"svtav1-params": "lp=1"})
    with pytest.raises(UnreadableMediaError, match="decord cannot read it"):
        read(video, backend="decord", image_size=64)


def test_where_it_is_missing(tmp_path: Path, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=1)
    monkeypatch.setitem(sys.modules, "decord", None)
    with pytest.raises(MediaError, match="decord is not installed"):
        read(video, backend="decord")
