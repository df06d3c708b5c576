"""Videos to windows: the grid, the times, the right picture at the right time."""

import io
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media import DecodeRequest, MediaWindow, ReadReport, probe, read_windows
from jepa_retrieval.media.video.frames import Scaler
from tests.jepa_retrieval.media.conftest import SIZE, Read
from tests.media_factory import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    Colour,
    draw,
    join_recordings,
    make_timelapse,
    make_video,
)

Times = Callable[[list[MediaWindow]], list[float]]
SCENES = (RED, GREEN, BLUE, YELLOW)
HEVC = {"codec": "libx265", "options": {"preset": "ultrafast", "x265-params": "log-level=none"}}


def colour_of(frame: np.ndarray) -> Colour:
    """Which of the scenes a frame shows, by its lower right quarter."""
    mean = frame[SIZE // 2 :, SIZE // 2 :].reshape(-1, 3).mean(0)
    return min(SCENES, key=lambda scene: float(np.abs(mean - scene).sum()))


def assert_covers(windows: list[MediaWindow], start: float, end: float) -> None:
    """Windows follow each other without gaps or overlaps from `start` to `end`."""
    assert windows[0].start == pytest.approx(start)
    assert windows[-1].end == pytest.approx(end, abs=0.05)
    for window, following in pairwise(windows):
        assert window.end == following.start


def test_windows_lie_on_a_grid_and_end_with_the_video(tmp_path: Path, read: Read) -> None:
    windows = read(make_video(tmp_path / "a.mp4", seconds=5), sampling=2.0)
    assert [(window.start, window.end) for window in windows] == [(0, 2), (2, 4), (4, 5)]
    assert [len(window.frames) for window in windows] == [4, 4, 2]
    for window in windows:
        assert window.frames.dtype == np.uint8 and window.frames.shape[1:] == (SIZE, SIZE, 3)
        assert window.times.dtype == np.float64
        assert window.start is not None and window.end is not None
        assert ((window.times >= window.start) & (window.times < window.end)).all()


@pytest.mark.parametrize("sampling", [2.0, "auto", "keyframes"])
@pytest.mark.parametrize("gop", [1, 12, 250])
def test_frames_show_the_scene_of_their_time(tmp_path: Path, read: Read, sampling: object, gop: int) -> None:
    windows = read(make_video(tmp_path / "a.mp4", seconds=8, gop=gop), sampling=sampling)
    assert_covers(windows, 0, 8)
    for window in windows:
        for time, frame in zip(window.times, window.frames, strict=True):
            assert colour_of(frame) == SCENES[int(time / 2)]


def test_dense_sampling_is_near_the_middle_of_every_half_second(
    tmp_path: Path, read: Read, frame_times: Times
) -> None:
    times = frame_times(read(make_video(tmp_path / "a.mp4", seconds=6, fps=30), sampling=2.0))
    assert len(times) == 12
    assert np.abs(np.array(times) - (np.arange(12) * 0.5 + 0.25)).max() <= 0.1


def test_every_time_is_the_time_of_a_frame(tmp_path: Path, read: Read, frame_times: Times) -> None:
    stamps = [0.0, 0.3, 0.35, 1.9, 2.0, 2.7, 6.1, 6.15, 7.0]
    video = make_video(tmp_path / "a.mkv", times=stamps)
    times = frame_times(read(video, sampling=4.0, frames_per_window=8))
    assert all(min(abs(time - stamp) for stamp in stamps) < 0.001 for time in times)
    assert times == sorted(times)


def test_a_picture_that_stands_still_lasts_until_the_next(tmp_path: Path, read: Read) -> None:
    video = make_video(tmp_path / "slides.mkv", times=[0.0, 7.0, 7.5, 15.0], fps=1)
    windows = read(video)
    assert [(window.start, window.end) for window in windows] == [(0, 6), (6, 14), (14, 16)]


def test_key_frames_alone_where_they_are_dense(tmp_path: Path, read: Read, frame_times: Times) -> None:
    dense = make_video(tmp_path / "dense.mp4", seconds=9, fps=25, gop=25)
    *inner, _last = read(dense, sampling="auto")
    assert frame_times(inner) == pytest.approx(list(range(8)))  # a key frame a second, and nothing else


def test_auto_decodes_between_key_frames_that_are_far_apart(
    tmp_path: Path, read: Read, frame_times: Times
) -> None:
    sparse = make_video(tmp_path / "sparse.mp4", seconds=8, gop=250)
    assert frame_times(read(sparse, sampling="auto")) == frame_times(read(sparse, sampling=2.0))


def test_auto_mixes_both_in_one_file(tmp_path: Path, read: Read, frame_times: Times) -> None:
    forced = {"x264-params": "keyint=250:min-keyint=1:scenecut=40"}
    scenes = [
        SCENES[number % 4] for number in (0, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0)
    ]  # cuts each second, then none
    video = make_video(tmp_path / "mixed.mp4", seconds=12, scenes=scenes, options=forced)
    windows = read(video, sampling="auto")
    assert_covers(windows, 0, 12)
    assert frame_times(windows[:2]) == pytest.approx([0, 1, 2, 3])
    assert all(len(window.times) == 4 for window in windows[2:])


def test_only_key_frames_if_asked(tmp_path: Path, read: Read, frame_times: Times) -> None:
    windows = read(make_video(tmp_path / "a.mp4", seconds=9, fps=25, gop=100), sampling="keyframes")
    assert frame_times(windows) == pytest.approx([0, 4, 8])
    assert_covers(windows, 0, 9)


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".mp4"])
@pytest.mark.parametrize(
    "options",
    [{"x264-params": "open-gop=1:bframes=3"}, {"bf": "0", "x264-params": "open-gop=1"}],
    ids=["b", "no b"],
)
def test_open_groups(
    tmp_path: Path, read: Read, frame_times: Times, suffix: str, options: dict[str, str]
) -> None:
    video = make_video(tmp_path / f"a{suffix}", seconds=8, gop=25, options=options)
    windows = read(video, sampling="auto")
    assert_covers(windows, 0, 8)
    assert len(frame_times(windows)) >= 8
    for window in windows:
        for time, frame in zip(window.times, window.frames, strict=True):
            assert colour_of(frame) == SCENES[int(time / 2)]


def test_key_frames_that_are_none_are_not_trusted(tmp_path: Path, read: Read, frame_times: Times) -> None:
    video = make_video(tmp_path / "a.mkv", seconds=8, gop=25, options={"intra-refresh": "1"})
    for sampling in ("auto", "keyframes"):
        windows = read(video, sampling=sampling)
        assert_covers(windows, 0, 8)
        assert len(frame_times(windows)) == 16
        assert [colour_of(window.frames[0]) for window in windows] == list(SCENES)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ten.mp4", {"pixel_format": "yuv420p10le"}),
        ("full.mp4", {"pixel_format": "yuv444p"}),
        ("mpeg4.mp4", {"codec": "mpeg4"}),
        ("mpeg4.avi", {"codec": "mpeg4"}),
        ("mpeg2.ts", {"codec": "mpeg2video", "options": {"bf": "2"}}),
        ("jpeg.avi", {"codec": "mjpeg", "pixel_format": "yuvj422p"}),
        ("odd.mkv", {"codec": "ffv1", "size": (161, 97), "pixel_format": "yuv420p"}),
        (
            "hevc.mkv",
            HEVC,
        ),
        ("vp9.webm", {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}}),
        ("grey.mkv", {"codec": "ffv1", "pixel_format": "gray"}),
    ],
)
@pytest.mark.parametrize("sampling", [2.0, "auto"])
def test_codecs_and_pixel_formats(
    tmp_path: Path, read: Read, name: str, options: dict[str, object], sampling: object
) -> None:
    video = make_video(tmp_path / name, seconds=4, **options)  # type: ignore[arg-type]
    windows = read(video, sampling=sampling)
    assert_covers(windows, 0, 4)
    if name != "grey.mkv":
        seen = [
            (int(time), colour_of(frame))
            for window in windows
            for time, frame in zip(window.times, window.frames, strict=True)
        ]
        assert all(colour == SCENES[second] for second, colour in seen)
    info = probe(video)
    assert (info.kind, info.duration) == ("video", pytest.approx(4, abs=0.1))


@pytest.mark.parametrize(
    ("height", "space", "marked"),
    [(96, "ITU601", False), (720, "ITU709", False), (96, "ITU709", True), (720, "ITU601", True)],
)
def test_colours_are_exact(height: int, space: str, marked: bool) -> None:
    """Video that does not say its colour space is taken for BT.709 from 720 lines on, for BT.601 below."""
    stored = av.VideoFrame.from_ndarray(draw((160, height), RED), format="rgb24").reformat(
        format="yuv420p", dst_colorspace=space
    )
    if not marked:
        stored.colorspace = 2  # unspecified
    shown = Scaler((SIZE, SIZE), None)(stored)
    assert np.abs(shown[-8:, -8:].reshape(-1, 3).mean(0) - RED).max() < 3


@pytest.mark.parametrize(("width", "height"), [(640, 360), (201, 131), (40, 30)])
def test_scaling_is_that_of_a_good_reference(width: int, height: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
    frame = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
    reference = np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BOX), np.float32)
    difference = np.abs(Scaler((SIZE, SIZE), None)(frame) - reference)
    assert difference.mean() < (3 if width > SIZE else 8)


@pytest.mark.parametrize(
    ("rotation", "corner", "size"),
    [(0, "top left", (160, 96)), (90, "top right", (96, 160)), (180, "bottom right", (160, 96)),
     (270, "bottom left", (96, 160))],
)  # fmt: skip
def test_rotated_video_is_upright(
    tmp_path: Path, read: Read, rotation: int, corner: str, size: tuple[int, int]
) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=0.5, rotation=rotation)
    info = probe(video)
    assert (info.rotation, (info.width, info.height)) == (rotation, size)
    (window,) = read(video)
    assert brightest_corner(window.frames[0]) == corner
    assert window.thumbnail is not None
    with Image.open(io.BytesIO(window.thumbnail)) as thumbnail:
        assert thumbnail.width / thumbnail.height == pytest.approx(size[0] / size[1], rel=0.02)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_time_lapse_is_turned_and_mirrored_as_its_exif_says(
    tmp_path: Path, read: Read, orientation: int
) -> None:
    video = make_timelapse(tmp_path / "a.mkv", orientation=orientation)
    corner = {1: "top left", 2: "top right", 3: "bottom right", 4: "bottom left"}
    corner |= {5: "top left", 6: "top right", 7: "bottom right", 8: "bottom left"}
    assert brightest_corner(read(video)[0].frames[0]) == corner[orientation]
    info = probe(video)
    assert (info.width, info.height) == ((160, 96) if orientation < 5 else (96, 160))


def brightest_corner(frame: np.ndarray) -> str:
    edge = SIZE // 5
    corners = {
        "top left": frame[:edge, :edge],
        "top right": frame[:edge, -edge:],
        "bottom left": frame[-edge:, :edge],
        "bottom right": frame[-edge:, -edge:],
    }
    return max(corners, key=lambda name: float(corners[name].mean()))


def test_pixel_aspect_counts_for_size_and_thumbnail(tmp_path: Path, read: Read) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=0.5, size=(96, 96), pixel_aspect=Fraction(2, 1))
    assert (probe(video).width, probe(video).height) == (192, 96)
    thumbnail = read(video)[0].thumbnail
    assert thumbnail is not None
    with Image.open(io.BytesIO(thumbnail)) as image:
        assert image.size == (256, 128)
    assert read(video, thumbnails=False)[0].thumbnail is None


def test_time_zero_is_where_the_container_starts(tmp_path: Path, read: Read) -> None:
    alone = make_video(tmp_path / "alone.ts", seconds=3, start_time=100.0)
    assert_covers(read(alone), 0, 3)
    late = make_video(tmp_path / "late.mp4", seconds=3, start_time=1.0, sound=True)  # sound from 0 on
    windows = read(late, sampling=2.0)
    assert windows[0].times[0] == pytest.approx(1.25, abs=0.1)
    assert_covers(windows, 0, 4)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi"])
@pytest.mark.parametrize("sampling", [2.0, "auto"])
def test_a_part_has_absolute_times(tmp_path: Path, read: Read, suffix: str, sampling: object) -> None:
    codec = "mpeg4" if suffix == ".avi" else "libx264"
    video = make_video(tmp_path / f"a{suffix}", seconds=12, gop=30, codec=codec)
    windows = read(video, start=5.0, end=8.5, sampling=sampling)
    assert [(window.start, window.end) for window in windows] == [(5, 7), (7, 8.5)]
    for window in windows:
        for time, frame in zip(window.times, window.frames, strict=True):
            assert 5.0 <= time < 8.5
            assert colour_of(frame) == SCENES[int(time / 3)]


def test_a_part_between_two_frames_shows_what_is_on_screen(tmp_path: Path, read: Read) -> None:
    video = make_video(tmp_path / "slides.mkv", times=[0.0, 10.0, 20.0], fps=1)
    (window,) = read(video, start=12.0, end=13.0)
    assert (window.start, window.end, window.times.tolist()) == (12, 13, [10])


def test_a_part_past_the_end_is_refused(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=2)
    with pytest.raises(UnreadableMediaError, match="no frame between 50 s and 60 s"):
        list(read_windows(DecodeRequest(video, image_size=SIZE, start=50, end=60)))


JOINED = [(RED, 0.0), (GREEN, 0.0), (BLUE, 40_000.0), (YELLOW, 3.0)]


@pytest.mark.parametrize("suffix", [".ts", ".vob"])
@pytest.mark.parametrize("sampling", ["auto", "keyframes", 2.0])
def test_time_runs_on_where_the_stamps_begin_anew(
    tmp_path: Path, read: Read, suffix: str, sampling: object
) -> None:
    video = join_recordings(tmp_path / f"a{suffix}", scenes=JOINED)
    report = ReadReport()
    request = DecodeRequest(video, image_size=SIZE, sampling=sampling)  # type: ignore[arg-type]
    windows = list(read_windows(request, report=report))
    assert_covers(windows, 0, 8)
    assert report.duration == pytest.approx(8, abs=0.3) and report.partial == []
    seen = [colour_of(window.frames[len(window.frames) // 2]) for window in windows[:4]]
    assert seen == list(SCENES)


@pytest.mark.parametrize("suffix", [".ts", ".vob"])
def test_an_interval_behind_a_stamp_that_begins_anew(tmp_path: Path, read: Read, suffix: str) -> None:
    video = join_recordings(tmp_path / f"a{suffix}", scenes=JOINED)
    for number, scene in enumerate(SCENES):
        (window,) = read(video, start=2 * number + 0.5, end=2 * number + 1.5)
        assert {colour_of(frame) for frame in window.frames} == {scene}
        assert all(0.5 <= time - 2 * number < 1.5 for time in window.times)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.h264", {}),
        ("a.264", {"options": {"bf": "0"}}),
        ("a.h265", HEVC),
        ("slow.hevc", {**HEVC, "fps": 10.0}),
        ("a.m2v", {"codec": "mpeg2video"}),
        ("a.mjpeg", {"codec": "mjpeg", "pixel_format": "yuvj420p"}),
        ("a.ivf", {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}}),
    ],
)
@pytest.mark.parametrize("sampling", ["auto", "keyframes", 2.0])
def test_raw_streams_last_as_long_as_they_are(
    tmp_path: Path, name: str, options: dict[str, object], sampling: object
) -> None:
    suffix = Path(name).suffix
    form = {".264": ".h264", ".h265": ".hevc"}.get(suffix, suffix)
    video = make_video(tmp_path / f"made{form}", seconds=8, gop=25, **options).rename(tmp_path / name)  # type: ignore[arg-type]
    report = ReadReport()
    request = DecodeRequest(video, image_size=SIZE, sampling=sampling)  # type: ignore[arg-type]
    windows = list(read_windows(request, report=report))
    assert report.duration == pytest.approx(8, abs=0.1)
    assert_covers(windows, 0, 8)
    for window in windows:
        for time, frame in zip(window.times, window.frames, strict=True):
            assert colour_of(frame) == SCENES[min(3, int((time + 0.05) / 2))]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".ts"])
def test_the_last_picture_stays_while_there_is_sound(tmp_path: Path, read: Read, suffix: str) -> None:
    video = make_video(tmp_path / f"a{suffix}", seconds=0.04, sound=True, sound_seconds=20.0)
    assert probe(video).duration == pytest.approx(20, abs=0.1)
    (window,) = read(video)
    assert (window.start, window.end) == (0, pytest.approx(20, abs=0.1))
    usual = make_video(tmp_path / "b.mp4", seconds=4, sound=True, sound_seconds=4.3)
    assert probe(usual).duration == pytest.approx(4)


def test_one_frame_is_enough(tmp_path: Path, read: Read) -> None:
    (window,) = read(make_video(tmp_path / "one.mp4", seconds=0.04))
    assert window.times.tolist() == [0.0]
    assert window.end == pytest.approx(0.04)


def test_frame_limit_and_window_length_are_obeyed(tmp_path: Path, read: Read) -> None:
    windows = read(
        make_video(tmp_path / "a.mp4", seconds=6),
        window=3.0,
        frames_per_window=2,
        sampling=25.0,
        image_size=32,
    )
    assert [(window.start, window.end, len(window.frames)) for window in windows] == [(0, 3, 2), (3, 6, 2)]


def test_the_report_says_where_the_video_ends(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=3)
    report = ReadReport()
    list(read_windows(DecodeRequest(video, image_size=SIZE), report=report))
    assert (report.duration, report.warnings) == (pytest.approx(3), [])


def test_signs_of_life_come_between_windows(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=2)
    ticks: list[int] = []
    list(read_windows(DecodeRequest(video, image_size=SIZE), on_tick=lambda: ticks.append(1)))
    assert len(ticks) == 50
