"""Animated pictures: times, intervals, and how much of a long one is decoded."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media import DecodeRequest, ReadReport, probe, read_windows
from jepa_retrieval.media.pictures.delays import read_delays
from tests.jepa_retrieval.media.conftest import SIZE, Read
from tests.media_factory import BLUE, GREEN, RED, make_animation

EDGE = SIZE // 5


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".avif"])
def test_an_animation_is_a_video(tmp_path: Path, read: Read, suffix: str) -> None:
    path = make_animation(tmp_path / f"a{suffix}", delays=[1.0, 2.0, 1.5], scenes=[RED, GREEN, BLUE])
    info = probe(path)
    assert (info.kind, info.duration) == ("video", pytest.approx(4.5))
    first, second = read(path)
    assert (first.start, first.end, first.times.tolist()) == (0, 2, pytest.approx([0, 1]))
    assert (second.start, second.end, second.times.tolist()) == (2, pytest.approx(4.5), pytest.approx([3]))
    for frame, colour in ((first.frames[0], RED), (first.frames[1], GREEN), (second.frames[0], BLUE)):
        assert np.abs(frame[-EDGE:, -EDGE:].reshape(-1, 3).mean(0) - colour).max() < 12


def test_a_part_of_an_animation(tmp_path: Path, read: Read) -> None:
    path = make_animation(tmp_path / "a.gif", delays=[1.0, 4.0, 1.0], scenes=[RED, GREEN, BLUE])
    (window,) = read(path, start=2.0, end=3.0)
    assert (window.start, window.end, window.times.tolist()) == (2, 3, [1])


@pytest.mark.parametrize(("suffix", "form"), [(".gif", "GIF"), (".webp", "WEBP"), (".png", "PNG")])
def test_delays_are_told_without_decoding(tmp_path: Path, suffix: str, form: str) -> None:
    delays = [0.04, 0.5, 0.12, 0.0, 3.0]
    path = make_animation(tmp_path / f"a{suffix}", delays=delays)
    assert read_delays(path, form) == pytest.approx(delays)
    for length in range(0, path.stat().st_size, 7):  # damage of any kind is no error
        (tmp_path / "cut").write_bytes(path.read_bytes()[:length])
        found = read_delays(tmp_path / "cut", form)
        assert found == pytest.approx(delays[: len(found)])


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".avif"])
@pytest.mark.parametrize(
    ("variable", "value", "of"),
    [
        ("JEPA_MAX_ANIMATION_FRAMES", 30, "30 frames"),
        ("JEPA_MAX_ANIMATION_PIXELS", 30 * 64 * 48, "92,160 pixels in all frames"),
    ],
)
def test_a_long_animation_is_read_up_to_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, variable: str, value: int, of: str
) -> None:
    path = make_animation(tmp_path / f"a{suffix}", delays=[0.2] * 50, scenes=[RED, GREEN] * 25)
    monkeypatch.setenv(variable, str(value))
    report = ReadReport()
    windows = list(read_windows(DecodeRequest(path, image_size=SIZE), report=report))
    assert windows[-1].end == report.duration == pytest.approx(6.0)
    assert report.partial == [
        f"6.0 seconds were read; the limit of an animated picture is {of} (${variable} raises it)"
    ]
    monkeypatch.setenv(variable, str(50 * 64 * 48))
    whole = ReadReport()
    assert list(read_windows(DecodeRequest(path, image_size=SIZE), report=whole))[-1].end == pytest.approx(
        10.0
    )
    assert whole.partial == []


def test_every_frame_is_a_sign_of_life(tmp_path: Path) -> None:
    path = make_animation(tmp_path / "a.avif", delays=[0.1] * 20)
    ticks: list[int] = []
    probe(path, on_tick=lambda: ticks.append(1))
    assert len(ticks) >= 20  # its chunks do not tell the delays
    ticks.clear()
    list(read_windows(DecodeRequest(path, image_size=SIZE), on_tick=lambda: ticks.append(1)))
    assert len(ticks) >= 20


def test_a_damaged_animation_is_read_up_to_the_damage(tmp_path: Path) -> None:
    frames = [
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (48, 64), dtype=np.uint8))
        for number in range(20)
    ]
    path = tmp_path / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=500)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    report = ReadReport()
    windows = list(read_windows(DecodeRequest(path, image_size=SIZE), report=report))
    assert 2.0 < (windows[-1].end or 0.0) < 7.0
    assert report.partial[0].startswith("is damaged: ")


@pytest.mark.parametrize(("frame", "size"), [(1, 60_000), (2, 40_000), (2, 65_535)])
def test_a_frame_far_larger_than_its_picture_takes_no_memory(tmp_path: Path, frame: int, size: int) -> None:
    """The picture would grow with it, to billions of pixels."""
    path = make_animation(tmp_path / "a.gif", delays=[1.0, 1.0, 1.0], scenes=[RED, GREEN, BLUE])
    data = bytearray(path.read_bytes())
    at = -1
    for _ in range(frame + 1):
        at = data.index(b"\x21\xf9\x04", at + 1)  # before each frame
    struct.pack_into("<HH", data, at + 8 + 5, size, size)
    path.write_bytes(data)
    report = ReadReport()
    (window,) = read_windows(DecodeRequest(path, image_size=SIZE), report=report)
    assert window.end == pytest.approx(frame)
    (reason,) = report.partial
    assert reason.startswith(
        f"is damaged: {frame:.1f} seconds are there; then its picture of {size} x {size} "
    )
    assert probe(path).duration == pytest.approx(3.0)


def test_a_first_frame_far_larger_than_its_picture_is_refused(tmp_path: Path) -> None:
    path = make_animation(tmp_path / "a.gif", delays=[1.0, 1.0], scenes=[RED, GREEN])
    data = bytearray(path.read_bytes())
    struct.pack_into("<HH", data, data.index(b"\x21\xf9\x04") + 8 + 5, 50_000, 50_000)
    path.write_bytes(data)
    with pytest.raises(UnreadableMediaError, match="50000 x 50000 pixels is larger than the limit"):
        list(read_windows(DecodeRequest(path, image_size=SIZE)))
