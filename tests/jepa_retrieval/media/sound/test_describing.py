"""Files with sound only: what they are, and how far they reach."""

import struct
from pathlib import Path

import pytest

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media import MediaInfo, probe
from jepa_retrieval.media.sound.describing import read_sound_extent
from jepa_retrieval.media.sound.samples import read_samples
from jepa_retrieval.media.types import ReadReport
from tests.jepa_retrieval.media.sound.test_samples import heard, tone
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


def test_damaged_sound_is_not_called_a_video_or_picture(tmp_path: Path) -> None:
    path = make_spoken_video(tmp_path / "a.wv", tone(0.0, 2.0), codec="wavpack", pictures=False)
    content = bytearray(path.read_bytes())
    content[24:28] = bytes(4)  # the flags of the first block: the file opens, and its packets cannot be read
    path.write_bytes(content)
    with pytest.raises(UnreadableMediaError, match="is not sound that can be read"):
        extent(path)
    with pytest.raises(UnreadableMediaError, match="nothing of its sound can be decoded"):
        read_samples(path, tmp_path / "samples", on_tick=lambda: None)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mkv", "flac"), ("a.ogg", "libopus"), ("a.flac", "flac"), ("a.wav", "pcm_s16le"), ("a.mp4", "aac")],
)
def test_containers_without_pictures_are_sound(tmp_path: Path, name: str, codec: str) -> None:
    rate = 48_000 if codec == "libopus" else RATE
    path = make_spoken_video(tmp_path / name, tone(1.0, 3.0), codec=codec, rate=rate, pictures=False)
    assert probe(path, sound=True).kind == "audio"
    assert extent(path).duration == pytest.approx(4.0, abs=0.1)


def test_what_is_missing_of_a_file_that_was_cut_off_is_reported(tmp_path: Path) -> None:
    path = make_spoken_video(tmp_path / "a.flac", tone(0.0, 4.0), codec="flac", pictures=False)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (missing,) = extent(path).partial
    assert missing.startswith("is cut off: ") and missing.endswith("of 4.0 seconds are there")


def test_sound_that_is_none_is_refused(tmp_path: Path) -> None:
    noise = tmp_path / "a.mp3"
    noise.write_bytes(bytes(range(256)) * 50)
    with pytest.raises(UnreadableMediaError):
        probe(noise, sound=True)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.wav", "pcm_s16le"), ("a.w64", "pcm_s16le"), ("a.caf", "pcm_s16be"), ("a.au", "pcm_s16be"),
     ("a.aiff", "pcm_s16be")],
)  # fmt: skip
def test_a_header_that_states_more_than_there_is_is_reported(tmp_path: Path, name: str, codec: str) -> None:
    path = make_spoken_video(tmp_path / name, tone(0.0, 4.0), codec=codec, pictures=False)
    assert extent(path).partial == []
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    report = extent(path)
    assert report.duration == pytest.approx(2.0, abs=0.1)
    (missing,) = report.partial
    assert missing.startswith("is cut off: 2.0 of ") and float(missing.split()[5]) == pytest.approx(
        4, abs=0.1
    )


def test_less_than_a_second_that_is_missing_is_told_too_where_the_size_is_stated(tmp_path: Path) -> None:
    path = make_spoken_video(tmp_path / "a.wav", tone(0.0, 4.0), codec="pcm_s16le", pictures=False)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 9 // 10])
    assert extent(path).partial == ["is cut off: 3.6 of 4.0 seconds are there"]
    path = make_spoken_video(tmp_path / "b.wav", tone(0.0, 4.0), codec="pcm_s16le", pictures=False)
    path.write_bytes(path.read_bytes()[:-44])  # of programs that count the header as sound
    assert extent(path).partial == []


def test_a_header_that_was_never_finished_states_nothing(tmp_path: Path) -> None:
    path = make_spoken_video(tmp_path / "a.wav", tone(0.0, 4.0), codec="pcm_s16le", pictures=False)
    content = path.read_bytes()
    at = content.index(b"data") + 4
    # As programs write that were killed, or write to a pipe.
    for size in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\xf0\xff\x7f"):
        path.write_bytes(content[:4] + size + content[8:at] + size + content[at + 4 :])
        assert extent(path).partial == [] and extent(path).duration == pytest.approx(4.0, abs=0.1)


def test_a_long_wave_file_states_its_size_in_64_bits(tmp_path: Path) -> None:
    path = make_spoken_video(tmp_path / "a.wav", tone(0.0, 4.0), codec="pcm_s16le", pictures=False)
    content = path.read_bytes()
    at = content.index(b"data")
    sound = content[at + 8 :]
    sizes = struct.pack("<QQQI", len(content), len(sound), len(sound) // 2, 0)
    begin = b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<I", len(sizes)) + sizes
    path.write_bytes(begin + content[12:at] + b"data\xff\xff\xff\xff" + sound)
    assert extent(path).partial == []
    path.write_bytes(path.read_bytes()[: -len(sound) // 2])
    assert extent(path).partial[0].endswith("of 4.0 seconds are there")


def test_a_header_without_sound_behind_it_is_judged_alike_everywhere(tmp_path: Path) -> None:
    path = make_spoken_video(tmp_path / "a.wav", tone(0.0, 1.0), codec="pcm_s16le", pictures=False)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"data")] + b"data\0\0\0\0")
    for read in (extent, heard):
        with pytest.raises(UnreadableMediaError, match="no sound behind it"):
            read(path)


def test_what_is_no_sound_is_not_called_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(bytes(5000))
    for read in (extent, heard, lambda file: probe(file, sound=True)):
        with pytest.raises(UnreadableMediaError, match="is not sound that can be read"):
            read(path)


@pytest.mark.parametrize(("samples", "missing"), [(0, False), (RATE, False), (40 * RATE, True)])
def test_a_wrong_number_of_samples_changes_no_duration(tmp_path: Path, samples: int, missing: bool) -> None:
    path = make_spoken_video(tmp_path / "a.flac", tone(0.0, 4.0), codec="flac", pictures=False)
    content = bytearray(path.read_bytes())
    numbers = int.from_bytes(content[18:26], "big")  # STREAMINFO: the last 36 bits are the number of samples
    content[18:26] = (numbers >> 36 << 36 | samples).to_bytes(8, "big")
    path.write_bytes(content)
    report = extent(path)
    assert report.duration == pytest.approx(4.0, abs=0.1)
    assert heard(path)[0].seconds == pytest.approx(4.0, abs=0.1)
    assert report.partial == (["is cut off: 4.0 of 40.0 seconds are there"] if missing else [])
