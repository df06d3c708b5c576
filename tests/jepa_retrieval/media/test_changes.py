"""Pictures that differ from the one before: in videos, images and animated pictures, in portions."""

from pathlib import Path

import numpy as np
import pytest

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media import changes
from jepa_retrieval.media.changes import read_changed
from tests.signs import SIZE, sign, sign_video

ONE, TWO = sign(("one", (40, 60))), sign(("two", (40, 60)))


def times(path: Path, starts: list[float]) -> list[float]:
    """Of all pictures, whatever the portions, in whole seconds: two frames of a second are looked at."""
    found: list[float] = []
    begin, last = None, None
    while True:
        portion = read_changed(path, starts, begin, last, on_tick=lambda: None)
        found += [float(int(time or 0.0)) for time, _ in portion.pictures]
        begin, last = portion.next_time, portion.last
        if begin is None:
            return found


def test_the_first_picture_of_each_clip_and_what_changes_is_read(tmp_path: Path) -> None:
    video = sign_video(tmp_path / "a.mp4", [ONE, ONE, TWO, TWO])
    assert times(video, [0.0]) == [0.0, 4.0]
    assert times(video, [0.0, 2.0, 6.0]) == [0.0, 2.0, 4.0, 6.0]


def test_portions_hold_the_same_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = sign_video(tmp_path / "a.mp4", [ONE, TWO] * 3)
    whole = times(video, [0.0])
    assert whole == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    monkeypatch.setattr(changes, "MAX_BYTES", 2 * 3 * SIZE[0] * SIZE[1])
    first = read_changed(video, [0.0], None, None, on_tick=lambda: None)
    assert len(first.pictures) == 2 and first.next_time is not None
    assert times(video, [0.0]) == whole


def test_pictures_are_upright_and_no_larger_than_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = ONE.getexif()
    exif[274] = 6  # to be turned
    ONE.save(tmp_path / "turned.jpg", exif=exif)
    ((time, pixels),) = read_changed(
        tmp_path / "turned.jpg", [0.0], None, None, on_tick=lambda: None
    ).pictures
    assert time is None and pixels.shape == (SIZE[0], SIZE[1], 3) and pixels.dtype == np.uint8
    monkeypatch.setattr(changes, "MAX_SIDE", 160)
    ((_, pixels),) = read_changed(tmp_path / "turned.jpg", [0.0], None, None, on_tick=lambda: None).pictures
    assert pixels.shape == (160, 96, 3)


def test_animated_pictures_are_videos(tmp_path: Path) -> None:
    ONE.save(tmp_path / "a.gif", save_all=True, append_images=[TWO], duration=2000)
    assert times(tmp_path / "a.gif", [0.0]) == [0.0, 2.0]


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"\0" * 100)
    with pytest.raises(UnreadableMediaError):
        read_changed(tmp_path / "a.mp4", [0.0], None, None, on_tick=lambda: None)
