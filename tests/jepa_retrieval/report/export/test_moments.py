"""Where moments lie in their files: on the clock of indexing, and never after the end."""

import csv
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from jepa_retrieval.errors import UsageError
from jepa_retrieval.report.export import FORMATS, ExportMoment, export_moments
from tests.jepa_retrieval.report.export.conftest import video
from tests.media_factory import (
    BLUE,
    RED,
    join_recordings,
    make_animation,
    make_audio,
    make_picture,
    make_video,
)


@dataclass(frozen=True)
class Folder:
    """What an export asks of a library."""

    path: Path

    def resolve(self, path: str) -> Path:
        return self.path / path


def rows(moments: list[ExportMoment], folder: Path) -> list[dict[str, str]]:
    """The table of moments of files in a folder."""
    library: Any = Folder(folder)
    export_moments(folder / "out.csv", moments, library)
    with (folder / "out.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["a.ts", "a.vob"])
def test_frames_are_counted_on_where_the_clock_restarts(tmp_path: Path, name: str) -> None:
    join_recordings(tmp_path / name, scenes=[(RED, 1.0), (BLUE, 0.0)])
    (row,) = rows([video(name, 2.5, 3.5)], tmp_path)
    # At the joint of a transport stream a packet is lost, or comes twice.
    assert abs(int(row["first_frame"]) - 63) <= 1 and int(row["last_frame"]) - int(row["first_frame"]) == 24
    library: Any = Folder(tmp_path)
    export_moments(tmp_path / "a.fcpxml", [video(name, 0.0, 1.0)], library)
    (asset,) = ElementTree.parse(tmp_path / "a.fcpxml").getroot().iter("asset")
    above, _, below = (asset.get("duration") or "").removesuffix("s").partition("/")
    assert int(above) / int(below or 1) == pytest.approx(4.0, abs=0.1)


def test_an_end_after_the_end_of_the_file_is_that_of_the_file(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", seconds=2, fps=25)
    make_video(tmp_path / "a.h264", seconds=2, fps=25)
    make_audio(tmp_path / "a.mp3", seconds=2)
    talk = ExportMoment("a.mp3", "audio", 1.0, 1e9)
    first, raw, sound = rows([video("a.mp4", 1, 1e9), video("a.h264", 1, 1e9), talk], tmp_path)
    for row in (first, raw):
        assert [float(row[name]) for name in ("start", "end", "first_frame", "last_frame")] == [1, 2, 25, 49]
        assert row["end_timecode"] == "00:00:02:00"
    assert float(sound["end"]) == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize("name", FORMATS)
def test_a_moment_after_the_end_is_left_out_with_the_reason(library: Any, tmp_path: Path, name: str) -> None:
    late = [video("film.mkv", 50, 60), video("film.mkv", 6.1, 7)]
    report = export_moments(tmp_path / f"a.{name}", [video("film.mkv", 5, 6), *late], library)
    assert report.moments == 1 and [one.moment for one in report.left_out] == late
    assert {one.reason for one in report.left_out} == {"the file ends at 0:06"}
    with pytest.raises(UsageError) as caught:
        export_moments(tmp_path / f"b.{name}", late, library)
    assert str(caught.value).count("film.mkv") == 1  # one sentence for each file, not for each moment


def test_while_sound_goes_on_the_last_picture_is_shown(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", seconds=1, fps=25, sound=True, sound_seconds=5)
    (row,) = rows([video("a.mp4", 3, 4)], tmp_path)
    assert (row["start"], row["end"], row["first_frame"], row["last_frame"]) == ("3.000", "4.000", "24", "24")


def test_the_table_of_a_zip_says_why_a_clip_is_not_there(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", seconds=1)
    content = bytearray(make_video(tmp_path / "b.mp4", seconds=2, fps=25, gop=10).read_bytes())
    begin = content.index(b"mdat") + 4
    length = int.from_bytes(content[begin - 8 : begin - 4]) - 8
    content[begin + length // 4 : begin + length] = bytes(length - length // 4)
    (tmp_path / "b.mp4").write_bytes(content)
    library: Any = Folder(tmp_path)
    moments = [video("a.mp4", 0.2, 0.8), video("b.mp4", 1.2, 1.8)]
    report = export_moments(tmp_path / "a.zip", moments, library)
    assert [one.moment.path for one in report.left_out] == ["b.mp4"]
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        table = list(csv.DictReader(io.TextIOWrapper(archive.open("moments.csv"), "utf-8")))
    assert [row["problem"] for row in table] == ["", report.left_out[0].reason]


def test_a_video_that_became_a_picture_is_left_out(tmp_path: Path) -> None:
    make_picture(tmp_path / "a.png")
    (row,) = rows([video("a.png", 0, 1)], tmp_path)
    assert row["problem"] == "is a still picture now"


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp"])
def test_animated_pictures_are_counted_or_named(tmp_path: Path, name: str) -> None:
    make_animation(tmp_path / name, delays=[0.5] * 6)
    (row,) = rows([video(name, 1, 2)], tmp_path)
    if name == "a.webp" and row["problem"]:  # whether libav reads these depends on its version
        assert row["problem"] == "is an animated picture, of a kind whose frames cannot be counted"
    else:
        assert (row["first_frame"], row["last_frame"], row["frame_rate"]) == ("2", "3", "2")


def test_a_header_that_states_too_little_is_not_believed(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "a.mp4", seconds=4, fps=25, gop=10).read_bytes()
    begin = whole.index(b"mvhd") + 16  # the time scale and the duration of the file
    scale, length = (int.from_bytes(whole[begin + at : begin + at + 4]) for at in (0, 4))
    assert length / scale == pytest.approx(4.0, abs=0.1)
    (row,) = rows([video("a.mp4", 3, 3.8)], tmp_path)
    assert (row["first_frame"], row["last_frame"]) == ("75", "94")
