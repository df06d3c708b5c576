"""Files with sound only: what they are, and how far they reach."""

from pathlib import Path

import pytest

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media import MediaInfo, probe
from jepa_retrieval.media.sound.describing import read_sound_extent
from jepa_retrieval.media.types import ReadReport
from tests.jepa_retrieval.media.sound.test_samples import tone
from tests.media_factory import make_audio
from tests.spoken import RATE, make_spoken_video


def extent(path: Path) -> ReadReport:
    report = ReadReport()
    read_sound_extent(path, report, on_tick=lambda: None)
    return report


@pytest.mark.parametrize("name", ["a.m4a", "cover.mp3"])
def test_a_cover_is_no_video(tmp_path: Path, name: str) -> None:
    path = make_audio(tmp_path / name, seconds=3.0, cover=name.startswith("cover"))
    info = probe(path, sound=True)
    codec = "mp3" if name.endswith("mp3") else "aac"
    assert info == MediaInfo("audio", info.duration, 0, 0, None, codec=codec)
    assert info.duration == pytest.approx(3.0, abs=0.2)
    report = extent(path)
    assert report.duration == pytest.approx(3.0, abs=0.2) and report.partial == []


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mkv", "flac"), ("a.ogg", "libopus"), ("a.flac", "flac"), ("a.wav", "pcm_s16le"), ("a.mp4", "aac")],
)
def test_containers_without_pictures_are_sound(tmp_path: Path, name: str, codec: str) -> None:
    rate = 48_000 if codec == "libopus" else RATE
    path = make_spoken_video(tmp_path / name, tone(1.0, 3.0), codec=codec, rate=rate, pictures=False)
    assert probe(path, sound=True).kind == "audio"
    assert extent(path).duration == pytest.approx(4.0, abs=0.1)


def test_what_is_missing_of_a_file_that_was_cut_off_is_told(tmp_path: Path) -> None:
    path = make_spoken_video(tmp_path / "a.flac", tone(0.0, 4.0), codec="flac", pictures=False)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (missing,) = extent(path).partial
    assert missing.startswith("is cut off: ") and missing.endswith("of 4.0 seconds are there")


def test_sound_that_is_none_is_refused(tmp_path: Path) -> None:
    noise = tmp_path / "a.mp3"
    noise.write_bytes(bytes(range(256)) * 50)
    with pytest.raises(UnreadableMediaError):
        probe(noise, sound=True)
