"""Files that are not what they seem: each is read as far as it goes, or refused with a reason in plain words."""

import logging
import os
import struct
import subprocess
import sys
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media import DecodeRequest, FoundFile, ReadReport, content_hash, probe, read_windows, scan
from jepa_retrieval.media.reasons import ONLY_SOUND
from tests.jepa_retrieval.media.conftest import SIZE
from tests.media_factory import make_audio, make_picture, make_video
from tests.unprivileged import unprivileged

pytestmark = pytest.mark.long

NOT_MEDIA = "is not a video or picture that can be read"


def reason_of(path: Path) -> str:
    with pytest.raises(UnreadableMediaError) as refused:
        probe(path)
    reason = refused.value.reason
    assert reason and "\n" not in reason and str(path) not in reason
    assert str(refused.value).startswith(str(path))
    return reason


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.mp4", b"", "is empty"),
        ("text.mp4", b"hello world\n" * 500, NOT_MEDIA),
        ("list.mp4", b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/x.ts\n", NOT_MEDIA),
        ("script.mp4", b"ffconcat version 1.0\nfile '/etc/passwd'\n", NOT_MEDIA),
        ("page.jpg", b"<html></html>", "is not a picture that can be read"),
        ("noise.mkv", bytes(range(256)) * 50, NOT_MEDIA),
        ("wide.png", png_header(70_000, 10), "longer than the limit of 65,535 pixels"),
        (
            "huge.png",
            png_header(17_000, 16_000),
            "larger than the limit of 268,435,456 pixels ($JEPA_MAX_PIXELS raises it)",
        ),
        ("bomb.png", png_header(60_000, 60_000), "larger than the limit"),
    ],
)
def test_refused_with_a_reason(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert reason in reason_of(tmp_path / name)


def test_files_that_are_none(tmp_path: Path) -> None:
    assert reason_of(tmp_path / "gone.mp4") == "no such file or folder"
    (tmp_path / "folder.mp4").mkdir()
    assert reason_of(tmp_path / "folder.mp4") == "is a folder"
    os.mkfifo(tmp_path / "pipe.mp4")
    assert reason_of(tmp_path / "pipe.mp4") == "is not a regular file"
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    assert reason_of(tmp_path / "loop.mp4") == "is a symbolic link that leads to itself"


def test_permission_denied(tmp_path: Path) -> None:
    files = [make_video(tmp_path / "a.mp4", seconds=0.2), make_picture(tmp_path / "b.jpg")]
    for path in files:
        path.chmod(0)
    script = """
import sys
from pathlib import Path
from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media import content_hash, probe
for read in (probe, content_hash):
    for name in sys.argv[1:]:
        try:
            read(Path(name))
        except UnreadableMediaError as error:
            print(error.reason)
"""
    command = [*unprivileged(), sys.executable, "-c", script, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["permission denied"] * 4


def test_sound_without_pictures(tmp_path: Path) -> None:
    assert reason_of(make_audio(tmp_path / "a.m4a")) == ONLY_SOUND
    assert reason_of(make_audio(tmp_path / "cover.mp3", cover=True)) == ONLY_SOUND


def test_a_video_of_impossible_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JEPA_MAX_PIXELS", "100000000")
    video = make_video(tmp_path / "a.avi", seconds=0.2, codec="rawvideo", pixel_format="bgr24")
    data = bytearray(video.read_bytes())
    size_field = data.index(b"strf") + 12
    assert struct.unpack_from("<ii", data, size_field) == (160, -96)  # its rows run downwards
    struct.pack_into("<ii", data, size_field, 12_000, -12_000)
    video.write_bytes(data)
    reason = "is larger than the limit of 100,000,000 pixels ($JEPA_MAX_PIXELS raises it)"
    assert reason_of(video) == f"its picture of 12000 x 12000 pixels {reason}"


def test_a_video_that_is_cut_off(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "a.mp4", seconds=8, gop=25, container_options={"movflags": "faststart"})
    data = whole.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 6 // 10])
    report = ReadReport()
    windows = list(read_windows(DecodeRequest(tmp_path / "cut.mp4", image_size=SIZE), report=report))
    assert windows and windows[-1].end is not None and windows[-1].end < 8
    assert report.partial[0].startswith("is cut off: ")
    (tmp_path / "head.mp4").write_bytes(data[: data.index(b"mdat") + 8])
    assert reason_of(tmp_path / "head.mp4") == "no frame could be decoded (damaged or truncated)"


@pytest.mark.parametrize("sound", [False, True])
@pytest.mark.parametrize("suffix", ["mkv", "flv"])
def test_one_duration_for_all_streams_tells_that_a_file_is_cut_off(
    tmp_path: Path, suffix: str, sound: bool
) -> None:
    whole = make_video(tmp_path / f"whole.{suffix}", seconds=8, gop=25, sound=sound)
    data = whole.read_bytes()
    (tmp_path / f"cut.{suffix}").write_bytes(data[: len(data) * 6 // 10])
    report = ReadReport()
    list(read_windows(DecodeRequest(tmp_path / f"cut.{suffix}", image_size=SIZE), report=report))
    assert [reason.partition(":")[0] for reason in report.partial] == ["is cut off"]


@pytest.mark.parametrize("suffix", ["mkv", "flv"])
def test_sound_that_ends_later_is_no_cut(tmp_path: Path, suffix: str) -> None:
    video = make_video(tmp_path / f"a.{suffix}", seconds=3, sound=True, sound_seconds=9.0)
    report = ReadReport()
    list(read_windows(DecodeRequest(video, image_size=SIZE), report=report))
    assert report.partial == []


@pytest.mark.parametrize("suffix", ["mkv", "webm", "nut", "flv", "mp4", "mov", "avi"])
def test_stamps_that_begin_late_are_no_cut(tmp_path: Path, suffix: str) -> None:
    """As in a part that was copied out of a recording with its stamps: some headers state the end by its stamp."""
    codec = {"webm": "vp8", "flv": "flv"}.get(suffix, "mpeg4")
    path = tmp_path / f"a.{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(70, 110):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    report = ReadReport()
    list(read_windows(DecodeRequest(path, image_size=SIZE), report=report))
    assert report.partial == []
    late = 7 if suffix == "avi" else 0  # it has no stamps: empty packets stand for the time before
    assert report.duration == pytest.approx(4 + late, abs=0.15)


def test_recordings_joined_in_a_format_that_does_not_allow_it(tmp_path: Path) -> None:
    data = make_video(tmp_path / "a.flv", seconds=4, codec="flv").read_bytes()
    (tmp_path / "joined.flv").write_bytes(data + data)
    report = ReadReport()
    list(read_windows(DecodeRequest(tmp_path / "joined.flv", image_size=SIZE), report=report))
    assert report.partial == ["is damaged: only 50% of the file could be read"]
    whole = ReadReport()
    list(read_windows(DecodeRequest(tmp_path / "a.flv", image_size=SIZE), report=whole))
    assert whole.partial == []


@pytest.mark.parametrize("sampling", [2.0, "auto", "keyframes"])
def test_a_packet_that_swallows_the_rest_is_no_harmless_problem(tmp_path: Path, sampling: object) -> None:
    video = make_video(tmp_path / "a.avi", seconds=8, gop=10, codec="mpeg4")
    data = bytearray(video.read_bytes())
    # The header's totals are damaged as well, so that no duration tells that something is missing.
    struct.pack_into("<I", data, 4, 2**29)
    data[data.index(b"avih") + 8 :][16:20] = b"\0\0\0\0"
    data[data.index(b"idx1") :] = b""
    chunks = [at for at in range(len(data)) if data.startswith(b"00dc", at)]
    struct.pack_into("<I", data, chunks[len(chunks) // 3] + 4, len(data))
    video.write_bytes(data)
    report = ReadReport()
    list(read_windows(DecodeRequest(video, image_size=SIZE, sampling=sampling), report=report))  # type: ignore[arg-type]
    assert [reason.partition(":")[0] for reason in report.partial] == ["is damaged"], report


@pytest.mark.parametrize("sampling", [2.0, "auto", "keyframes"])
def test_damage_in_the_middle_costs_only_the_middle(tmp_path: Path, sampling: object) -> None:
    video = make_video(tmp_path / "a.ts", seconds=12, gop=25, size=(320, 240))
    data = bytearray(video.read_bytes())
    data[len(data) * 4 // 10 : len(data) * 5 // 10] = os.urandom(len(data) * 5 // 10 - len(data) * 4 // 10)
    video.write_bytes(data)
    request = DecodeRequest(video, image_size=SIZE, sampling=sampling)  # type: ignore[arg-type]
    windows = list(read_windows(request))
    assert windows[0].start == 0
    assert windows[-1].end == pytest.approx(12, abs=0.2)


def test_libraries_stay_silent(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=3, size=(320, 240))
    data = bytearray(video.read_bytes())
    for position in range(3000, len(data) - 3000, 97):
        data[position] ^= 0xFF
    video.write_bytes(data)
    with caplog.at_level(logging.INFO):
        try:
            list(read_windows(DecodeRequest(video, image_size=SIZE)))
        except UnreadableMediaError as error:
            assert error.reason
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []


@pytest.mark.parametrize(
    "name", ["a:b.mp4", "x%03d.mp4", "http:.mp4", "-.mp4", "new\nline.mp4", "🎬 'q\".mp4"]
)
def test_names_that_libraries_might_misread(tmp_path: Path, name: str) -> None:
    video = make_video(tmp_path / "plain.mp4", seconds=0.2).rename(tmp_path / name)
    assert len(list(read_windows(DecodeRequest(video, image_size=SIZE)))) == 1


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\xfe")
    try:
        make_video(tmp_path / "a.mp4", seconds=0.2).rename(tmp_path / f"{name}.mp4")
        make_picture(tmp_path / "a.png").rename(tmp_path / f"{name}.png")
    except OSError:
        pytest.skip("this file system refuses the name")
    for found in scan(tmp_path):
        assert isinstance(found, FoundFile)
        assert len(list(read_windows(DecodeRequest(found.path, image_size=SIZE)))) == 1


def test_the_hash_is_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc" * 1_000_000)
    (tmp_path / "b").write_bytes(b"abc" * 1_000_000)
    (tmp_path / "c").write_bytes(b"abc" * 999_999 + b"abd")
    hashes = [content_hash(tmp_path / name) for name in "abc"]
    assert hashes[0] == hashes[1] != hashes[2]
    assert all(len(digest) == 32 and int(digest, 16) for digest in hashes)
    with pytest.raises(UnreadableMediaError, match="no such file"):
        content_hash(tmp_path / "gone")
