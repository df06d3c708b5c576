"""Frame rates and frame numbers, of files whose frames are known."""

import itertools
from fractions import Fraction
from pathlib import Path

import pytest

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.video.timing import rate_of, read_timing, standard_rate
from tests.media_factory import make_picture, make_video

NTSC = Fraction(30_000, 1001)


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("a.mp4", Fraction(24_000, 1001)),
        ("a.mov", Fraction(25)),
        ("a.mkv", NTSC),
        ("a.ts", NTSC),
        ("a.mp4", Fraction(60_000, 1001)),
        ("a.mp4", Fraction(15)),
    ],
)
def test_the_exact_rate_is_found(tmp_path: Path, name: str, rate: Fraction) -> None:
    video = make_video(tmp_path / name, seconds=4, fps=float(rate), sound=True)
    timing = read_timing(video)
    assert (timing.rate, timing.is_constant) == (rate, True)
    assert (timing.width, timing.height, timing.timecode) == (160, 96, None)
    assert timing.sound is not None and timing.sound.rate == 16_000
    # Independently: the frames whose time n / rate lies in the interval.
    inside = [n for n in range(1000) if 1 <= n / rate < 2]
    assert timing.frame_range(1 + timing.first, 2 + timing.first) == (inside[0], inside[-1] + 1)


def test_a_variable_rate_has_the_usual_rate_nearest_to_it(tmp_path: Path) -> None:
    steps = itertools.cycle([0.033, 0.034, 0.040, 0.033, 0.2])
    times = list(itertools.accumulate(itertools.islice(steps, 60), initial=0.0))
    timing = read_timing(make_video(tmp_path / "a.mp4", times=times))
    assert (timing.rate, timing.is_constant) == (Fraction(30), False) or (
        timing.rate == NTSC and not timing.is_constant
    )


def test_frames_are_counted_from_the_first_picture(tmp_path: Path) -> None:
    for name in ("a.ts", "b.mp4"):
        video = make_video(tmp_path / name, seconds=4, fps=25, start_time=10, sound=name == "a.ts")
        timing = read_timing(video)
        # Sound begins at 0 in one; the clock of the other begins with its pictures.
        assert timing.frame_range(timing.first, timing.first + 1) == (0, 25)
        assert timing.first == pytest.approx(10 if name == "a.ts" else 0, abs=0.1)


def test_ranges_stay_in_the_file_and_are_never_empty(tmp_path: Path) -> None:
    timing = read_timing(make_video(tmp_path / "a.mp4", seconds=4, fps=25))
    assert timing.frame_range(3.5, 99) == (88, 100)
    assert timing.frame_range(50, 60) == (99, 100)
    assert timing.frame_range(1.01, 1.02) == (26, 27)
    # Stored times are rounded: a hair behind a frame still means that frame.
    assert timing.frame_range(1.0004, 2.0004) == (25, 50)


def test_stated_rates_mean_the_usual_ones() -> None:
    assert standard_rate(Fraction("29.97")) == NTSC
    assert standard_rate(Fraction("23.976")) == Fraction(24_000, 1001)
    assert standard_rate(Fraction(24)) == 24
    assert standard_rate(Fraction(12)) == 12
    # Stamps in milliseconds, as Matroska has them.
    times = [round(number / float(NTSC), 3) for number in range(900)]
    assert rate_of(times, [], tick=0.001) == (NTSC, True)
    assert rate_of([time * 1.001 for time in times], [], tick=0.001)[0] != NTSC


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(UnreadableMediaError, match=r"a\.mp4: is not a video"):
        read_timing(tmp_path / "a.mp4")
    with pytest.raises(UnreadableMediaError):
        read_timing(make_picture(tmp_path / "a.jpg"))
