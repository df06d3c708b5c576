"""Sound as samples: at the right time, whatever its rate, channels and container, and whatever is wrong with it."""

from pathlib import Path

import numpy as np
import pytest

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.sound.samples import SAMPLE_RATE, SoundReport, open_samples, read_samples
from jepa_retrieval.media.workers.calls import call_in_worker
from tests.media_factory import make_animation, make_picture
from tests.spoken import RATE, make_spoken_video


def tone(begin: float, end: float, *, seconds: float = 4.0) -> np.ndarray:
    """A tone from `begin` to `end`, and silence else, int16."""
    times = np.arange(round(seconds * RATE)) / RATE
    return np.where((times >= begin) & (times < end), 8000 * np.sin(times * 2 * np.pi * 440), 0).astype(
        np.int16
    )


def heard(path: Path) -> tuple[SoundReport, np.ndarray]:
    out = path.with_suffix(".raw")
    report = read_samples(path, out, on_tick=lambda: None)
    return report, open_samples(out)


def interval(samples: np.ndarray) -> tuple[float, float]:
    """From when to when something is heard, in seconds."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 500)
    return loud[0] / SAMPLE_RATE, loud[-1] / SAMPLE_RATE


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {}),
        ("a.mkv", {"codec": "pcm_s16le", "layout": "7.1"}),
        ("a.mkv", {"codec": "pcm_s16le", "rate": 8000}),
        ("a.mkv", {"codec": "flac", "rate": 96_000}),
        ("a.mkv", {"codec": "libopus", "rate": 48_000, "layout": "stereo"}),
        ("a.ts", {"codec": "mp2", "start_time": 50.0}),
        ("a.mp4", {"start_time": 3.0}),
    ],
)
def test_sound_of_any_kind_is_heard_when_it_is(tmp_path: Path, name: str, options: dict) -> None:
    report, samples = heard(make_spoken_video(tmp_path / name, tone(1.0, 3.0), **options))
    assert interval(samples) == pytest.approx((1.0, 3.0), abs=0.1)
    assert report.seconds == pytest.approx(4.0, abs=0.1) and report.damaged == 0
    assert np.abs(samples[round(1.5 * SAMPLE_RATE) : round(2.5 * SAMPLE_RATE)]).max() > 1000


def test_sound_that_begins_later_or_has_a_gap_keeps_its_times(tmp_path: Path) -> None:
    _, samples = heard(make_spoken_video(tmp_path / "a.mkv", tone(1.0, 3.0), begin=2.0))
    assert interval(samples) == pytest.approx((3.0, 5.0), abs=0.1)
    _, samples = heard(make_spoken_video(tmp_path / "b.mkv", tone(1.0, 3.0), codec="flac", gap=(2.0, 5.0)))
    assert interval(samples) == pytest.approx((1.0, 8.0), abs=0.1)
    assert not samples[round(2.5 * SAMPLE_RATE) : round(6.5 * SAMPLE_RATE)].any()


def test_a_file_without_sound_has_none(tmp_path: Path) -> None:
    report, samples = heard(make_spoken_video(tmp_path / "a.mp4", None))
    assert report == SoundReport(0.0) and len(samples) == 0


def test_damaged_sound_is_read_as_far_as_possible_and_counted(tmp_path: Path) -> None:
    path = make_spoken_video(tmp_path / "a.mkv", tone(0.5, 3.5), codec="flac", pictures=False)
    content = bytearray(path.read_bytes())
    for at in range(len(content) // 2, len(content) // 2 + 4000, 7):
        content[at] ^= 0x55
    path.write_bytes(content)
    report, samples = heard(path)
    assert report.damaged > 0
    assert interval(samples)[0] == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("keep", [0.0, 0.01])
def test_what_cannot_be_opened_is_an_error_that_names_it(tmp_path: Path, keep: float) -> None:
    path = make_spoken_video(tmp_path / "a.mp4", tone(0.5, 1.5, seconds=2.0))
    content = path.read_bytes()
    path.write_bytes(content[: round(len(content) * keep)])
    with pytest.raises(UnreadableMediaError, match=r"a\.mp4"):
        call_in_worker(read_samples, path, tmp_path / "out")


def test_a_stamp_far_in_the_future_takes_no_disk(tmp_path: Path) -> None:
    path = make_spoken_video(
        tmp_path / "a.mkv", tone(0.5, 1.5), codec="flac", gap=(2.0, 400 * 3600.0), pictures=False
    )
    _, samples = heard(path)
    assert len(samples) < 10 * SAMPLE_RATE


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.webp", "a.bmp"])
def test_a_still_picture_is_called_one(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnreadableMediaError) as caught:
        heard(make_picture(tmp_path / name))
    assert caught.value.reason == "is a still picture: there is no sound in it"


def test_a_damaged_picture_is_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    with pytest.raises(UnreadableMediaError) as caught:
        heard(tmp_path / "a.png")
    assert caught.value.reason == "is not a picture that can be read, or its header is damaged"


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_an_animated_picture_has_no_sound(tmp_path: Path, name: str) -> None:
    report, samples = heard(make_animation(tmp_path / name, delays=(0.5, 0.5)))
    assert report.seconds == 0.0 and not len(samples)
